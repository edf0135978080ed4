# at_once <each or count> <function> ...: the same loop, each call in a shell of its own. The first that fails
# tells this shell by USR1, which asks the others to end; all are awaited.
at_once() {
  local ds_shells=() ds_failed='' ds_iteration=$2 ds_parent=$BASHPID ds_code=0 ds_last ds_entry
  trap 'abort' USR1
  "$1" fork "${@:3}"
  for ds_entry in "${ds_shells[@]}"; do
    outcome "$ds_entry"
    ds_last=$?
    ((ds_last == 0)) || abort
    # what was stopped for another's sake ends with 143: that other one's code counts
    ((ds_last == 0 || (ds_code != 0 && ds_code != 143))) || ds_code=$ds_last
  done
  trap - USR1
  ! halted || ds_code=$ds_stopped
  return "$ds_code"
}

# fork: starts one iteration.
fork() {
  local ds_alarm=$ds_parent
  [[ -z $ds_failed ]] || return
  new_record
  shell "$ds_signal" "$ds_iteration" || return
  ds_shells+=("$ds_shell")
  [[ -z $ds_failed ]] && ! halted || ask_shells TERM "$ds_shell"
}

abort() {
  ds_interrupted=yes ds_failed=yes
  ask_shells TERM
}
