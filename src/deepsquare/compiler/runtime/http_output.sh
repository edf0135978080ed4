# send_http <address> <shown or hidden>: the output, one file as it is, more of them as one zip. What the server answers
# (where to find the output again) is shown, unless it may repeat a secret.
send_http() {
  local ds_address=$1 ds_workplace ds_files file
  has_output || return 0
  open_workplace || return
  file=${ds_files[0]}
  if ((${#ds_files[@]} > 1)) || [[ ! -f $file ]]; then
    file=$ds_workplace/output.zip
    attend zip_output "$file" || return
  fi
  transfer output --upload-file "$file" --output "$ds_workplace/answer" || return
  [[ $2 != shown || $ds_logging != true || ! -s $ds_workplace/answer ]] || show_answer
}

# zip_output <file>: what links lead to is in the zip, too.
zip_output() {
  command -v zip >/dev/null || {
    tell 'output: there is no zip here to make one file of many; ask the provider for it'
    return 1
  }
  cd -- "$ds_scratch/output" && zip -q -r "$1" . >/dev/null 2>&1 && return
  tell 'output: it cannot be zipped; is the disk full, or a file not readable?'
  return 1
}

show_answer() { printf '%s\n' "$(head -c 4096 -- "$ds_workplace/answer" | LC_ALL=C tr -d '\000-\010\013-\037\177')"; }
