# fetch_http <address> <name>: the input; an archive is unpacked, another file keeps this name.
fetch_http() {
  local ds_address=$1 ds_workplace code
  open_workplace && transfer input --output "$ds_workplace/$2.part" || return
  mkdir -- "$ds_workplace/file" && mv -- "$ds_workplace/$2.part" "$ds_workplace/file/$2" || return
  attend unpack "$ds_workplace/file/$2"
  code=$?
  rm -rf -- "$ds_workplace"
  return "$code"
}
