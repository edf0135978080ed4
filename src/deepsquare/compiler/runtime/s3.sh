# s3 <region> <endpoint> <bucket and path> <access key> <secret key>: describes where a transfer goes, or comes from.
s3() {
  ds_place=ds:$3 ds_keys=("$4" "$5")
  ds_s3_env=(TYPE=s3 PROVIDER=Other FORCE_PATH_STYLE=true NO_CHECK_BUCKET=true
    "REGION=$1" "ENDPOINT=$2" "ACCESS_KEY_ID=$4" "SECRET_ACCESS_KEY=$5")
}

# become_rclone <argument> ...: turns this process into rclone; the keys are in its environment and nowhere else.
become_rclone() {
  local entry
  unset -v "${!AWS_@}" "${!RCLONE_@}"
  for entry in "${ds_s3_env[@]}"; do export "RCLONE_CONFIG_DS_$entry"; done
  exec "${DEEPSQUARE_SITE_RCLONE:-rclone}" --config '' --retries 3 --low-level-retries 3 --contimeout 30s "$@" \
    >/dev/null 2>"$ds_workplace/errors"
}

# carry <copy or sync> <from> <to>: where it fails, `ds_why` says why, without the keys.
carry() {
  local code line key ds_workplace
  open_workplace || return
  : >"$ds_workplace/errors"
  attend become_rclone "$@"
  code=$?
  ds_why="rclone ends with $code"
  case $code in
    126 | 127) ds_why='there is no rclone here, which S3 needs; the provider names it in DEEPSQUARE_SITE_RCLONE' ;;
    *)
      while read -r line; do
        [[ $line != *' Failed to '* ]] || ds_why=${line#* * }
      done <"$ds_workplace/errors"
      for key in "${ds_keys[@]}"; do [[ -z $key ]] || ds_why=${ds_why//"$key"/...}; done
      ;;
  esac
  rm -rf -- "$ds_workplace"
  return "$code"
}
