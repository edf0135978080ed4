"""Networks as bash: the words that describe the virtual ones of a job, and the one of a command."""

import ipaddress
from collections.abc import Iterator

from deepsquare.compiler.plan import Command, Network, Plan, steps_of
from deepsquare.compiler.writer import Writer
from deepsquare.workflow import VirtualNetwork, Wireguard


def write_virtual_networks(plan: Plan, writer: Writer) -> None:
    """Describes the virtual networks of the job, each with the addresses at which steps join it."""
    for network in plan.networks:
        members = tuple(_members(network, plan))
        if members:
            writer.needs("virtual")
            reach = " ".join((str(ipaddress.ip_interface(network.gateway_address).network), *members))
            writer.word("virtual_network", network.name, network.gateway_address, reach, " ".join(members))


def _members(network: VirtualNetwork, plan: Plan) -> Iterator[str]:
    """Addresses without the prefix, each of them once."""
    own = (
        step.action.network
        for step in steps_of(plan.body)
        if isinstance(step.action, Command) and step.action.network.kind != "host"
    )
    joined = (each.vnet for described in own for each in described.interfaces if each.vnet is not None)
    yield from dict.fromkeys(_alone(member.address) for member in joined if member.name == network.name)


def _alone(address: str) -> str:
    return str(ipaddress.ip_interface(address).ip)


def write_network(network: Network, writer: Writer) -> str:
    """Describes the network; the word of the runtime that runs a command in it."""
    if network.kind == "host" and network.map_uid is None and network.map_gid is None:
        return "run"
    writer.needs("network")
    writer.word("network", network.kind, *map(_number, (network.map_uid, network.map_gid)))
    if network.kind == "host":
        return "run_in_network"
    if network.dns:
        writer.word("nameservers", *network.dns)
    runner = "run_in_network"
    for index, interface in enumerate(network.interfaces):
        if interface.wireguard is not None:
            addresses, routes = " ".join(interface.wireguard.address), " ".join(_routes(interface.wireguard))
            writer.word("wireguard", f"wg{index}", _configuration(interface.wireguard), addresses, routes)
        if interface.vnet is not None:
            address = interface.vnet.address
            writer.word("join", f"vnet{index}", interface.vnet.name, _alone(address), address)
            runner = "run_as_member"
        if interface.bore is not None:
            writer.word("tunnel", interface.bore.server, str(interface.bore.target_port), interface.bore.secret or "")
    return runner


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _configuration(wireguard: Wireguard) -> str:
    """What `wg setconf` reads. Every value has been checked, so that none of them can add a line."""
    lines = ["[Interface]", f"PrivateKey = {wireguard.private_key}"]
    for peer in wireguard.peers:
        lines += ["[Peer]", f"PublicKey = {peer.public_key}"]
        if peer.pre_shared_key is not None:
            lines.append(f"PresharedKey = {peer.pre_shared_key}")
        if peer.allowed_ips:
            lines.append(f"AllowedIPs = {', '.join(peer.allowed_ips)}")
        if peer.endpoint is not None:
            lines.append(f"Endpoint = {peer.endpoint}")
        if peer.persistent_keepalive is not None:
            lines.append(f"PersistentKeepalive = {peer.persistent_keepalive}")
    return "\n".join(lines) + "\n"


def _routes(wireguard: Wireguard) -> Iterator[str]:
    """Networks behind the interface. All addresses are two halves: they win over the way out, which stays."""
    for peer in wireguard.peers:
        for allowed in peer.allowed_ips:
            network = ipaddress.ip_network(allowed, strict=False)
            yield from map(str, network.subnets() if network.prefixlen == 0 else [network])
