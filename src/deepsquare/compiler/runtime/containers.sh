# --- Containers: the image of a command, and what it sees of the host. ---
ds_images=''   # a folder on all nodes: images by the checksum of what they are called
ds_workshop='' # a folder on this node: locks hold on a local disk, and images are unpacked there
ds_volumes=()  # <folder in the container>=<folder of the host>, inner ones after outer ones
ds_library=${DEEPSQUARE_SITE_IMAGES:-}
ds_preparations+=(prepare_containers)
ds_preludes+=(forget_container)

# prepare_containers: for `prepare`, whose variables it reads. A folder in a volume needs a place there to appear at.
prepare_containers() {
  ds_images=$ds_scratch/.images
  mkdir -p -- "$ds_images" "$ds_scratch"/{tmp,world-tmp,disk/tmp,disk/world-tmp} || return
  open_workshop "$disk/tmp/$user" || return
  ds_volumes=(
    "/deepsquare=$ds_scratch" "/deepsquare/tmp=$tmp" "/deepsquare/world-tmp=$world"
    "/deepsquare/disk/tmp=$disk/tmp/$user" "/deepsquare/disk/world-tmp=$disk/world-tmp"
  )
}

# open_workshop <folder>: locked as long as this shell lives. One that is not has lost its job to a signal that cannot be
# heard, and goes; a new one gets its name when it is locked.
open_workshop() {
  local place
  for place in "$1"/images-*; do
    [[ ! -d $place ]] || flock --nonblock "$place" rm -rf -- "$place"
  done
  place=$(mktemp -d -- "$1/new-XXXXXX") && exec {ds_claim}<"$place" && flock "$ds_claim" || return
  ds_workshop=$1/images-${place##*-}
  ds_litter+=("$ds_workshop")
  mv -T -- "$place" "$ds_workshop"
}

# --- Words that describe a command's container. ---

forget_container() {
  ds_image_kind='' ds_image_name='' ds_image_short='' ds_user='' ds_password=''
  ds_mounts=() ds_sees='' ds_inside=''
}

# image <registry, file or library> <name> <name without its registry>
image() { ds_image_kind=$1 ds_image_name=$2 ds_image_short=${3:-}; }
credentials() { ds_user=$1 ds_password=$2; }

# mount_folder <folder of the host> <folder in the container> <rw or ro>
mount_folder() { ds_mounts+=("$@"); }

# sees <home, x11, gpus or changes> ...: what it is given; `changes`: of the image's own files.
sees() { ds_sees=" $* "; }
inside() { ds_inside=$1; }

# --- What they come to, here. ---

refuse_container() {
  tell "$ds_path: $1"
  return 1
}

# find_runtime <runtime> <program>: fails where this site has not got it.
find_runtime() {
  [[ " ${DEEPSQUARE_SITE_RUNTIMES-apptainer enroot} " == *" $1 "* ]] && type -P -- "$2" >/dev/null && return
  refuse_container "this site cannot run containers by $1; the label container.$1 tells which sites can"
}

# real <path>: the path without links as `ds_real`; fails where there is nothing.
real() {
  ds_real=$(realpath -e -- "$1" 2>/dev/null && echo .) || return
  ds_real=${ds_real%$'\n'.}
}

# lies_below <path without links> <folder> ...: in one of these folders, or it is one.
lies_below() {
  local path=$1 folder ds_real
  shift
  for folder; do
    [[ -n $folder ]] && real "$folder" || continue
    [[ $path != "$ds_real" && $path != "${ds_real%/}"/* ]] || return 0
  done
  return 1
}

# find_image <function>: where the image lies, as `ds_image`. The function fetches one from a registry into a file.
find_image() {
  local place found='' where="the job's scratch folder"
  case $ds_image_kind in
    registry)
      name_image "$1 $ds_user@$ds_image_name" # each runtime makes its own file of it
      [[ -e $ds_image ]] || attend fetch_once "$1"
      return
      ;;
    file) set -- "$ds_scratch$ds_image_name" ;;
    library)
      where="this site's library of images"
      [[ -n $ds_library ]] || {
        refuse_container 'this site has no library of images; leave deepsquareHosted out to use a registry'
        return
      }
      set -- "$ds_library/$ds_image_name"{.sif,} "$ds_library/$ds_image_short"{.sif,}
      ;;
  esac
  for place; do
    [[ -n $found ]] || ! real "$place" || found=$ds_real
  done
  [[ -n $found ]] || {
    refuse_container "there is no image ${ds_image_name@Q} in $where"
    return
  }
  [[ $ds_image_kind == library ]] || lies_below "$found" "${ds_volumes[@]#*=}" || {
    refuse_container "the image ${ds_image_name@Q} lies outside of the job's volumes"
    return
  }
  name_image "$found" # by a link: a runtime may read more into a name than a path
  [[ -L $ds_image ]] || ln -sfn -- "$found" "$ds_image"
}

# name_image <text>: the file of the image that is called so, as `ds_image`.
name_image() {
  ds_image=$(printf %s "$1" | sha256sum)
  ds_image=$ds_images/${ds_image%% *}
}

# fetch_once <function>: in a process of its own: loops and launched steps may want the same image at the same time.
fetch_once() {
  local lock said line why='it says nothing'
  said=$ds_workshop/${ds_image##*/}
  exec {lock}>"$said.lock" && flock "$lock" || return
  [[ ! -e $ds_image ]] || return 0
  "$1" "$ds_image.part" {lock}>&- >"$said" 2>&1 && mv -- "$ds_image.part" "$ds_image" && return
  while read -r line; do [[ -z $line ]] || why=$line; done <"$said"
  [[ -z $ds_password ]] || why=${why//"$ds_password"/***}
  refuse_container "the image ${ds_image_name@Q} cannot be fetched: $why"
}

# find_binds: folders of the host that it sees, as `ds_binds`: three words each, as those of `mount_folder`.
find_binds() {
  local entry index
  ds_binds=()
  for entry in "${ds_volumes[@]}"; do ds_binds+=("${entry#*=}" "${entry%%=*}" rw); done
  if [[ $ds_sees == *' home '* ]]; then
    [[ -d ${HOME:-} ]] || {
      refuse_container 'mountHome: the account that runs the job has no home on this site'
      return
    }
    ds_binds+=("$HOME" "$HOME" rw)
  fi
  if [[ $ds_sees == *' x11 '* ]]; then
    [[ -d /tmp/.X11-unix ]] || {
      refuse_container 'x11: there is no X11 server on this site'
      return
    }
    ds_binds+=(/tmp/.X11-unix /tmp/.X11-unix rw)
  fi
  for ((index = 0; index < ${#ds_mounts[@]}; index += 3)); do
    allow_mount "${ds_mounts[@]:index:3}" || return
  done
}

# allow_mount <folder of the host> <folder in the container> <rw or ro>: adds it where it is the job's own, which may
# also be called as containers see it, or where the site allows it.
allow_mount() {
  local entry folder=$1 readable=() writable=()
  for entry in "${ds_volumes[@]}"; do
    [[ $1/ != "${entry%%=*}"/* ]] || folder=${entry#*=}${1#"${entry%%=*}"}
  done
  mapfile -d : -t readable < <(printf %s "${DEEPSQUARE_SITE_MOUNTS:-}")
  mapfile -d : -t writable < <(printf %s "${DEEPSQUARE_SITE_WRITABLE_MOUNTS:-}")
  real "$folder" || {
    refuse_container "the mount ${1@Q} does not exist on this site"
    return
  }
  folder=$ds_real
  if ! lies_below "$folder" "${ds_volumes[@]#*=}" "${writable[@]}"; then
    lies_below "$folder" "${readable[@]}" || {
      refuse_container "the mount ${1@Q} is neither in the job's volumes nor allowed by this site"
      return
    }
    [[ $3 == ro ]] || {
      refuse_container "this site allows to mount ${1@Q} only for reading: say so by options: ro"
      return
    }
  fi
  ds_binds+=("$folder" "$2" "$3")
}

# find_inner_env: the variables that win over those of an image, as `ds_inner_env`; what is Slurm's own stays outside.
find_inner_env() {
  local entry
  ds_inner_env=(
    "${ds_own_env[@]}" STORAGE_PATH=/deepsquare "DEEPSQUARE_ENV=/deepsquare/${ds_env_name:-env}"
    DEEPSQUARE_INPUT=/deepsquare/input DEEPSQUARE_OUTPUT=/deepsquare/output
    DEEPSQUARE_TMP=/deepsquare/tmp DEEPSQUARE_SHARED_TMP=/deepsquare/tmp
    DEEPSQUARE_SHARED_WORLD_TMP=/deepsquare/world-tmp
    DEEPSQUARE_DISK_TMP=/deepsquare/disk/tmp DEEPSQUARE_DISK_WORLD_TMP=/deepsquare/disk/world-tmp
    "${ds_scope_env[@]}"
  )
  ds_outer_env=()
  for entry in "${ds_step_env[@]}"; do
    if [[ $entry == SLURM_* ]]; then ds_outer_env+=("$entry"); else ds_inner_env+=("$entry"); fi
  done
}
