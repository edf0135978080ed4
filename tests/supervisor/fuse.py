"""A fuse in every port call of a supervisor: it blows once, and from then on nothing takes effect, as after kill -9."""

import inspect
from collections.abc import Callable
from typing import Any

from deepsquare.supervisor.ports import Ports

_EFFECTS = {
    *(f"account.{name}" for name in ("register", "claim", "refuse", "report", "heartbeat", "top_up_delegate")),
    *(f"cluster.{name}" for name in ("submit", "cancel", "set_time_limit", "forget")),
    *(f"gateway.{name}" for name in ("append_log", "close_log")),
}
"""Calls that change something which others see: the chain, the cluster, the gateway."""


class Killed(BaseException):
    """The process is gone. Nobody may catch it: it is no `Exception`."""


class Fuse:
    """Counts port calls, and kills at one of them, before or after it took effect.

    With `effects_only` only calls are counted that change what others see.
    """

    def __init__(self, at: int | None = None, *, after: bool = False, effects_only: bool = False) -> None:
        self._at = at
        self._after = after
        self._effects_only = effects_only
        self._is_blown = False
        self.calls: list[str] = []

    @property
    def is_blown(self) -> bool:
        return self._is_blown

    def wire(self, ports: Ports) -> Ports:
        """The same ports, with this fuse in each call that reads or changes the world."""

        def wired(name: str) -> Any:
            return _Wired(getattr(ports, name), name, self)

        return Ports(
            chain=wired("chain"),
            events=wired("events"),
            account=wired("account"),
            gateway=wired("gateway"),
            cluster=wired("cluster"),
            abilities=ports.abilities,
            signer=ports.signer,
            journal=wired("journal"),
            clock=ports.clock,
        )

    def before(self, call: str) -> int:
        """The number of a call that is about to be made; 0 for one that is not counted."""
        if self._is_blown:
            raise Killed
        if self._effects_only and call not in _EFFECTS:
            return 0
        self.calls.append(call)
        if len(self.calls) == self._at and not self._after:
            self._is_blown = True
            raise Killed
        return len(self.calls)

    def after(self, number: int) -> None:
        """The call with this number has taken effect."""
        if number == self._at and self._after:
            self._is_blown = True
        if self._is_blown:
            raise Killed


class _Wired:
    def __init__(self, target: object, name: str, fuse: Fuse) -> None:
        self._target = target
        self._name = name
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        call = f"{self._name}.{name}"
        if inspect.iscoroutinefunction(attribute):
            return self._wire_async(call, attribute)
        return attribute

    def _wire_async(self, call: str, attribute: Callable[..., Any]) -> Callable[..., Any]:
        async def wired(*args: Any, **kwargs: Any) -> Any:
            number = self._fuse.before(call)
            try:
                result = await attribute(*args, **kwargs)
            except Exception:
                self._fuse.after(number)  # a refusal is an answer, too
                raise
            self._fuse.after(number)
            return result

        return wired
