# shell <signal> <command> ...: runs it in a shell of its own, which leads a process group; `ds_shell` is its process.
# TERM asks it to end, HUP tells it that the whole job ends; its commands then get the signal.
shell() {
  ! halted || return "$ds_stopped"
  set -m 2>/dev/null
  (
    ds_stopped='' ds_shield='' ds_command='' ds_shells=() ds_signal=$1
    trap 'stop 143 TERM' TERM INT
    trap 'finish 143' HUP
    trap - USR1
    shift
    "$@"
    ds_code=$?
    exit "${ds_stopped:-$ds_code}"
  ) </dev/null &
  ds_shell=$!
  set +m
}
