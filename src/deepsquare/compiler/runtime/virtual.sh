# --- Virtual networks: stars of WireGuard. The middle of each is a network of its own on the node of this script. ---
ds_preparations+=(open_virtual_networks)
ds_preludes+=(forget_seats)
ds_stars=()              # for each virtual network, its words
declare -A ds_tables=()  # <name>, the folder of the network
declare -A ds_reach=()   # <name>, to what it leads to
declare -A ds_members=() # <name> <address>, to what WireGuard has to know there

# virtual_network <name> <the gateway's address, with the prefix> <what it leads to> <addresses of members>: lists in one
# word each.
virtual_network() { ds_stars+=("$@"); }

# --- Words that describe a command's place in them. ---

forget_seats() { ds_seats=(); }

# join <interface> <name> <address> <address with the prefix>
join() {
  ds_links+=("$1" "${ds_members["$2 $3"]}" "$4" "${ds_reach["$2"]}")
  ds_seats+=("${ds_tables["$2"]}/$3")
}

# run_as_member <program> ...: `run_in_network`, unless a step that still runs has one of its addresses.
run_as_member() {
  local seat taken=() code=0
  for seat in "${ds_seats[@]}"; do
    mkdir -- "$seat" 2>/dev/null || {
      halted || tell "$ds_path: another step that still runs has the address ${seat##*/} in this virtual network"
      code=1
      break
    }
    taken+=("$seat")
  done
  ((code)) || run_in_network "$@" || code=$?
  ((${#taken[@]} == 0)) || rmdir -- "${taken[@]}"
  return "$code"
}

open_virtual_networks() {
  local index node
  command -v wg >/dev/null || {
    tell 'virtual networks need wg (wireguard-tools), which the first node of this job does not have'
    return 1
  }
  [[ $(PATH+=:/usr/sbin:/sbin ip -4 route get 192.0.2.1 2>/dev/null) =~ \ src\ ([0-9.]+) ]] || {
    tell 'virtual networks need an IPv4 address at which nodes reach each other; the first node of this job has none'
    return 1
  }
  node=${BASH_REMATCH[1]}
  for ((index = 0; index < ${#ds_stars[@]}; index += 4)); do
    open_star "$node" "${ds_stars[@]:index:4}" || {
      tell 'the virtual networks of this job cannot be made on its first node'
      return 1
    }
  done
}

# open_star <this node's address> <words of the virtual network>: each address has a key, not each step, as one
# step may take the place of another.
open_star() {
  local folder port key own public address code
  folder=$(umask 077 && mktemp -d -- "$ds_scratch/network-XXXXXX") && mkfifo -- "$folder/open" || return
  while port=$((20000 + RANDOM % 10000)) && grep -q ":$(printf %04X "$port") " /proc/net/udp; do :; done
  ds_reach["$2"]=$4 ds_tables["$2"]=$folder
  key=$(wg genkey) && public=$(wg pubkey <<<"$key") || return
  own=$(printf '[Interface]\nPrivateKey = %s\nListenPort = %s' "$key" "$port")
  for address in $5; do
    key=$(wg genkey) || return
    own+=$(printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = %s' "$(wg pubkey <<<"$key")" "$address")
    ds_members["$2 $address"]=$(
      printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\nAllowedIPs = %s\n' "$key" "$public" "${4// /, }"
      printf 'Endpoint = %s:%s\nPersistentKeepalive = 15\n' "$1" "$port"
    )
  done
  (umask 077 && printf '%s\n' "$own" >"$folder/vnet0.conf" && printf '%s\n' "$3" "$5" >"$folder/vnet0.link" &&
    printf '%s\n' "$port" >"$folder/port" && : >"$folder/resolv.conf") || return
  exec 7<>"$folder/open"
  set -m 2>/dev/null
  (hold_star "$folder") </dev/null >/dev/null 7>&- &
  set +m
  heard_from "$!"
  code=$?
  exec 7>&-
  return "$code"
}

# hold_star <folder>: becomes what holds the middle, which passes on what members say to each other, for as long as the
# script is there, even where that is killed.
hold_star() {
  # shellcheck disable=SC2016
  become "${ds_own_env[@]}" -- bash -c "$(network_functions); enter_network \"\$@\"" bash "$1" pasta 0 0 sh -c '
    for switch in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; do
      [ ! -e "$switch" ] || echo 1 >"$switch" || exit
    done
    echo open >"$1/open"
    exec tail --pid="$2" -s 0.5 -f /dev/null
  ' sh "$1" "$$"
}
