# fetch_s3 <where, in the words of `s3`>: the input, from a folder or one file of a bucket.
fetch_s3() {
  s3 "$@"
  if ! carry copy "$ds_place" "$ds_scratch/input"; then
    ! halted || return "$ds_stopped"
    tell "input: $ds_why"
    return 1
  fi
  [[ -z $(find "$ds_scratch/input" -mindepth 1 -print -quit) ]] || return 0
  tell 'input: there is nothing at this path of the bucket'
  return 1
}
