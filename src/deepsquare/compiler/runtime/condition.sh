# consider <path> <condition>: finds out for `holds` whether a step is to run; fails where bash cannot tell.
consider() {
  local code
  step "$1"
  attend start "$BASH" -c "[[ $2 ]]; exit \$((10 + \$?))"
  code=$?
  ! halted || return "$ds_stopped"
  ds_holds=''
  case $code in
    10) ds_holds=yes ;;
    11) ;;
    *)
      tell "$1: the condition cannot be understood; it stands between [[ and ]] of bash"
      return 2
      ;;
  esac
}

holds() { [[ -n $ds_holds ]]; }
