# at_once <each or count> <function> ...: the same loop, each call in a shell of its own. The first that fails
# tells this shell by USR1, which asks the others to end; all are awaited.
at_once() {
  local ds_shells=() ds_failed='' ds_iteration=$2 ds_parent=$BASHPID ds_code=0 ds_last
  trap 'abort' USR1
  "$1" fork "${@:3}"
  for ds_shell in "${ds_shells[@]}"; do
    outlast "$ds_shell"
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
  [[ -z $ds_failed ]] || return
  shell "$ds_signal" alarm "$ds_iteration" || return
  ds_shells+=("$ds_shell")
  [[ -z $ds_failed ]] && ! halted || ask TERM "$ds_shell"
}

# alarm <function>: calls it in the shell of an iteration.
alarm() {
  "$1" && return
  local code=$?
  [[ -n $ds_stopped ]] || kill -s USR1 "$ds_parent"
  return "$code"
}

abort() {
  ds_interrupted=yes ds_failed=yes
  ask TERM "${ds_shells[@]}"
}
