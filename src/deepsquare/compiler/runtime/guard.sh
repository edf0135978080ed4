ds_doubts+=(heed_slurm)

# heed_slurm: where a job is cancelled, Slurm ends its steps by itself: that is no failure to be caught.
heed_slurm() {
  [[ $(slurm scontrol -o show job "${SLURM_JOB_ID:-}") != *' JobState='[!R]* ]] || finish 143
}

# guard <body> <catch or ''> <finally or ''>: functions. The first failure counts, but for one that catch handled.
guard() {
  local ds_skipped='' ds_code ds_last
  ! halted || return "$ds_stopped"
  "$1"
  ds_code=$?
  [[ -z $ds_skipped ]] || return "$ds_code"
  if ((ds_code != 0)) && [[ -n $2 ]] && ! halted; then
    with "DEEPSQUARE_ERROR_CODE=$ds_code" "$2"
    ds_code=$?
  fi
  ! halted || ds_code=$ds_stopped
  if [[ -n $3 ]]; then
    local ds_shield=yes
    with "DEEPSQUARE_ERROR_CODE=$ds_code" "$3"
    ds_last=$?
    ((ds_code != 0)) || ds_code=$ds_last
  fi
  return "$ds_code"
}

# skip: what `guard` guards is not to run, and neither are its traps.
skip() { ds_skipped=yes; }

# unready <exit code>: waiting or its condition has failed; where it was stopped instead, it has not even begun.
unready() {
  ! halted || skip
  return "$1"
}

# shielded <command> ...: for `attend`, where no signal stops what runs. A shell around it says its exit code through a
# pipe: bash loses the one of a process that ends together with a signal, and takes one that is suspended for ended where
# it runs in the foreground.
shielded() {
  local ds_code ds_said ds_pipe
  exec {ds_pipe}<> <(:)
  set -m 2>/dev/null
  (
    ("${ds_gate[@]}" "$@" 2>&3 {ds_pipe}>&-)
    printf '%s\n' "$?" >&"$ds_pipe"
  ) </dev/null 2>/dev/null &
  set +m
  outlast "$!"
  ds_code=$?
  ! read -r -t 1 -u "$ds_pipe" ds_said || ds_code=$ds_said
  exec {ds_pipe}>&-
  return "$ds_code"
}
