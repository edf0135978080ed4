ds_alarm=''
ds_records=''
ds_shells=() # <process>:<record> of those that this shell awaits
ds_shells_started=0
ds_farewell=ask_shells
ds_preparations+=(prepare_records)

# prepare_records: a folder for the exit codes of shells, on this node: locks hold on a local disk.
prepare_records() {
  ds_records=$(mktemp -d) || return
  ds_litter+=("$ds_records")
}

# new_record: where the next shell writes its exit code.
new_record() { ds_record=$ds_records/$BASHPID-$((++ds_shells_started)); }

# ask_shells <signal> [<shell> ...]: asks these, or all that are awaited, to end. A process that was just forked may
# lose a signal, so it is written down, too. Not the group: what a shell has just forked is still a part of it.
ask_shells() {
  local signal=$1 shell
  shift
  (($# > 0)) || set -- "${ds_shells[@]}"
  for shell; do
    : >"${shell#*:}.$signal"
    kill -s "$signal" "${shell%%:*}" 2>/dev/null
  done
}

# unless_asked <command> ...: in the process of a command, the same. A program takes the process over: bash holds TERM
# back while it makes another one, which then does not hear it.
unless_asked() {
  [[ -n $ds_shield || ! (-e $ds_own_record.TERM || -e $ds_own_record.HUP) ]] || exit 143
  declare -F -- "$1" >/dev/null || exec "$@"
  "$@"
}

# shell <signal> <command> ...: runs it in a shell of its own, which leads a process group; `ds_shell` is its
# <process>:<record>. TERM asks it to end, HUP tells it that the whole job ends; its commands then get the signal.
shell() {
  ! halted || return "$ds_stopped"
  set -m 2>/dev/null
  trap - EXIT # else a signal just after the fork would have the new shell leave in the name of this one
  (
    ds_stopped='' ds_shield='' ds_command='' ds_shells=() ds_signal=$1
    ds_on_failure=$ds_alarm ds_alarm='' ds_own_record=$ds_record ds_gate=(unless_asked)
    trap 'stop 143 TERM' TERM INT
    trap 'finish 143' HUP
    trap - USR1
    [[ ! -e $ds_record.HUP ]] || finish 143
    [[ ! -e $ds_record.TERM ]] || stop 143 TERM
    shift
    halted || "$@"
    ds_code=$?
    ds_code=${ds_stopped:-$ds_code}
    trap '' TERM INT HUP # what is written is final
    printf '%s\n' "$ds_code" >"$ds_own_record"
    [[ -z $ds_on_failure || $ds_code == 0 || -n $ds_stopped ]] || kill -s USR1 "$ds_on_failure"
    exit "$ds_code"
  ) </dev/null &
  ds_shell=$!:$ds_record
  [[ $BASHPID != "$$" ]] || trap leave EXIT
  set +m
}

# outcome <shell>: awaits it. Its code is read: bash loses the one of a process that ends together with a signal, and
# would then wait for it until no other process of its own is left. One that HUP finds without its traps, just after the
# fork, has done nothing yet: it was asked to end as any other.
outcome() {
  local code record=${1#*:}
  while
    ds_interrupted=''
    [[ -s $record ]] || wait "${1%%:*}" 2>/dev/null
    code=$?
    [[ ! -s $record && -n $ds_interrupted ]]
  do :; done
  ((code != 129)) || code=143
  [[ ! -s $record ]] || read -r code <"$record"
  return "$code"
}
