"""Filters that clients poll (eth_newFilter and its kin): for libraries that follow events over plain HTTP.

Kept in memory, the oldest unused one forgotten when there are too many; a client whose filter is gone makes a new one.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from deepsquare.chain.embedded.errors import SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.parameters import LogFilter, argument, log_filter
from deepsquare.chain.embedded.presentation import hex_data
from deepsquare.chain.embedded.reading import find_logs, logs_between
from deepsquare.chain.embedded.view import View

_MOST_FILTERS = 1024


class Filters:
    """The filters of one node. Each remembers the last block it has told its client about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filters: OrderedDict[str, tuple[LogFilter | None, int]] = OrderedDict()

    def new_logs(self, view: View, params: Sequence[Any]) -> str:
        """eth_newFilter"""
        return self._add(log_filter(argument(params, 0)), view.head.number)

    def new_blocks(self, view: View, _params: Sequence[Any]) -> str:
        """eth_newBlockFilter"""
        return self._add(None, view.head.number)

    def changes(self, view: View, params: Sequence[Any]) -> list[Any]:
        """eth_getFilterChanges"""
        name = argument(params, 0)
        # Before the filter moves on: a request that begins again must find it as it was.
        archive = view.archive
        with self._lock:
            wanted, told = self._find(name)
            self._filters[name] = (wanted, view.head.number)
            self._filters.move_to_end(name)
        if told >= view.head.number:
            return []
        if wanted is not None:
            return logs_between(view, wanted, told + 1, view.head.number)
        blocks = (archive.block_by_number(number) for number in range(told + 1, view.head.number + 1))
        return [hex_data(block.hash) for block in blocks if block is not None]

    def all_logs(self, view: View, params: Sequence[Any]) -> list[Any]:
        """eth_getFilterLogs"""
        with self._lock:
            wanted, _ = self._find(argument(params, 0))
        if wanted is None:
            raise JsonRpcError(SERVER_ERROR, "filter not found")
        return find_logs(view, wanted)

    def remove(self, _view: View, params: Sequence[Any]) -> bool:
        """eth_uninstallFilter"""
        with self._lock:
            return self._filters.pop(argument(params, 0), None) is not None

    def _add(self, wanted: LogFilter | None, told: int) -> str:
        name = hex(secrets.randbits(128))
        with self._lock:
            self._filters[name] = (wanted, told)
            if len(self._filters) > _MOST_FILTERS:
                self._filters.popitem(last=False)
        return name

    def _find(self, name: Any) -> tuple[LogFilter | None, int]:
        if not isinstance(name, str) or name not in self._filters:
            raise JsonRpcError(SERVER_ERROR, "filter not found")
        return self._filters[name]
