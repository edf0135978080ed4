# http <option> ...: curl. The address, `ds_address`, may hold a secret: it is on no command line, and what curl says
# about it is not repeated.
http() {
  local address=${ds_address//\\/\\\\} redirects='=http,https'
  [[ ${ds_address,,} != https:* ]] || redirects='=https'
  "${DEEPSQUARE_SITE_CURL:-curl}" --disable --config - --globoff --silent --fail --location --max-redirs 10 \
    --proto '=http,https' --proto-redir "$redirects" --connect-timeout 30 --speed-limit 1 --speed-time 300 \
    --retry 3 --write-out '%{http_code}' "$@" 2>/dev/null \
    < <(printf 'url = "%s"\n' "${address//\"/\\\"}")
}

# transfer <input or output> <option> ...: `http`; says why where it fails.
transfer() {
  local code status='' why
  attend http "${@:2}" >"$ds_workplace/status"
  code=$?
  ! halted || return "$ds_stopped"
  read -r status <"$ds_workplace/status" # the line has no end, so this always fails
  case $code in
    0) return 0 ;;
    1 | 47) why='its address redirects too often, or from https to something else' ;;
    3) why='curl cannot read its address' ;;
    5 | 6 | 7) why='its server cannot be reached' ;;
    18 | 52 | 55 | 56 | 92) why='the connection was cut' ;;
    22) why="its server answers $status" ;;
    23) why='it cannot be written to the scratch folder; is the disk full?' ;;
    28) why='its server is too slow' ;;
    35 | 51 | 58 | 60 | 77 | 83) why='its server cannot prove who it is (TLS)' ;;
    126 | 127) why='there is no curl here; the provider names it in DEEPSQUARE_SITE_CURL' ;;
    *) why="curl ends with $code" ;;
  esac
  tell "$1: $why"
  return 1
}
