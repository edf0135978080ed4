# --- Networks: a command in a network of its own, and as another user in its own eyes. ---
ds_preludes+=(forget_network)

# --- Words that describe a command's network. ---

forget_network() { ds_network=() ds_nameservers=() ds_links=() ds_tunnels=(); }

# network <host, slirp4netns or pasta> <user id or ''> <group id or ''>
network() { ds_network=("$@"); }
nameservers() { ds_nameservers=("$@"); }

# wireguard <interface> <configuration> <its addresses> <what it leads to>: lists in one word each.
wireguard() { ds_links+=("$@"); }

# tunnel <server> <port of the command> <secret or ''>
tunnel() { ds_tunnels+=("$@"); }

# run_in_network <program> ...: `run`, in the described network. What holds secrets is in files of this step alone.
run_in_network() {
  local folder code index text
  [[ " host ${DEEPSQUARE_SITE_NETWORKS-slirp4netns pasta} " == *" ${ds_network[0]} "* ]] || {
    tell "$ds_path: this site makes no networks by ${ds_network[0]}; the label network.${ds_network[0]} tells which sites do"
    return 1
  }
  folder=$(umask 077 && mktemp -d -- "$ds_scratch/network-XXXXXX") || return
  for ((index = 0; index < ${#ds_links[@]}; index += 4)); do
    text=$folder/${ds_links[index]}
    (umask 077 && printf '%s' "${ds_links[index + 1]}" >"$text.conf" &&
      printf '%s\n' "${ds_links[@]:index+2:2}" >"$text.link") || return
  done
  for ((index = 0; index < ${#ds_tunnels[@]}; index += 3)); do
    (umask 077 && printf '%s\0' "${ds_tunnels[@]:index:3}" >"$folder/$index.tunnel") || return
  done
  case ${ds_network[0]} in
    slirp4netns) ((${#ds_nameservers[@]})) || ds_nameservers=(10.0.2.3) ;;
    pasta) ((${#ds_nameservers[@]})) || ds_nameservers=(169.254.1.1) ;;
  esac
  ((${#ds_nameservers[@]} == 0)) || printf 'nameserver %s\n' "${ds_nameservers[@]}" >"$folder/resolv.conf"
  name_user "${ds_network[@]:1}" >"$folder/passwd" || rm -- "$folder/passwd"
  run bash -c "$(network_functions); enter_network \"\$@\"" bash "$folder" "${ds_network[@]}" "$@"
  code=$?
  rm -rf -- "$folder"
  return "$code"
}

# name_user <user id or ''> <group id or ''>: the accounts of this node and this one, which programs may look for; fails
# where there is nothing to add.
name_user() {
  [[ -n $1 ]] && ! getent passwd "$1" >/dev/null &&
    cat /etc/passwd && printf 'user:x:%s:%s::/:/bin/sh\n' "$1" "${2:-$(id -g)}"
}

network_functions() {
  declare -f enter_network tend_network heard_from attach_network link_network link_all open_tunnel link_wireguard
}

# --- In each task of the command: no variable may be set in a process that becomes the command. ---

# enter_network <folder> <kind> <user id> <group id> <program> ...: turns this process into the program.
enter_network() {
  set -- "$1" "$2" "${3:-$(id -u)}" "${4:-$(id -g)}" "${@:5}"
  unshare --user --net --mount true 2>/dev/null || {
    echo 'deepsquare: this node lets nobody make namespaces of his own, which mapUid, mapGid and networks need' >&2
    exit 1
  }
  [[ $3:$4 == 0:0 ]] ||
    set -- "${@:1:4}" unshare --user --map-user="$3" --map-group="$4" -- "${@:5}"
  # shellcheck disable=SC2016
  [[ $2 != host ]] || exec unshare --user --map-root-user --mount -- sh -c '
    [ ! -e "$1/passwd" ] || mount --bind "$1/passwd" /etc/passwd || exit
    shift 4
    exec "$@"
  ' sh "$@"
  set -- "$(mktemp -d -p "$DEEPSQUARE_DISK_TMP" network-XXXXXX)" "$@"
  mkfifo -- "$1/inside" "$1/outside" "$1/ready" "$1/linked" || exit
  tend_network "$$" "$1" "$2" "$3" &
  # shellcheck disable=SC2016
  exec unshare --user --map-root-user --net --mount -- sh -c '
    [ ! -e "$2/passwd" ] || mount --bind "$2/passwd" /etc/passwd || exit
    mount --bind "$2/resolv.conf" /etc/resolv.conf || exit
    case $(timeout --foreground 180 sh -c "echo inside >\"\$1/inside\" && exec cat \"\$1/outside\"" sh "$1" || echo late) in
      ready) ;;
      late)
        echo "deepsquare: the network of this step was not made: what makes it has ended; submit the job again" >&2
        rm -rf -- "$1"
        exit 1
        ;;
      *) exit 1 ;;
    esac
    shift 5
    exec "$@"
  ' sh "$@"
}

# tend_network <process> <folder of the task> <folder of the step> <kind>: makes the network of this process, beside it,
# and ends with it. What asks the command to end does not end its network. Slurm kills what is left as soon as the
# command has ended, so nothing may be left to remove by then.
tend_network() {
  local process word=''
  trap '' TERM INT HUP
  PATH+=:/usr/sbin:/sbin
  exec 8<>"$2/inside" 9>&2 >"$2/log" 2>&1 </dev/null
  until read -r -t 0.5 -u 8 word || [[ -n $word || ! -e /proc/$1 ]]; do :; done
  word=''
  if attach_network "$@" && link_network "$@"; then
    word=ready
  elif [[ -e /proc/$1 ]]; then
    printf 'deepsquare: the network of this step cannot be made: %s\n' "$(tail -n 1 -- "$2/log")" >&9
    word=failed
  fi
  if [[ -n $word ]]; then
    # Who reads it has opened it; a process that has ended meanwhile never does. TERM is ignored here, so it is KILL.
    # shellcheck disable=SC2016
    timeout --foreground -s KILL 60 sh -c '{ rm -rf -- "$1" && echo "$2"; } >"$1/outside"' sh "$2" "$word" 9>&-
  fi
  rm -rf -- "$2"
  exec 9>&-
  tail --pid="$1" -s 0.2 -f /dev/null
  for process in $(jobs -p); do kill -s KILL -- "-$process"; done
  wait
}

# heard_from <process>: true once it says a word on fd 7, false where it ends before or says none for a minute. What was
# read as the time ran out counts, too.
heard_from() {
  local lives=yes word='' tries=0
  until read -r -n 1 -t 0.1 -u 7 word || [[ -n $word ]]; do
    [[ -n $lives ]] || return
    [[ -e /proc/$1 ]] || lives=''
    ((++tries < 600)) || {
      echo 'the program that makes it has said nothing for a minute; submit the job again'
      return 1
    }
  done
}

# attach_network <process> <folder of the task> <folder of the step> <kind>: leads out, but not to the host's loopback.
attach_network() {
  local more=() port=none
  [[ -r /dev/net/tun && -w /dev/net/tun ]] || {
    echo 'users may not open /dev/net/tun on this node'
    return 1
  }
  exec 7<>"$2/ready"
  if [[ $4 == slirp4netns ]]; then
    setsid "${DEEPSQUARE_SITE_SLIRP4NETNS:-slirp4netns}" --configure --mtu=65520 --disable-host-loopback \
      --ready-fd=7 "$1" tap0 9>&- &
    heard_from "$!"
  else
    ((UID != 0)) || more=(--runas 0)
    [[ ! -e $3/port ]] || port=$(<"$3/port")
    # Who has the node's own address in his network cannot talk to that node, where a virtual network has its middle.
    ! compgen -G "$3/vnet*.link" >/dev/null || more+=(--address 10.0.2.100 --netmask 255.255.255.0 --gateway 10.0.2.2)
    # It says its number when it is ready.
    setsid "${DEEPSQUARE_SITE_PASTA:-pasta}" --foreground --quiet --config-net --no-map-gw \
      -t none -u "$port" -T none -U none --dns-forward 169.254.1.1 --pid "$2/ready" "${more[@]}" "$1" 7>&- 9>&- &
    heard_from "$!"
  fi
}

# link_network <process> <folder of the task> <folder of the step> <kind>: its further interfaces, and its tunnels.
link_network() {
  compgen -G "$3/*.link" >/dev/null || compgen -G "$3/*.tunnel" >/dev/null || return 0
  exec 7<>"$2/linked"
  setsid nsenter --target "$1" --user --preserve-credentials --net --mount unshare --mount \
    bash -c "$(declare -f link_all link_wireguard open_tunnel)"'; link_all "$@"' bash "$3" &
  heard_from "$!"
}

# link_all <folder of the step>: in the network; says so on fd 7, and stays with the programs that it has started.
link_all() {
  local file
  for file in "$1"/*.link; do
    [[ ! -e $file ]] || link_wireguard "${file%.link}" || exit
  done
  for file in "$1"/*.tunnel; do
    [[ ! -e $file ]] || open_tunnel "$file" || exit
  done
  echo linked >&7
  exec 7>&- 9>&-
  wait
}

# open_tunnel <file>: from a server to a port of the step, by the site's program; it tells the user what it says.
open_tunnel() {
  local words
  mapfile -d '' -t words <"$1"
  command -v "${DEEPSQUARE_SITE_TUNNEL:-}" >/dev/null || {
    echo 'this site has no program for tunnels (bore)'
    return 1
  }
  BORE_SECRET=${words[2]} "$DEEPSQUARE_SITE_TUNNEL" "${words[@]:0:2}" >&9 2>&1 7>&- 9>&- &
}

# link_wireguard <file without its ending>: an interface of this name; where the kernel knows none, by a program.
link_wireguard() {
  local name=${1##*/} addresses routes word endpoint
  { read -r addresses && read -r routes; } <"$1.link" || return
  ip link add "$name" type wireguard 2>/dev/null || {
    command -v "${DEEPSQUARE_SITE_WIREGUARD:-wireguard-go}" >/dev/null || {
      echo 'this node has no WireGuard: neither its kernel nor a program (wireguard-go)'
      return 1
    }
    mount -t tmpfs tmpfs /run && mkdir /run/wireguard || return
    "${DEEPSQUARE_SITE_WIREGUARD:-wireguard-go}" -f "$name" 7>&- 9>&- &
    until [[ -S /run/wireguard/$name.sock ]]; do
      [[ -e /proc/$! ]] && sleep 0.05 || return
    done
  }
  WG_ENDPOINT_RESOLUTION_RETRIES=3 wg setconf "$name" "$1.conf" || return
  for word in $addresses; do ip address add "$word" dev "$name" || return; done
  ip link set "$name" mtu 1420 up || return
  while read -r _ endpoint; do # what goes through a tunnel must not lead the tunnel itself
    [[ $endpoint =~ ^([0-9.]+): ]] && read -r _ _ word _ < <(ip route show default) || continue
    ip route replace "${BASH_REMATCH[1]}" via "$word" || return
  done < <(wg show "$name" endpoints)
  for word in $routes; do ip route replace "$word" dev "$name" || return; done
}
