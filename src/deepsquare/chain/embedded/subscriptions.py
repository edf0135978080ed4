"""What one WebSocket client has subscribed to: new heads and logs.

Each subscription has a cursor of its own. A new block only wakes the reader, which reads everything since the
cursor: nothing is lost when blocks come faster than they are sent, and nothing is sent twice.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepsquare.chain.embedded.errors import METHOD_NOT_FOUND, JsonRpcError
from deepsquare.chain.embedded.parameters import LogFilter, argument, log_filter, optional
from deepsquare.chain.embedded.presentation import header_json
from deepsquare.chain.embedded.reading import logs_between
from deepsquare.chain.embedded.recent import RecentBlocks
from deepsquare.chain.embedded.view import View


@dataclass(frozen=True, slots=True)
class _Subscription:
    """`logs` is None for new heads; `told` is the last block the client knows."""

    logs: LogFilter | None
    told: int


class Subscriptions:
    """The subscriptions of one connection."""

    def __init__(self) -> None:
        self._by_name: dict[str, _Subscription] = {}

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def subscribe(self, view: View, params: Sequence[Any]) -> str:
        """eth_subscribe"""
        what = argument(params, 0)
        if what == "newHeads":
            wanted = None
        elif what == "logs":
            wanted = log_filter(optional(params, 1, {}))
        else:
            raise JsonRpcError(METHOD_NOT_FOUND, f"no {what!r} subscription in eth namespace: newHeads and logs are")
        name = hex(secrets.randbits(128))
        self._by_name[name] = _Subscription(wanted, view.head.number)
        return name

    def unsubscribe(self, params: Sequence[Any]) -> bool:
        """eth_unsubscribe"""
        return self._by_name.pop(argument(params, 0), None) is not None

    def news(self, view: View) -> list[dict[str, Any]]:
        """The notifications due since the last time, and the cursors moved on."""
        due = [
            _notification(name, result)
            for name, subscription in self._by_name.items()
            for result in _since(view, subscription)
        ]
        self._by_name = {name: replace(each, told=view.head.number) for name, each in self._by_name.items()}
        return due

    def news_of_heads(self, recent: RecentBlocks) -> list[dict[str, Any]] | None:
        """The same from memory, where only new heads are wanted; None where the chain must be looked at."""
        due: list[dict[str, Any]] = []
        moved: dict[str, _Subscription] = {}
        for name, subscription in self._by_name.items():
            blocks = recent.after(subscription.told) if subscription.logs is None else None
            if blocks is None:
                return None
            due += [_notification(name, header_json(block)) for block in blocks]
            moved[name] = replace(subscription, told=blocks[-1].number) if blocks else subscription
        self._by_name = moved
        return due


def _since(view: View, subscription: _Subscription) -> Iterator[Any]:
    first, last = subscription.told + 1, view.head.number
    if subscription.logs is not None:
        yield from logs_between(view, subscription.logs, first, last)
        return
    for number in range(first, last + 1):
        block = view.archive.block_by_number(number)
        if block is not None:
            yield header_json(block)


def _notification(name: str, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": name, "result": result}}
