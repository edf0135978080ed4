"""Networks of a job and of its steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from deepsquare.workflow.formats import (
    NETWORK,
    WIREGUARD_KEY,
    WIREGUARD_SECRET,
    check_given,
    check_host,
    check_host_with_port,
)
from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.shapes import Alternatives, Key, ListOf, Model, RecordOf, Text, Whole

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualNetwork(Model):
    """A network that steps of the job share."""

    aliases: ClassVar[Mapping[str, str]] = {"address": "gatewayAddress", "gateway": "gatewayAddress"}

    name: Annotated[str, Key("name", Text(MAX_NAME_BYTES, check_given), "What steps call it.")]
    gateway_address: Annotated[
        str, Key("gatewayAddress", NETWORK, "The gateway's address in it, with the network's length: 10.0.0.1/24.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardPeer(Model):
    """The other end of a WireGuard tunnel."""

    public_key: Annotated[str, Key("publicKey", WIREGUARD_KEY, "The peer's public key.")]
    pre_shared_key: Annotated[str | None, Key("preSharedKey", WIREGUARD_SECRET, "A key that both ends know.")] = field(
        default=None, repr=False
    )
    allowed_ips: Annotated[
        tuple[str, ...], Key("allowedIPs", ListOf(NETWORK), "What goes through the tunnel: 0.0.0.0/0 is everything.")
    ] = ()
    endpoint: Annotated[
        str | None, Key("endpoint", Text(MAX_NAME_BYTES, check_host_with_port), "Where the peer listens: host:port.")
    ] = None
    persistent_keepalive: Annotated[
        int | None, Key("persistentKeepalive", Whole(0, 65535), "Seconds between signs of life; 0 is none.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wireguard(Model):
    """A WireGuard interface: `wg0`, `wg1`, ... by its place in the list."""

    private_key: Annotated[str, Key("privateKey", WIREGUARD_SECRET, "The interface's private key.")] = field(repr=False)
    address: Annotated[tuple[str, ...], Key("address", ListOf(NETWORK), "The interface's own addresses.")] = ()
    peers: Annotated[
        tuple[WireguardPeer, ...], Key("peers", ListOf(RecordOf(lambda: WireguardPeer)), "The other ends.")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bore(Model):
    """A tunnel from a server on the internet to a port of the step."""

    target_port: Annotated[int, Key("targetPort", Whole(1, _MAX_PORT), "The port on which the step listens.")]
    bore_address: Annotated[
        str | None, Key("boreAddress", Text(MAX_NAME_BYTES, check_host_with_port), "The tunnel server: host:port.")
    ] = None
    address: Annotated[
        str | None, Key("address", Text(MAX_NAME_BYTES, check_host), "Deprecated, with port: the tunnel server.")
    ] = None
    port: Annotated[int | None, Key("port", Whole(1, _MAX_PORT), "Deprecated, with address: the server's port.")] = None
    secret: Annotated[
        str | None, Key("secret", Text(MAX_NAME_BYTES, is_secret=True), "What the server asks for, if it does.")
    ] = field(default=None, repr=False)

    @property
    def server(self) -> str:
        """The tunnel server as host:port, in whichever way it was written."""
        return self.bore_address or f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMember(Model):
    """A step's place in one of the job's virtual networks: `vnet0`, ... by its place in the list."""

    name: Annotated[str, Key("name", Text(MAX_NAME_BYTES), "The virtual network's name.")]
    address: Annotated[str, Key("address", NETWORK, "The step's address in it: 10.0.0.2/24.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface(Model):
    """One interface of a step's own network."""

    alternatives: ClassVar[Alternatives] = Alternatives(
        ("wireguard", "bore", "vnet"), is_required=True, advice="make them interfaces of their own"
    )

    wireguard: Annotated[Wireguard | None, Key("wireguard", RecordOf(lambda: Wireguard), "A WireGuard tunnel.")] = None
    bore: Annotated[Bore | None, Key("bore", RecordOf(lambda: Bore), "A tunnel to a port of the step.")] = None
    vnet: Annotated[
        NetworkMember | None, Key("vnet", RecordOf(lambda: NetworkMember), "A virtual network of the job.")
    ] = None
