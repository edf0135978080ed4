# push <copy or sync>: the output as it is now. Where there is no file in it nothing is sent, and so nothing is deleted.
push() {
  [[ -z $(find "$ds_scratch/output/" ! -type d -print -quit 2>/dev/null) ]] ||
    carry "$1" --copy-links "$ds_scratch/output" "$ds_place"
}

# send_s3 <copy or sync> <where, in the words of `s3`>: the output, after the last step.
send_s3() {
  local ds_files
  s3 "${@:2}"
  has_output || return 0
  ! push "$1" || return 0
  ! halted || return "$ds_stopped"
  tell "output: $ds_why"
  return 1
}
