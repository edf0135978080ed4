ds_alarm=''
ds_records=''
ds_shells_started=0
ds_preparations+=(prepare_records)

# prepare_records: a folder for the exit codes of shells, on this node: locks hold on a local disk.
prepare_records() {
  ds_records=$(mktemp -d) || return
  ds_litter+=("$ds_records")
}

# new_record: where the next shell writes its exit code.
new_record() { ds_record=$ds_records/$BASHPID-$((++ds_shells_started)); }

# shell <signal> <command> ...: runs it in a shell of its own, which leads a process group; `ds_shell` is its process.
# TERM asks it to end, HUP tells it that the whole job ends; its commands then get the signal.
shell() {
  ! halted || return "$ds_stopped"
  set -m 2>/dev/null
  (
    ds_stopped='' ds_shield='' ds_command='' ds_shells=() ds_signal=$1
    ds_on_failure=$ds_alarm ds_alarm='' ds_own_record=$ds_record
    trap 'stop 143 TERM' TERM INT
    trap 'finish 143' HUP
    trap - USR1
    shift
    "$@"
    ds_code=$?
    ds_code=${ds_stopped:-$ds_code}
    trap '' TERM INT HUP # what is written is final
    printf '%s\n' "$ds_code" >"$ds_own_record"
    [[ -z $ds_on_failure || $ds_code == 0 || -n $ds_stopped ]] || kill -s USR1 "$ds_on_failure"
    exit "$ds_code"
  ) </dev/null &
  ds_shell=$!
  set +m
}

# outcome <process> <record>: awaits a shell. Its code is read: bash loses the one of a process that ends with a signal.
outcome() {
  local code
  outlast "$1"
  code=$?
  [[ ! -s $2 ]] || read -r code <"$2"
  return "$code"
}
