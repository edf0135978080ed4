"""An `Rpc` in front of another one, so that a test can count, refuse or change what passes."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from deepsquare.chain.rpc import Rpc

Call = tuple[str, Sequence[Any]]


class WrappedRpc:
    """Passes everything on, after `before_each` has seen it."""

    def __init__(self, inner: Rpc, before_each: Callable[[Call], None] = lambda _: None) -> None:
        self._inner = inner
        self.before_each = before_each
        self.change_answer: Callable[[str, Any], Any] = lambda _, answer: answer
        self.round_trips = 0

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        return (await self.batch([(method, params)]))[0]

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        self.round_trips += 1
        answers = []
        for call in calls:
            self.before_each(call)
            answers.append(self.change_answer(call[0], await self._inner.request(*call)))
        return answers

    def new_heads(self) -> AsyncIterator[int | None]:
        return self._inner.new_heads()

    async def close(self) -> None:
        await self._inner.close()
