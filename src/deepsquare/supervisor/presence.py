"""How the grid sees this provider: its registration and its lease.

What is registered is the whole cluster, whether its machines are up or not: machines that come and go
change what is taken, not what is registered. A registration is sent only when something changed, for
somebody has to approve it; until then the old one stays valid, and having none is no error.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from deepsquare.chain import ContractRefused
from deepsquare.clusters.port import ClusterNode
from deepsquare.model import Hardware, Label, Prices, Provider
from deepsquare.supervisor.ports import Ports

_log = logging.getLogger(__name__)

_HEARTBEATS_PER_LEASE = 4
_APPROVAL_LOOK_SECONDS = 1.0
"""How often approval is looked for: the first heartbeat follows it at once, and with it the first job."""


def merged_labels(detected: Sequence[Label], own: Mapping[str, str]) -> tuple[Label, ...]:
    """The labels to register, sorted: the operator's own, and those detected whose key the operator left alone."""
    kept = [label for label in detected if label.key not in own]
    return tuple(sorted({*kept, *(Label(key, value) for key, value in own.items())}))


class Presence:
    """The standing of one provider on the chain."""

    def __init__(self, ports: Ports, prices: Prices, labels: Mapping[str, str]) -> None:
        self._ports = ports
        self._prices = prices
        self._labels = dict(labels)
        self._told = ""
        self._lease: timedelta | None = None
        self._is_valid = False

    @property
    def pause_seconds(self) -> float:
        """How long until the lease should be looked at again."""
        if self._lease is None or (not self._is_valid and not self._ports.journal.entries):
            return _APPROVAL_LOOK_SECONDS
        return self._lease.total_seconds() / _HEARTBEATS_PER_LEASE / 2

    async def register(self) -> None:
        """Register what the cluster is, unless the chain has just that already, valid or waiting for approval.

        Raises `ChainError` or `ClusterError`.
        """
        wanted = await self._wanted()
        if not wanted.hardware.nodes:
            self._tell("the cluster has no machine that jobs may run on; nothing is registered")
            return
        valid = await self._ports.chain.provider(self._ports.provider)
        if valid is not None and _is_same(valid, wanted):
            self._tell("this provider is registered and approved")
            return
        waiting = next(
            (p for p in await self._ports.chain.waiting_providers() if p.address == self._ports.provider), None
        )
        if waiting is None or not _is_same(waiting, wanted):
            await self._ports.account.register(wanted.hardware, wanted.prices, wanted.labels)
            _log.info(
                "registered %d machines, %d CPUs, %d GPUs, %d labels",
                len(wanted.hardware.nodes),
                wanted.hardware.cpus,
                wanted.hardware.gpus,
                len(wanted.labels),
            )
        self._tell(
            f"approval is awaited; the grid's admin runs: dps provider approve {self._ports.provider}"
            + ("" if valid is None else " (until then the earlier registration stays valid)")
        )

    async def prove_alive(self, now: datetime) -> None:
        """Renew the lease unless most of it is left. Any other transaction renews it too.

        A provider that was removed goes on with it while it holds jobs. Raises `ChainError`.
        """
        self._is_valid = await self._ports.chain.provider(self._ports.provider) is not None
        if not self._is_valid and not self._ports.journal.entries:
            return
        left = await self._ports.chain.lease_end(self._ports.provider) - now
        if left > await self._lease_duration() * (_HEARTBEATS_PER_LEASE - 1) / _HEARTBEATS_PER_LEASE:
            return
        try:
            await self._ports.account.heartbeat()
        except ContractRefused as refusal:
            self._tell(f"the chain does not take this provider's heartbeat: {refusal}")

    async def _lease_duration(self) -> timedelta:
        if self._lease is None:
            self._lease = timedelta(seconds=(await self._ports.chain.settings()).lease_seconds)
        return self._lease

    async def _wanted(self) -> Provider:
        nodes = sorted(await self._ports.cluster.nodes(), key=_name)
        detected = [*await self._ports.cluster.labels(), *await self._ports.abilities.labels()]
        labels = merged_labels(detected, self._labels)
        hardware = Hardware(tuple(node.resources for node in nodes))
        return Provider(self._ports.provider, hardware, self._prices, labels)

    def _tell(self, message: str) -> None:
        """Log a standing once, not at every look."""
        if message != self._told:
            _log.info("%s", message)
            self._told = message


def _is_same(registered: Provider, wanted: Provider) -> bool:
    return (
        registered.hardware == wanted.hardware
        and registered.prices == wanted.prices
        and sorted(registered.labels) == sorted(wanted.labels)
    )


def _name(node: ClusterNode) -> str:
    return node.name
