ds_preludes+=(read_kept)
declare -A ds_told=()
ds_module_envs=() # of the modules around a step

# ignore <what> <why>: tells once, and never a value.
ignore() {
  [[ -n ${ds_told[$1]:-} ]] || tell "\$DEEPSQUARE_ENV: $1 is ignored: $2"
  ds_told[$1]=yes
}

# read_kept: reads what earlier steps wrote; a module's steps also see what its caller sees.
read_kept() {
  local file
  ds_kept_env=()
  for file in "$ds_scratch/env" "${ds_module_envs[@]}"; do read_env "$file"; done
}

# read_env <file>: adds what a $DEEPSQUARE_ENV holds: KEY=value, or KEY<<WORD and lines up to one that is WORD.
read_env() {
  local LC_ALL=C lines=() number=0 line key rest
  [[ ! -f $1 ]] || mapfile -t lines <"$1"
  while ((number < ${#lines[@]})); do
    line=${lines[number]} number=$((number + 1))
    key=${line%%[=<]*} rest=''
    case ${line#"$key"} in
      =*) rest=${line#*=} ;;
      '<<'?*)
        local word=${line#*<<} start=$number
        while [[ ${lines[number]-$word} != "$word" ]]; do number=$((number + 1)); done
        if ((number == ${#lines[@]})); then
          ignore "line $start" 'its block never ends'
          continue
        fi
        ((number == start)) || printf -v rest '%s\n' "${lines[@]:start:number-start}"
        rest=${rest%$'\n'} number=$((number + 1))
        ;;
      *)
        [[ -z $line ]] || ignore "line $number" 'it is neither KEY=value nor KEY<<WORD'
        continue
        ;;
    esac
    case $key in
      '' | [0-9]* | *[!A-Za-z0-9_]*) ignore "line $number" 'its key is no name of a variable' ;;
      PATH | LD_* | BASH_ENV | ENV | SLURM_* | SPANK_* | APPTAINER* | SINGULARITY* | ENROOT_* | DEEPSQUARE_* | STORAGE_PATH)
        ignore "$key" 'the name is reserved'
        ;;
      *) ds_kept_env+=("$key=$rest") ;;
    esac
  done
}
