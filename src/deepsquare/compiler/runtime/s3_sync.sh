# sync_s3 <function> <copy or sync> <where>: calls the function, and sends the output meanwhile and however it ends.
sync_s3() {
  local sender ds_code ds_last
  s3 "${@:3}"
  new_record
  shell TERM keep_pushing "$2" || return
  sender=$ds_shell
  "$1"
  ds_code=$?
  ask_shells TERM "$sender"
  outcome "$sender"
  local ds_shield=yes
  send_s3 "${@:2}"
  ds_last=$?
  ((ds_code != 0)) || ds_code=$ds_last
  return "$ds_code"
}

# keep_pushing <copy or sync>: until it is stopped; what fails is tried again, so the same reason is told once.
keep_pushing() {
  local told=''
  while attend sleep "${DEEPSQUARE_SITE_SYNC_SECONDS:-60}"; do
    push "$1" || halted || [[ $ds_why == "$told" ]] || {
      tell "output: $ds_why; it is tried again"
      told=$ds_why
    }
  done
}
