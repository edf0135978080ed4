"""How the grid sees a provider: registered once, alive always."""

import logging
from datetime import timedelta

import pytest

from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.model import Label, Node, Prices, Provider
from deepsquare.supervisor.presence import Presence, merged_labels
from tests.supervisor.stage import CREDIT_PER_MINUTE, Stage


def presence(s: Stage, prices: Prices = CREDIT_PER_MINUTE) -> Presence:
    return Presence(s.ports(), prices, s.settings.labels)


async def nonce(s: Stage) -> int:
    return int(await s.grid.rpc.request("eth_getTransactionCount", [s.signer.address, "latest"]), 16)


async def waiting(s: Stage) -> Provider | None:
    return next((p for p in await s.grid.ledger.waiting_providers() if p.address == s.signer.address), None)


async def test_a_registration_that_says_the_same_is_not_sent_again(s: Stage) -> None:
    before = await nonce(s)
    await presence(s).register()
    assert await nonce(s) == before


async def test_a_changed_price_is_registered_and_waits_for_approval(s: Stage) -> None:
    await presence(s, Prices(0, 7, 0)).register()
    assert (registered := await waiting(s)) is not None
    assert registered.prices == Prices(0, 7, 0)
    assert (valid := await s.grid.ledger.provider(s.signer.address)) is not None
    assert valid.prices == CREDIT_PER_MINUTE, "the earlier registration stays valid until then"


async def test_what_waits_for_approval_already_is_not_sent_again(s: Stage) -> None:
    await presence(s, Prices(0, 7, 0)).register()
    before = await nonce(s)
    await presence(s, Prices(0, 7, 0)).register()
    assert await nonce(s) == before


async def test_waiting_for_approval_is_said_once_and_is_no_error(s: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    waiting_presence = presence(s, Prices(0, 7, 0))
    for _ in range(3):
        await waiting_presence.register()
    told = [record for record in caplog.records if "approval is awaited" in record.message]
    assert len(told) == 1
    assert f"dps provider approve {s.signer.address}" in told[0].message
    assert all(record.levelno < logging.WARNING for record in caplog.records)


async def test_drained_and_down_machines_stay_registered(s: Stage) -> None:
    (node,) = s.cluster.machines
    s.cluster.machines = [ClusterNode(node.name, node.resources, NodeState.DOWN)]
    before = await nonce(s)
    await presence(s).register()
    assert await nonce(s) == before


async def test_a_new_machine_is_registered(s: Stage) -> None:
    s.cluster.machines.append(ClusterNode("n0", Node(4, 8_000), NodeState.UP))
    await presence(s).register()
    assert (registered := await waiting(s)) is not None
    assert registered.hardware.nodes == (Node(4, 8_000), Node(16, 64_000, 2)), "in the order of their names"


async def test_the_order_in_which_a_cluster_lists_its_machines_does_not_matter(s: Stage) -> None:
    s.cluster.machines.append(ClusterNode("n0", Node(4, 8_000), NodeState.UP))
    await presence(s).register()
    before = await nonce(s)
    s.cluster.machines.reverse()
    await presence(s).register()
    assert await nonce(s) == before


async def test_a_cluster_without_machines_is_not_registered(s: Stage) -> None:
    s.cluster.machines = []
    before = await nonce(s)
    await presence(s).register()
    assert await nonce(s) == before


def test_the_operators_own_labels_win_over_detected_ones() -> None:
    detected = [Label("os", "debian"), Label("gpu", "a100"), Label("gpu", "h100")]
    assert merged_labels(detected, {"gpu": "mine", "zone": "alps"}) == (
        Label("gpu", "mine"),
        Label("os", "debian"),
        Label("zone", "alps"),
    )


async def test_a_lease_is_renewed_well_before_it_ends(s: Stage) -> None:
    lease = timedelta(seconds=(await s.grid.ledger.settings()).lease_seconds)
    alive = presence(s)
    for _ in range(20):
        await alive.prove_alive(s.clock.now())
        assert await s.grid.ledger.lease_end(s.signer.address) - s.clock.now() > lease / 2
        s.advance(alive.pause_seconds)


async def test_a_lease_that_another_transaction_renewed_is_left_alone(s: Stage) -> None:
    await s.grid.provider_account().heartbeat()
    before = await nonce(s)
    await presence(s).prove_alive(s.clock.now())
    assert await nonce(s) == before


async def test_a_removed_provider_keeps_its_lease_while_it_holds_a_job(s: Stage) -> None:
    await s.running()
    await s.grid.admin_account.remove(s.signer.address)
    lease_seconds = (await s.grid.ledger.settings()).lease_seconds
    s.advance(lease_seconds / 2)
    await presence(s).prove_alive(s.clock.now())
    assert (await s.grid.ledger.lease_end(s.signer.address) - s.clock.now()).total_seconds() == lease_seconds


async def test_a_provider_that_nobody_approved_sends_no_heartbeat(s: Stage) -> None:
    await s.grid.admin_account.remove(s.signer.address)
    s.advance(10_000)
    before = await nonce(s)
    await presence(s).prove_alive(s.clock.now())
    assert await nonce(s) == before
