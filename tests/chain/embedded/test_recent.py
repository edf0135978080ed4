"""The newest blocks are told without a look at the chain, and never with a gap."""

from dataclasses import replace

import pytest

from deepsquare.chain.embedded.archive import LogQuery
from deepsquare.chain.embedded.blocks import Block, seal
from deepsquare.chain.embedded.genesis import Genesis
from deepsquare.chain.embedded.reading import NO_LIMIT
from deepsquare.chain.embedded.recent import BLOCKS_KEPT, MOST_BYTES, NewBlock, RecentBlocks
from deepsquare.chain.embedded.subscriptions import Subscriptions

FIRST = seal(None, Genesis(7).environment(1, 0), [], bytes(32))


def block(number: int) -> Block:
    return replace(FIRST, number=number)


def recent(first: int, last: int) -> RecentBlocks:
    blocks = RecentBlocks(block(first - 1))
    for number in range(first, last + 1):
        blocks.add([NewBlock(block(number), [])])
    return blocks


@pytest.mark.parametrize(("known", "told"), [(4, [5, 6, 7]), (5, [6, 7]), (7, []), (8, [])])
def test_what_follows_a_block_is_known(known: int, told: list[int]) -> None:
    assert [each.number for each in recent(5, 7).after(known) or []] == told


def test_what_was_before_is_not_known() -> None:
    assert recent(5, 7).after(3) is None
    assert RecentBlocks(block(4)).after(3) is None
    assert recent(1, BLOCKS_KEPT + 1).after(0) is None
    assert len(recent(1, BLOCKS_KEPT + 1).after(1) or []) == BLOCKS_KEPT


def test_nothing_is_said_of_a_block_that_is_written_and_not_announced_yet() -> None:
    blocks = recent(5, 7)
    assert blocks.logs(LogQuery(7, 8), NO_LIMIT, head=8) is None
    assert blocks.block(8, head=8) is None
    assert blocks.logs(LogQuery(7, 8), NO_LIMIT, head=7) == []


def test_blocks_that_hold_very_much_are_not_kept_for_long() -> None:
    blocks = RecentBlocks(block(4))
    blocks.add([NewBlock(replace(block(number), size=MOST_BYTES // 3), []) for number in range(5, 10)])
    assert blocks.head == replace(block(9), size=MOST_BYTES // 3)
    assert [each.number for each in blocks.after(6) or []] == [7, 8, 9]
    assert blocks.after(5) is None


class Head:
    """What a subscription asks of a view: where it begins."""

    def __init__(self, number: int) -> None:
        self.head = block(number)


def test_each_subscription_is_told_what_it_does_not_know_and_once() -> None:
    subscriptions, blocks = Subscriptions(), recent(5, 7)
    names = [subscriptions.subscribe(Head(number), ["newHeads"]) for number in (5, 6)]  # type: ignore[arg-type]
    told = subscriptions.news_of_heads(blocks) or []
    assert [(each["params"]["subscription"], each["params"]["result"]["number"]) for each in told] == [
        (names[0], "0x6"),
        (names[0], "0x7"),
        (names[1], "0x7"),
    ]
    assert subscriptions.news_of_heads(blocks) == []
    blocks.add([NewBlock(block(8), [])])
    assert len(subscriptions.news_of_heads(blocks) or []) == 2


def test_one_who_knows_too_little_or_wants_logs_is_told_from_the_chain() -> None:
    subscriptions, blocks = Subscriptions(), recent(5, 7)
    subscriptions.subscribe(Head(6), ["newHeads"])  # type: ignore[arg-type]
    old = subscriptions.subscribe(Head(2), ["newHeads"])  # type: ignore[arg-type]
    assert subscriptions.news_of_heads(blocks) is None
    subscriptions.unsubscribe([old])
    assert len(subscriptions.news_of_heads(blocks) or []) == 1
    subscriptions.subscribe(Head(7), ["logs", {}])  # type: ignore[arg-type]
    assert subscriptions.news_of_heads(blocks) is None
