# --- The runtime that this job needs; the user's program follows. ---
# No variable of the user's becomes one of this shell's: `become` sets them just before a program takes a
# process over. So they arrive intact, and on no command line.
set -u

ds_stopped='' # the exit code to end with, once this shell is asked to end
ds_ending='' # the whole job ends: Slurm starts no more steps
ds_shield='' # a `finally` is running: it runs to its end
ds_signal=TERM # what asks a command to end
ds_interrupted=''
ds_command='' # the process group of the running command
ds_litter=() # folders to remove in the end
ds_preparations=() # functions to call before the job ...
ds_preludes=() # ... before each command
ds_doubts=() # ... and after one that failed
ds_farewell=: # the function to call with a signal when this shell is stopped
ds_gate=() # what precedes each command
ds_lock=''
ds_job_env=() # NAME=value, from the weakest to the strongest
ds_kept_env=()
ds_own_env=()
ds_scope_env=()
ds_step_env=()
exec 3>&2 # what we say ourselves, logged or not

tell() { printf 'deepsquare: %s\n' "$1" >&3; }

call() {
  local ds_function
  for ds_function; do "$ds_function" || return; done
}

ask() { kill -s "$1" -- "-$2" 2>/dev/null; }

# slurm <program> <argument> ...: calls another program of Slurm's, from where srun is.
slurm() {
  local program=${DEEPSQUARE_SITE_SRUN:-srun}
  [[ -z ${SLURM_JOB_ID:-} ]] || timeout 9 "${program%srun}$1" "${@:2}" 2>/dev/null
}

# hush <signal> <process>: asks a command to end. On TERM srun would kill its tasks: its step is asked.
hush() {
  local line step=''
  while read -r line; do
    [[ "$line " != *:Pid=*":$2 "* ]] || step=${line%% *}
  done < <(slurm scontrol -o show step "${SLURM_JOB_ID:-}")
  if [[ -n $step ]]; then slurm scancel --signal="$1" "${step#*=}"; else ask "$1" "$2"; fi
}

# halted: nothing further may start.
halted() { [[ -n $ds_stopped && -z $ds_shield ]]; }

# stop <exit code> <signal>: what runs is asked to end; a second signal changes nothing.
stop() {
  ds_interrupted=yes
  [[ -z $ds_stopped ]] || return 0
  ds_stopped=$1
  halted || return 0
  [[ -z $ds_command ]] || hush "$ds_signal" "$ds_command"
  "$ds_farewell" "$2"
}

# finish <exit code>: the whole job is asked to end; our other shells hear it by HUP.
finish() {
  ds_ending=yes
  stop "$1" HUP
}

leave() {
  local ds_code=$? ds_folder
  [[ $BASHPID == "$$" ]] || exit # a signal came just after a fork
  trap '' TERM INT HUP
  exec 2>/dev/null # bash tells what it lost
  for ds_folder in $(jobs -p); do ask TERM "$ds_folder"; done
  wait
  for ds_folder in "${ds_litter[@]}"; do
    rm -rf -- "$ds_folder" && continue
    chmod -R u+rwX -- "$ds_folder"
    rm -rf -- "$ds_folder" || tell "$ds_folder could not be removed entirely"
  done
  exit "${ds_stopped:-$ds_code}"
}

# outlast <process>: its exit code. Where a signal comes, bash tells it once, or loses it and waits for all others.
outlast() {
  local code=0 status
  while
    ds_interrupted=''
    wait "$1"
    status=$?
    ((status < 0 || status == 127 && code)) || code=$status
    [[ -n $ds_interrupted && (-e /proc/$1 || $(jobs -rp) != *$1*) ]]
  do :; done 2>/dev/null
  return "$code"
}

# attend <command> ...: runs it in a process group of its own; signals are heard.
attend() {
  local ds_code
  ! halted || return "$ds_stopped"
  [[ -z $ds_shield ]] || {
    shielded "$@"
    return
  }
  set -m 2>/dev/null
  ("${ds_gate[@]}" "$@") </dev/null &
  ds_command=$!
  set +m
  ! halted || hush "$ds_signal" "$ds_command"
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
    export "${1?}" 2>/dev/null # of unknown locales
    shift
  done
  shift
  exec "$@" 3>&-
}

# start <program> ...: turns this process into the program, with its variables and in its folder.
start() {
  local ds_entry ds_plain=() ds_special=()
  for ds_entry in "${ds_job_env[@]}" "${ds_kept_env[@]}" "${ds_own_env[@]}" "${ds_scope_env[@]}" "${ds_step_env[@]}"; do
    case ${ds_entry%%=*} in # names that a shell keeps for itself, or obeys
      BASH* | EUID | EXECIGNORE | PIPESTATUS | POSIXLY_CORRECT | PPID | SHELLOPTS | SHLVL | UID | _)
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

# task <program> ...: turns this process into srun; where the job ends, into the program itself.
task() {
  [[ -n $ds_ending ]] || set -- "${DEEPSQUARE_SITE_SRUN:-srun}" --export=ALL "${ds_options[@]}" "$@"
  start "$@"
}

# prepare: makes the volumes that are not there.
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
  [[ -d $shared ]] || mkdir -p -- "$shared" && mkdir -m 0700 -- "$ds_scratch"{,/input,/output} || {
    rmdir -- "$ds_scratch"{/input,/output,} 2>/dev/null
    tell "the scratch folder cannot be made below $shared"
    return 1
  }
  ds_litter+=("$ds_scratch")
  : >"$ds_scratch/env" || return
  ds_own_env+=(
    "STORAGE_PATH=$ds_scratch" "DEEPSQUARE_ENV=$ds_scratch/env"
    "DEEPSQUARE_INPUT=$ds_scratch/input" "DEEPSQUARE_OUTPUT=$ds_scratch/output"
    "DEEPSQUARE_TMP=$tmp" "DEEPSQUARE_SHARED_TMP=$tmp" "DEEPSQUARE_SHARED_WORLD_TMP=$world"
    "DEEPSQUARE_DISK_TMP=$disk/tmp/$user" "DEEPSQUARE_DISK_WORLD_TMP=$disk/world-tmp"
  )
  local make='[ -d "$1" ] || mkdir -p -m 0700 -- "$1" && { [ -d "$2" ] || mkdir -p -m 1777 -- "$2"; }'
  set -- "$tmp" "$world"
  eval "$make" && set -- "$disk/tmp/$user" "$disk/world-tmp" && eval "$make" || return
  if ((${SLURM_JOB_NUM_NODES:-1} > 1)); then
    ds_path='volumes' ds_directory=/ ds_step_env=()
    ds_options=(--ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task=1)
    attend task sh -c "$make" sh "$@" || return
  fi
  call "${ds_preparations[@]}"
}

# --- The words of the user's program. ---

announce() { [[ $ds_logging != true ]] || halted || printf 'Running: %s\n' "$1"; }

# step <path>: describes a command; `options` and other words add to it.
step() {
  ds_path=$1 ds_options=() ds_step_env=() ds_directory=$ds_scratch
  call "${ds_preludes[@]}"
}
options() { ds_options=("$@"); }

# run <program> ...: runs the described command in each of its tasks.
run() {
  local code
  attend task "$@"
  code=$?
  ((code == 0)) || halted || call "${ds_doubts[@]}"
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
