ds_apptainer=${DEEPSQUARE_SITE_APPTAINER:-apptainer}

# in_apptainer <exec or run> <function> <program> ...: calls the function with the program as Apptainer starts it.
in_apptainer() {
  local ds_image ds_binds ds_inner_env ds_outer_env entry index verb=$1 function=$2
  shift 2
  find_runtime apptainer "$ds_apptainer" && find_image fetch_for_apptainer && find_binds || return
  find_inner_env
  # Values are taken as they are (--no-eval); names with this prefix are set after those of the image.
  local ds_step_env=("${ds_outer_env[@]}") words=("$ds_apptainer" --silent "$verb" --no-eval --contain)
  for entry in "${ds_inner_env[@]}"; do
    # ... but a carriage return is lost there: such a value wins only over what the image does not set.
    if [[ $entry == *$'\r'* ]]; then ds_step_env+=("$entry"); else ds_step_env+=("APPTAINERENV_$entry"); fi
  done
  [[ $ds_sees != *' changes '* ]] || words+=(--writable-tmpfs)
  [[ $ds_sees != *' gpus '* ]] || words+=(--nv)
  [[ $ds_sees != *' root '* ]] || words+=(--keep-privs) # in its own namespaces; some sites take them from any root
  [[ -n $ds_inside ]] || find_working_folder || return
  words+=(--pwd "$ds_inside")
  for ((index = 0; index < ${#ds_binds[@]}; index += 3)); do
    entry="type=bind,$(csv "source=${ds_binds[index]}"),$(csv "destination=${ds_binds[index + 1]}")"
    [[ ${ds_binds[index + 2]} == rw ]] || entry+=,ro
    words+=(--mount "$entry")
  done
  "$function" "${words[@]}" "$ds_image" "$@"
}

csv() { printf '"%s"' "${1//\"/\"\"}"; }

# fetch_for_apptainer <file>
fetch_for_apptainer() {
  local secrets=()
  [[ -z $ds_user$ds_password ]] ||
    secrets=("APPTAINER_DOCKER_USERNAME=$ds_user" "APPTAINER_DOCKER_PASSWORD=$ds_password")
  (become "${secrets[@]}" "APPTAINER_TMPDIR=$ds_workshop" "APPTAINER_CONFIGDIR=$ds_workshop/apptainer" -- \
    "$ds_apptainer" --silent pull --force --disable-cache "$1" "docker://$ds_image_name")
}

# find_working_folder: the image's own, as `ds_inside`: what its makers have set, else the root.
find_working_folder() {
  local known=$ds_workshop/${ds_image##*/}.folder
  [[ -s $known ]] || { attend look_for_folder >"$known.$BASHPID" && mv -- "$known.$BASHPID" "$known"; } || return
  read -r ds_inside <"$known"
}

look_for_folder() {
  local number kind text folder=/
  while [[ -f $ds_image ]] && IFS='| ' read -r number _ _ _ kind; do
    [[ $kind == JSON.* ]] || continue
    text=$("$ds_apptainer" --silent sif dump "$number" "$ds_image")
    [[ ! $text =~ '"WorkingDir":"'(/[^\"\\]*)'"' ]] || folder=${BASH_REMATCH[1]}
  done < <("$ds_apptainer" --silent sif list "$ds_image" 2>/dev/null)
  printf '%s\n' "$folder"
}
