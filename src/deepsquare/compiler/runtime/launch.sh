ds_launched=()
ds_handles=()

# scope <function>: calls it; what it launched ends with it.
scope() {
  local ds_launched=() ds_handles=("${ds_handles[@]}")
  "$1"
  settle $?
}

# launch <handle or ''> <signal> <function>: calls it in a shell of its own. The shell holds a lock on its record
# while it lives, so that any other shell of the job can await it.
launch() {
  local ds_fd
  new_record
  exec {ds_fd}>"$ds_record" && flock "$ds_fd" || return
  shell "${2/#0/TERM}" launched "$ds_fd" "$3" || return
  exec {ds_fd}>&-
  ds_launched+=("$2:$ds_shell")
  [[ -z $1 ]] || ds_handles+=("$1=$ds_record")
}

# launched <lock> <function>: in the shell of a launched step.
launched() {
  [[ -z $ds_lock ]] || exec {ds_lock}>&- # of the launched step around this one
  ds_lock=$1
  ds_launched=()
  "$2"
}

# await <handle> ...: until each of them has ended; fails with the first exit code that is none of success.
await() {
  local handle entry record code result=0
  for handle; do
    record=''
    for entry in "${ds_handles[@]}"; do
      [[ ${entry%%=*} != "$handle" ]] || record=${entry#*=}
    done
    [[ -n $record ]] || continue # the step that launches it was skipped
    : >"$record.awaited"
    attend flock --shared "$record" true || return
    read -r code <"$record" || code=137
    ((result != 0)) || result=$code
  done
  return "$result"
}

# settle <exit code>: ends what the scope launched; a failure that nobody awaited is the scope's. Steps that get no
# signal end first, for they may need the others.
settle() {
  local ds_code=$1 ds_shells=("${ds_launched[@]#*:}") ds_entry how=TERM asked=' '
  [[ -z $ds_ending ]] || how=HUP
  ! halted || ((${#ds_shells[@]} == 0)) || ask_shells "$how"
  for ds_entry in "${ds_launched[@]}"; do
    [[ $ds_entry != 0:* ]] || collect "${ds_entry#*:}"
  done
  for ds_entry in "${ds_launched[@]}"; do
    [[ $ds_entry != 0:* && ! -s ${ds_entry##*:} ]] || continue
    asked+="${ds_entry#*:} "
    ask_shells "$how" "${ds_entry#*:}"
  done
  for ds_entry in "${ds_launched[@]}"; do
    [[ $ds_entry == 0:* ]] || collect "${ds_entry#*:}"
  done
  ! halted || ds_code=$ds_stopped
  return "$ds_code"
}

# collect <shell>: awaits a launched step for `settle`.
collect() {
  local last
  outcome "$1"
  last=$?
  [[ $last == 0 || -e ${1#*:}.awaited || ($last == 143 && $asked == *" $1 "*) ]] || ((ds_code != 0)) || ds_code=$last
}
