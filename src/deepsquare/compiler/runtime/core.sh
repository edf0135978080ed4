# --- The runtime, as much of it as this job needs. The user's program follows below it. ---
# A user's variable never becomes one of this shell's: `become` sets them all just before a program takes a
# process over. So they arrive intact, stand on no command line and cannot get in our way.
set -u

ds_stopped=''  # the exit code to end with, once this shell is asked to end
ds_ending=''   # the whole job is asked to end: Slurm starts no more steps for it
ds_shield=''   # a `finally` is running: it runs to its end
ds_signal=TERM # what asks a command to end
ds_interrupted=''
ds_command=''      # the process group of the running command
ds_shells=()       # the process groups of our own shells that are awaited
ds_litter=()       # folders to remove in the end
ds_preparations=() # functions to call before the job
ds_preludes=()     # functions to call before each command
ds_scratch=''
ds_lock=''
ds_logging=true
ds_job_env=() # NAME=value, from the weakest to the strongest
ds_kept_env=()
ds_own_env=()
ds_scope_env=()
ds_step_env=()
exec 3>&2 # for our own messages, which logging does not silence

tell() { printf 'deepsquare: %s\n' "$1" >&3; }

# ask <signal> <process group> ...
ask() {
  local signal=$1 group
  shift
  for group; do kill -s "$signal" -- "-$group"; done 2>/dev/null
  return 0
}

# halted: nothing further may start.
halted() { [[ -n $ds_stopped && -z $ds_shield ]]; }

# stop <exit code> <signal for shells>: on a signal. What runs is asked to end; a second signal changes nothing.
stop() {
  ds_interrupted=yes
  [[ -z $ds_stopped ]] || return 0
  ds_stopped=$1
  halted || return 0
  ask "$ds_signal" ${ds_command:+"$ds_command"}
  ask "$2" "${ds_shells[@]}"
}

# finish <exit code>: on a signal that asks the whole job to end. Shells of ours hear of it by HUP.
finish() {
  ds_ending=yes
  stop "$1" HUP
}

# leave: the one way out.
leave() {
  local ds_code=$? ds_folder
  trap '' TERM INT HUP
  mapfile -t ds_shells < <(jobs -p)
  ask TERM "${ds_shells[@]}"
  wait
  for ds_folder in "${ds_litter[@]}"; do
    rm -rf -- "$ds_folder" && continue
    chmod -R u+rwX -- "$ds_folder"
    rm -rf -- "$ds_folder" || tell 'the scratch folder could not be removed entirely'
  done 2>/dev/null
  exit "${ds_stopped:-$ds_code}"
}

# outlast <process>: its exit code, however often a signal interrupts the wait; bash tells it only once.
outlast() {
  local code=0 status
  while
    ds_interrupted=''
    wait "$1" 2>/dev/null
    status=$?
    ((status == 127 && code)) || code=$status
    [[ -n $ds_interrupted ]]
  do :; done
  return "$code"
}

# attend <command> ...: runs it beside this shell, in a process group of its own, so that signals are heard.
attend() {
  local ds_code
  ! halted || return "$ds_stopped"
  set -m 2>/dev/null
  ("$@") </dev/null &
  ds_command=$!
  set +m
  ! halted || ask "$ds_signal" "$ds_command"
  outlast "$ds_command"
  ds_code=$?
  ds_command=''
  ! halted || ds_code=$ds_stopped
  return "$ds_code"
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

# start <program> ...: turns this process into the program, with the step's variables and in its folder.
start() {
  local ds_entry ds_plain=() ds_special=()
  for ds_entry in "${ds_job_env[@]}" "${ds_kept_env[@]}" "${ds_own_env[@]}" "${ds_scope_env[@]}" "${ds_step_env[@]}"; do
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
  ((${#ds_special[@]} == 0)) || set -- env "${ds_special[@]}" "$@"
  [[ $ds_logging == true ]] || exec >/dev/null 2>&1
  [[ -z $ds_lock ]] || exec {ds_lock}>&-
  become "${ds_plain[@]}" -- "$@"
}

# task <program> ...: turns this process into the step's srun; where the job ends, into the program itself.
task() {
  [[ -n $ds_ending ]] || set -- "${DEEPSQUARE_SITE_SRUN:-srun}" --export=ALL "${ds_options[@]}" "$@"
  start "$@"
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
  ds_scratch=$shared/job-${DEEPSQUARE_SITE_JOB:-${SLURM_JOB_ID:-$$}}-$RANDOM$RANDOM
  mkdir -p -- "$shared" && mkdir -m 0700 -- "$ds_scratch" || {
    rmdir -- "$ds_scratch" 2>/dev/null
    tell "the scratch folder cannot be made below $shared"
    return 1
  }
  ds_litter+=("$ds_scratch")
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
    attend task sh -c "$make" sh "$disk/tmp/$user" "$disk/world-tmp" || return
  fi
  for make in "${ds_preparations[@]}"; do "$make" || return; done
}

# --- The words in which the user's program is written. ---

announce() { [[ $ds_logging != true ]] || halted || printf 'Running: %s\n' "$1"; }

# step <path>: describes a command; `options`, `environment` and `directory` add to it.
step() { ds_path=$1 ds_options=() ds_step_env=() ds_directory=$ds_scratch; }
options() { ds_options=("$@"); }
environment() { ds_step_env=("$@"); }
directory() { ds_directory=$1; }

prelude() {
  local ds_prelude
  for ds_prelude in "${ds_preludes[@]}"; do "$ds_prelude"; done
}

# run <program> ...: runs the described command in each of its tasks.
run() {
  local code
  prelude
  attend task "$@"
  code=$?
  if halted; then
    [[ -z $ds_ending ]] || tell "$ds_path was stopped: the job is asked to end"
  elif ((code != 0)); then
    tell "$ds_path failed with exit code $code"
  fi
  return "$code"
}

main() {
  trap leave EXIT
  trap 'finish 143' TERM
  trap 'finish 130' INT
  trap 'finish 129' HUP
  prepare && job
}
