ds_enroot=${DEEPSQUARE_SITE_ENROOT:-enroot}
ds_weak='' ds_gpus='' ds_home='' # the description sets them anew for `environ`

# in_enroot <exec or run> <function> <program> ...: calls the function with what starts the program in a container that
# is each task's own, by Enroot.
in_enroot() {
  local ds_image ds_binds ds_inner_env ds_outer_env ds_command verb=$1 function=$2
  shift 2
  find_runtime enroot "$ds_enroot" && find_image fetch_for_enroot && find_binds || return
  find_inner_env
  ds_command=$(mktemp -- "$ds_images/command-XXXXXX") || return
  write_beginning "$verb" >"$ds_command" && write_description >"$ds_command.conf" || return
  local ds_step_env=("${ds_outer_env[@]}")
  # On other nodes nobody holds the lock of the workshop, so what tasks make has another name.
  "$function" bash -c "$(declare -f outlast enroot_task); enroot_task \"\$@\"" bash \
    "$ds_enroot" "${ds_workshop%/*}/enroot-${ds_workshop##*-}" "$ds_image" "$ds_command.conf" "$@"
}

# fetch_for_enroot <file>: `image` is [<registry>#]<name>. Enroot looks for the registry's line of credentials; curl
# takes the other one, for whoever the registry names as its doorman.
fetch_for_enroot() {
  local folder=$ds_workshop/enroot code name=$ds_image_name host=registry-1.docker.io
  [[ $name != *'#'* ]] || host=${name%%#*}
  (umask 077 && mkdir -p -- "$folder"/{config,cache,tmp}) && rm -f -- "$1" "$folder/config/.credentials" || return
  if [[ -n $ds_user$ds_password ]]; then
    name=$ds_user@$name
    (umask 077 && printf '%s login %s password %s\n' "machine ${host%:*}" "$ds_user" "$ds_password" \
      default "$ds_user" "$ds_password" >"$folder/config/.credentials") || return
  fi
  (become "ENROOT_CONFIG_PATH=$folder/config" "ENROOT_CACHE_PATH=$folder/cache" "ENROOT_TEMP_PATH=$folder/tmp" -- \
    "$ds_enroot" import --output "$1" -- "docker://$name")
  code=$?
  rm -f -- "$folder/config/.credentials"
  return "$code"
}

# write_beginning <exec or run>: what the container's shell does first. Here no value is more than text; `exec` passes
# the image's own program by.
write_beginning() {
  local entry name
  local -A weak=()
  for entry in "${ds_job_env[@]}" "${ds_kept_env[@]}"; do weak[${entry%%=*}]=${entry#*=}; done
  for name in "${!weak[@]}"; do write_variable "[ -n \"\${$name+x}\" ] || " "$name" "${weak[$name]}"; done
  for entry in "${ds_inner_env[@]}"; do write_variable '' "${entry%%=*}" "${entry#*=}"; done
  [[ -z $ds_inside ]] || printf 'cd -- %s || exit\n' "$(quoted "$ds_inside")"
  [[ $1 == run ]] || printf 'exec "$@"\n'
}

# write_variable <condition> <name> <value>: but for those that no shell lets anybody set.
write_variable() {
  case $2 in BASHOPTS | BASH_VERSINFO | EUID | PPID | SHELLOPTS | UID) return ;; esac
  printf '%sexport %s=%s\n' "$1" "$2" "$(quoted "$3")"
}

# quoted <text>: one word of any shell.
quoted() {
  local mark="'" escaped="'\\''"
  printf "'%s'" "${1//"$mark"/"$escaped"}"
}

# write_description: the configuration with which Enroot starts the container.
write_description() {
  local changes=n gpus=void home='' entry names=' '
  [[ $ds_sees != *' changes '* ]] || changes=y
  [[ $ds_sees != *' gpus '* ]] || gpus=all
  [[ $ds_sees != *' home '* ]] || home=$HOME
  for entry in "${ds_job_env[@]}" "${ds_kept_env[@]}"; do names+="${entry%%=*} "; done
  printf '#ENROOT_%s\n' REMAP_ROOT=n "ROOTFS_WRITABLE=$changes" MOUNT_HOME=n
  printf 'ds_binds=('
  printf ' %q' "${ds_binds[@]}"
  printf ' )\nds_weak=%q ds_gpus=%q ds_home=%q ds_command=%q\n' "$names" "$gpus" "$home" "${ds_command##*/}"
  declare -f environ mounts hooks fstab_word
}

# environ: the variables of the host, then the image's own: a later one wins. What the job sets comes at the beginning.
environ() {
  local name
  for name in $(compgen -e); do
    case $name in
      PATH | LD_* | HOME | PWD | OLDPWD | SHLVL | TMPDIR | XDG_* | BASH* | ENROOT_* | DEEPSQUARE_* | _) continue ;;
    esac
    [[ $ds_weak == *" $name "* || ${!name} == *$'\n'* ]] || printf '%s=%s\n' "$name" "${!name}"
  done
  [[ ! -e $ENROOT_ROOTFS/etc/environment ]] || cat -- "$ENROOT_ROOTFS/etc/environment"
  printf 'NVIDIA_VISIBLE_DEVICES=%s\n' "$ds_gpus"
  [[ -z $ds_home ]] || printf 'HOME=%s\n' "$ds_home"
}

mounts() {
  local index
  for ((index = 0; index < ${#ds_binds[@]}; index += 3)); do
    fstab_word "${ds_binds[index]}"
    fstab_word "${ds_binds[index + 1]}"
    printf 'none x-create=auto,bind,%s\n' "${ds_binds[index + 2]}"
  done
}

# fstab_word <text>: as a table of mounts has it, with a space behind it.
fstab_word() {
  local word=${1//\\/\\134}
  word=${word// /\\040} word=${word//$'\t'/\\011}
  printf '%s ' "${word//$'\n'/\\012}"
}

# hooks: an image that Enroot has imported begins with this file.
hooks() {
  mkdir -p -- "$ENROOT_ROOTFS/etc"
  rm -f -- "$ENROOT_ROOTFS/etc/rc.local"
  printf '. /deepsquare/.images/%s\n' "$ds_command" >"$ENROOT_ROOTFS/etc/rc.local"
  [[ -s $ENROOT_ROOTFS/etc/rc ]] || printf '. /etc/rc.local\nexec "$@"\n' >"$ENROOT_ROOTFS/etc/rc"
}

# enroot_task <enroot> <folder> <image> <configuration> <program> ...: in each task, in a shell of its own: makes a
# container, runs the program in it, and removes it. The folder is one of the node's; other tasks may just remove it.
enroot_task() {
  local enroot=$1 image=$3 configuration=$4 code child='' said ds_interrupted=''
  local name=task-${SLURM_STEP_ID:-0}-${SLURM_PROCID:-0}-$$
  local folder=$2/$name
  shift 4
  local folders=("$folder"/{config,cache,data,run,tmp})
  (umask 077 && { mkdir -p -- "${folders[@]}" 2>/dev/null || mkdir -p -- "${folders[@]}"; }) || exit
  export ENROOT_CONFIG_PATH=$folder/config ENROOT_CACHE_PATH=$folder/cache ENROOT_DATA_PATH=$folder/data
  export ENROOT_RUNTIME_PATH=$folder/run ENROOT_TEMP_PATH=$folder/tmp
  trap 'ds_interrupted=143; [[ -z $child ]] || kill -s TERM "$child" 2>/dev/null' TERM
  trap 'ds_interrupted=130; [[ -z $child ]] || kill -s TERM "$child" 2>/dev/null' INT
  trap 'ds_interrupted=129; [[ -z $child ]] || kill -s TERM "$child" 2>/dev/null' HUP
  if ! said=$("$enroot" create --name "$name" -- "$image" 2>&1); then
    printf 'deepsquare: a container cannot be made of the image: %s\n' "${said##*$'\n'}" >&2
    code=1
  elif [[ -z $ds_interrupted ]]; then
    "$enroot" start --conf "$configuration" -- "$name" "$@" &
    child=$!
    outlast "$child"
    code=$?
  else
    code=$ds_interrupted
  fi
  "$enroot" remove --force -- "$name" >/dev/null 2>&1
  rm -rf -- "$folder"
  rmdir -- "${folder%/*}" 2>/dev/null
  exit "$code"
}
