"""What a provider says of itself between two transactions, and how long that counts.

A status is a hint that spares jobs a detour: it closes a cluster at once, and takes away machines that are down.
It never adds anything to what is registered, and without a fresh one the registration stands alone.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deepsquare.chain.typed_data import Types
from deepsquare.model import Address, Hardware, Node, Provider
from deepsquare.web.signing import ServiceDomain, TypedMessage

_TYPES: Types = {
    "ProviderStatus": (
        ("provider", "address"),
        ("sentAt", "uint64"),
        ("takesJobs", "bool"),
        ("running", "uint32"),
        ("queued", "uint32"),
        ("nodesHash", "bytes32"),
    )
}


class StatusDomain(ServiceDomain):
    """The chain and the contract for which a provider's status is good."""

    __slots__ = ()
    name = "DeepSquare MetaScheduler"


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """A cluster at one moment; absolute, so that hearing it twice does no harm."""

    provider: Address
    sent_at_ms: int
    """Milliseconds since 1970: each status is later than the one before."""
    takes_jobs: bool
    """False while no machine of it may be used."""
    running: int
    queued: int
    """Jobs of the grid that wait in the cluster's own queue."""
    nodes: tuple[Node, ...]
    """The machines that may be used now."""

    def message(self) -> TypedMessage:
        """What the provider signs."""
        nodes = json.dumps([[node.cpus, node.memory_mb, node.gpus] for node in self.nodes], separators=(",", ":"))
        values = {
            "provider": self.provider,
            "sentAt": self.sent_at_ms,
            "takesJobs": self.takes_jobs,
            "running": self.running,
            "queued": self.queued,
            "nodesHash": hashlib.sha256(nodes.encode()).digest(),
        }
        return TypedMessage(_TYPES, values)

    def body(self, signature: bytes) -> dict[str, Any]:
        """The status as it travels."""
        return {
            "provider": self.provider,
            "sent_at_ms": self.sent_at_ms,
            "takes_jobs": self.takes_jobs,
            "running": self.running,
            "queued": self.queued,
            "nodes": [{"cpus": node.cpus, "memory_mb": node.memory_mb, "gpus": node.gpus} for node in self.nodes],
            "signature": "0x" + signature.hex(),
        }


class OutdatedStatus(Exception):
    """A status that is not later than one that was heard, or not of now."""


class Statuses:
    """The newest status of each provider."""

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime = lifetime_seconds
        self._newest: dict[Address, ProviderStatus] = {}

    def hear(self, status: ProviderStatus, now: datetime) -> None:
        """Take in a status whose signature is right. Raises `OutdatedStatus`.

        One that was heard, or that is older than one that was heard, cannot be sent again by somebody who saw it; one
        that is as old as a status may be counts for nobody, even after a restart that forgot all of them.
        """
        newest = self._newest.get(status.provider)
        if newest is not None and status.sent_at_ms <= newest.sent_at_ms:
            raise OutdatedStatus("a status that is as new was heard already")
        if abs(now.timestamp() - _sent_at(status)) >= self._lifetime:
            raise OutdatedStatus(f"the status is not of now: by the clock here it is {now:%Y-%m-%d %H:%M:%S} UTC")
        self._newest[status.provider] = status

    def fresh(self, now: datetime) -> Mapping[Address, ProviderStatus]:
        """What counts now."""
        at = now.timestamp()
        return {provider: status for provider, status in self._newest.items() if at - _sent_at(status) < self._lifetime}


def usable(provider: Provider, status: ProviderStatus | None) -> Provider:
    """The provider with the machines that it says may be used: of those registered, in their order."""
    if status is None or not status.takes_jobs:
        return provider
    left = Counter(status.nodes)
    nodes = []
    for node in provider.hardware.nodes:
        if left[node] > 0:
            left[node] -= 1
            nodes.append(node)
    # Machines that are none of those registered say nothing of these.
    return replace(provider, hardware=Hardware(tuple(nodes))) if nodes else provider


def _sent_at(status: ProviderStatus) -> float:
    """A timestamp: what a provider says may lie past all calendars."""
    return status.sent_at_ms / 1000
