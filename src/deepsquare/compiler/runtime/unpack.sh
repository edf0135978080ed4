# unpack <file>: puts what it holds into the input, or the file itself. What it holds counts, not what it is called.
unpack() {
  local file=$1 kind
  kind_of "$file"
  case $kind in
    gzip | bzip2 | xz | zstd)
      expand "$kind" "$file" "$file.expanded" || return
      kind_of "$file.expanded"
      if [[ $kind == tar ]]; then
        file+=.expanded
      else
        file=$(without_ending "$file") || return
        mv -f -- "$1.expanded" "$file" || return
        kind=''
      fi
      ;;
  esac
  case $kind in
    tar) unpack_tar "$file" ;;
    zip) unpack_zip "$file" ;;
    7z) unpack_7z 7z "$file" ;;
    *) mv -- "$file" "$ds_scratch/input/" ;;
  esac && check_unpacked
}

# kind_of <file>: sets `kind` to what the file's own bytes say.
kind_of() {
  local bytes
  bytes=$(od -An -v -tx1 -N 262 -- "$1")
  bytes=${bytes//[[:space:]]/}
  case $bytes in
    1f8b08*) kind=gzip ;;
    425a683[1-9]314159265359* | 425a683[1-9]177245385090*) kind=bzip2 ;;
    fd377a585a00*) kind=xz ;;
    28b52ffd*) kind=zstd ;;
    504b0304* | 504b0506*) kind=zip ;;
    377abcaf271c*) kind=7z ;;
    *) if [[ ${bytes:514} == 7573746172 ]]; then kind=tar; else kind=''; fi ;;
  esac
}

broken() {
  tell "input: this $1 archive is broken"
  return 1
}

refused() {
  tell "input: refused, for $1"
  return 1
}

# tool <kind> <program> ...: sets `tool` to the first of these programs that is here.
tool() {
  local kind=$1
  shift
  for tool; do
    ! command -v "$tool" >/dev/null || return 0
  done
  tell "input: this is a $kind archive, and no program here unpacks one; ask the provider for $1"
  return 1
}

# expand <program> <file> <result>: what was compressed. gzip ends with 2 where it only warns.
expand() {
  local tool code
  tool "$1" "$1" || return
  "$1" -dc <"$2" >"$3" 2>/dev/null
  code=$?
  ((code == 0)) || [[ $code$1 == 2gzip ]] || broken "$1"
}

# without_ending <file>: what a compressed file is called when it is not.
without_ending() {
  case ${1##*/} in
    ?*.gz | ?*.bz2 | ?*.xz | ?*.zst) printf '%s\n' "${1%.*}" ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# stays_inside <file with names>: fails where one of them leads out of the folder that it is unpacked in.
stays_inside() {
  ! LC_ALL=C grep -qaE '(^|[/\\])\.\.([/\\]|$)|^[/\\]' -- "$1" || refused 'a file in the archive lies outside of it'
}

# GNU tar makes links when all files are written, so that no file goes through one.
unpack_tar() {
  tar --quoting-style=escape -tf "$1" >"$1.names" 2>/dev/null || broken tar || return
  stays_inside "$1.names" || return
  tar --no-same-owner --no-same-permissions -xf "$1" -C "$ds_scratch/input" 2>/dev/null || broken tar
}

# unzip makes links in the end, too; it ends with 1 where it only warns. The empty password keeps it from asking.
unpack_zip() {
  local code
  command -v unzip >/dev/null || {
    unpack_7z zip "$1"
    return
  }
  unzip -Z1 -- "$1" >"$1.names" 2>/dev/null || broken zip || return
  stays_inside "$1.names" || return
  unzip -qq -o -P '' -d "$ds_scratch/input" -- "$1" >/dev/null 2>&1
  code=$?
  ((code <= 1)) || broken zip
}

# unpack_7z <kind> <file>: not every 7z keeps a file from going through a link.
unpack_7z() {
  local tool
  tool "$1" 7z 7zz 7zr || return
  "$tool" l -slt -ba -p -- "$2" >"$2.list" 2>/dev/null || broken "$1" || return
  sed 's/^Path = //' <"$2.list" >"$2.names" && stays_inside "$2.names" || return
  ! grep -qaE '^Attributes = .* l[r-][w-][x-]|^Symbolic Link = .' -- "$2.list" || refused 'it is a 7z archive with links' || return
  "$tool" x -y -p -o"$ds_scratch/input" -- "$2" >/dev/null 2>&1 || broken "$1"
}

# check_unpacked: only files, folders, and links to what is unpacked, too.
check_unpacked() {
  local folder strange target
  folder=$(realpath -- "$ds_scratch/input") || return
  strange=$(find "$folder" ! -type f ! -type d ! -type l -print -quit) || return
  [[ -z $strange ]] || refused 'it holds a device or a pipe' || return
  while IFS= read -r -d '' target; do
    [[ $target == "$folder" || $target == "$folder"/* ]] || refused 'a link in the archive leads out of it' || return
  done < <(find "$folder" -type l -print0 | xargs -0 -r realpath -mz -- 2>/dev/null)
}
