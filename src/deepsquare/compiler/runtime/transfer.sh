# open_workplace: a new folder for what a transfer needs, `ds_workplace`.
open_workplace() {
  ds_workplace=$(mktemp -d -- "$ds_scratch/transfer-XXXXXX") && return
  tell 'the scratch folder of this job is gone'
  return 1
}

# has_output: sets `ds_files` to what lies in the output; false, and told, where it is empty.
has_output() {
  mapfile -d '' -t ds_files < <(find "$ds_scratch/output/" -mindepth 1 -maxdepth 1 -print0 2>/dev/null)
  ((${#ds_files[@]} == 0)) || return 0
  tell 'output: there is nothing in $DEEPSQUARE_OUTPUT to send'
  return 1
}
