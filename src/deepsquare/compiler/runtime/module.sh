# use <function> [<output>=<name> ...] -- [NAME=value ...]: calls a module with its inputs. What its steps write to
# $DEEPSQUARE_ENV is a file of its own; the caller sees its outputs, under their names there, and nothing else.
use() {
  local ds_function=$1 ds_outputs=() ds_code ds_file ds_caller=$ds_scratch/${ds_env_name:-env}
  shift
  until [[ $1 == -- ]]; do
    ds_outputs+=("$1")
    shift
  done
  shift
  ds_file=$(mktemp "$ds_scratch/env-XXXXXXXXXX") || return
  local ds_module_envs=("${ds_module_envs[@]}" "$ds_file") ds_env_name=${ds_file##*/}
  local ds_own_env=("${ds_own_env[@]}" "DEEPSQUARE_ENV=$ds_file")
  with "$@" "$ds_function"
  ds_code=$?
  ((${#ds_outputs[@]} == 0)) || hand_over "$ds_file" "$ds_caller" "${ds_outputs[@]}"
  return "$ds_code"
}

# hand_over <from> <to> <output>=<name> ...: the last value of each of these outputs.
hand_over() {
  local from=$1 to=$2 ds_kept_env=() output entry value word
  shift 2
  read_env "$from"
  for output; do
    value=''
    for entry in "${ds_kept_env[@]}"; do
      [[ ${entry%%=*} != "${output%%=*}" ]] || value="=${entry#*=}"
    done
    [[ -n $value ]] || continue # the module has not said
    value=${value#=} word=END
    while [[ $'\n'$value$'\n' == *$'\n'"$word"$'\n'* ]]; do word+=$RANDOM; done
    printf '%s<<%s\n%s\n%s\n' "${output#*=}" "$word" "$value" "$word" >>"$to"
  done
}
