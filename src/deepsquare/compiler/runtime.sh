# --- The runtime, the same in every job. The user's program follows below it. ---
# A user's variable never becomes one of this shell's: `become` sets them all just before srun takes a
# process over. So they arrive intact, stand on no command line and cannot get in our way.
set -u

ds_stopped=''  # the exit code to end with, once a signal came
ds_interrupted=''
ds_child=''
ds_scratch=''
ds_logging=true
ds_job_env=()  # NAME=value, from the weakest to the strongest
ds_kept_env=()
ds_own_env=()
ds_step_env=()
declare -A ds_told=()
exec 3>&2  # for our own messages, which logging does not silence

tell() { printf 'deepsquare: %s\n' "$1" >&3; }

# stop <exit code>: on a signal. The running step is asked to end, no further one starts.
stop() {
  ds_stopped=$1 ds_interrupted=yes
  [[ -z $ds_child ]] || kill -TERM "$ds_child" 2>/dev/null
}

# leave: the one way out.
leave() {
  local ds_code=$?
  trap '' TERM INT HUP
  [[ -z $ds_child ]] || { kill -TERM "$ds_child" && wait "$ds_child"; } 2>/dev/null
  if [[ -n $ds_scratch ]] && ! rm -rf -- "$ds_scratch"; then
    chmod -R u+rwX -- "$ds_scratch"
    rm -rf -- "$ds_scratch" || tell 'the scratch folder could not be removed entirely'
  fi 2>/dev/null
  exit "${ds_stopped:-$ds_code}"
}

# attend <command> ...: runs it beside this shell, so that signals are heard.
attend() {
  local ds_code
  [[ -z $ds_stopped ]] || return "$ds_stopped"
  (trap - TERM INT HUP && "$@") </dev/null &
  ds_child=$!
  [[ -z $ds_stopped ]] || kill -TERM "$ds_child" 2>/dev/null
  while
    ds_interrupted=''
    wait "$ds_child"
    ds_code=$?
    [[ -n $ds_interrupted ]]
  do :; done
  ds_child=''
  return "${ds_stopped:-$ds_code}"
}

# become NAME=value ... -- <program> ...: turns this process into the program; has no variable of its own.
become() {
  until [[ $1 == -- ]]; do
    unset -v "${1%%=*}"
    export "${1?}"
    shift
  done
  shift
  exec "$@" 3>&-
}

# launch <program> ...: turns this process into the step's srun.
launch() {
  local ds_entry ds_plain=() ds_special=()
  for ds_entry in "${ds_job_env[@]}" "${ds_kept_env[@]}" "${ds_own_env[@]}" "${ds_step_env[@]}"; do
    case ${ds_entry%%=*} in # names that a shell keeps for itself, or obeys
      BASH* | LC_* | LANG | DIRSTACK | EUID | FUNCNAME | GROUPS | PIPESTATUS | POSIXLY_CORRECT | PPID | SHELLOPTS | SHLVL | UID | _)
        ds_special+=("$ds_entry")
        ;;
      *) ds_plain+=("$ds_entry") ;;
    esac
  done
  cd -- "$ds_directory" 2>/dev/null || {
    tell "$ds_path: the folder $ds_directory cannot be entered"
    exit 1
  }
  set -- "${DEEPSQUARE_SITE_SRUN:-srun}" --export=ALL "${ds_options[@]}" "$@"
  ((${#ds_special[@]} == 0)) || set -- env "${ds_special[@]}" "$@"
  [[ $ds_logging == true ]] || exec >/dev/null 2>&1
  become "${ds_plain[@]}" -- "$@"
}

# ignore <what> <why>: tells once, and never a value.
ignore() {
  [[ -n ${ds_told[$1]:-} ]] || tell "\$DEEPSQUARE_ENV: $1 is ignored: $2"
  ds_told[$1]=yes
}

# read_kept: reads $DEEPSQUARE_ENV: KEY=value, or KEY<<WORD and lines up to one that is WORD.
read_kept() {
  local LC_ALL=C lines=() number=0 line key rest
  ds_kept_env=()
  [[ ! -f $ds_scratch/env ]] || mapfile -t lines <"$ds_scratch/env"
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

# prepare: makes the volumes where the site says they lie.
prepare() {
  local shared=${DEEPSQUARE_SITE_SHARED_ROOT:-} user=${DEEPSQUARE_SITE_USER:-$UID} tmp world disk
  [[ -n $shared ]] || {
    tell 'DEEPSQUARE_SITE_SHARED_ROOT is not set: where may the job keep its files?'
    return 1
  }
  tmp=${DEEPSQUARE_SITE_TMP_ROOT:-$shared/tmp}/$user
  world=${DEEPSQUARE_SITE_WORLD_TMP:-$shared/world-tmp}
  disk=${DEEPSQUARE_SITE_DISK_ROOT:-$shared/disk}
  ds_scratch=$shared/job-${SLURM_JOB_ID:-$$}-$RANDOM$RANDOM
  mkdir -p -- "$shared" && mkdir -m 0700 -- "$ds_scratch" || {
    rmdir -- "$ds_scratch" 2>/dev/null
    ds_scratch=''
    tell "the scratch folder cannot be made below $shared"
    return 1
  }
  mkdir -- "$ds_scratch/input" "$ds_scratch/output" && : >"$ds_scratch/env" || return
  ds_own_env+=(
    "STORAGE_PATH=$ds_scratch" "DEEPSQUARE_ENV=$ds_scratch/env"
    "DEEPSQUARE_INPUT=$ds_scratch/input" "DEEPSQUARE_OUTPUT=$ds_scratch/output"
    "DEEPSQUARE_TMP=$tmp" "DEEPSQUARE_SHARED_TMP=$tmp" "DEEPSQUARE_SHARED_WORLD_TMP=$world"
    "DEEPSQUARE_DISK_TMP=$disk/tmp/$user" "DEEPSQUARE_DISK_WORLD_TMP=$disk/world-tmp"
  )
  # shellcheck disable=SC2016 # expanded by the shell that runs it
  local make='mkdir -p -m 0700 -- "$1" && { [ -d "$2" ] || mkdir -p -m 1777 -- "$2"; }'
  sh -c "$make" sh "$tmp" "$world" && sh -c "$make" sh "$disk/tmp/$user" "$disk/world-tmp" || return
  if ((${SLURM_JOB_NUM_NODES:-1} > 1)); then
    ds_path='volumes' ds_directory=/ ds_step_env=()
    ds_options=(--ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task=1)
    attend launch sh -c "$make" sh "$disk/tmp/$user" "$disk/world-tmp"
  fi
}

# --- The words in which the user's program is written. ---

announce() { [[ $ds_logging != true || -n $ds_stopped ]] || printf 'Running: %s\n' "$1"; }

# step <path>: describes a command; `options`, `environment` and `directory` add to it.
step() { ds_path=$1 ds_options=() ds_step_env=() ds_directory=$ds_scratch; }
options() { ds_options=("$@"); }
environment() { ds_step_env=("$@"); }
directory() { ds_directory=$1; }

# run <program> ...: runs the described command in each of its tasks.
run() {
  local ds_code
  read_kept
  attend launch "$@"
  ds_code=$?
  if [[ -n $ds_stopped ]]; then
    tell "$ds_path was stopped: the job is asked to end"
  elif ((ds_code != 0)); then
    tell "$ds_path failed with exit code $ds_code"
  fi
  return "$ds_code"
}

main() {
  trap leave EXIT
  trap 'stop 143' TERM
  trap 'stop 130' INT
  trap 'stop 129' HUP
  prepare && job
}
