"""From a workflow's text to a stored script: load, compile with a fresh salt, keep.

Work on up to a megabyte of text, so it runs in a few worker threads of its own and never on the event loop; a
workflow that may use modules waits for git, and so has other threads than those that only compute. The salt makes
each submission's hash unpredictable: nobody can name a script on the chain before it is here, and two customers
never share one.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import CapacityLimiter

from deepsquare import compiler, workflow
from deepsquare.clock import Clock
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.scripts import ScriptStore
from deepsquare.model import Address
from deepsquare.modules import NO_PINS, GitModules, Pins, pins_of
from deepsquare.web.refusal import Refusal
from deepsquare.workflow import Loaded, Modules, Problem

SALT_BYTES = 16

_USE = re.compile(r"\buse\b")

Source = str | Mapping[str, Any]
"""A workflow: the text of a file, or data as decoded from JSON, where an unknown key is an error."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A workflow that was compiled and kept."""

    script_hash: str
    salt: str
    """With it, whoever has the workflow compiles the same script, and so needs not trust this gateway."""
    warnings: tuple[Problem, ...]
    modules: Pins
    """Which commits its modules are of."""


class Submissions:
    """The gateway's way in for workflows."""

    def __init__(
        self,
        scripts: ScriptStore,
        clock: Clock,
        modules: GitModules,
        *,
        threads: int,
        module_threads: int,
        queue: int,
    ) -> None:
        self._scripts = scripts
        self._clock = clock
        self._modules = modules
        self._limiter = CapacityLimiter(threads)
        self._module_limiter = CapacityLimiter(module_threads)
        self._room = threads + queue

    async def validate(self, source: Source) -> tuple[Problem, ...]:
        """Everything that is wrong or suspicious about a workflow; empty is good."""
        with self._place():
            modules = self._modules.pinned(NO_PINS)
            loaded = await anyio.to_thread.run_sync(_load, source, modules, limiter=self._limiter_for(source))
        return loaded.problems

    async def submit(self, source: Source, customer: Address | None = None, pins: Pins = NO_PINS) -> Accepted:
        """Compile a workflow and keep its script, for this customer alone where one is named.

        `pins` say which commits the sources of modules stand for, where the customer has looked already.
        Raises `Refusal` with all errors where it has some.
        """
        salt = secrets.token_hex(SALT_BYTES)
        with self._place():
            modules = self._modules.pinned(pins)
            script, loaded = await anyio.to_thread.run_sync(
                _compile, source, salt, modules, limiter=self._limiter_for(source)
            )
        await self._scripts.put(script.hash, script.text, self._clock.now(), customer=customer)
        return Accepted(script.hash, salt, loaded.problems, pins_of(loaded.modules))

    def _limiter_for(self, source: Source) -> CapacityLimiter:
        """Whose threads: a workflow without the word waits for no git."""
        text = source if isinstance(source, str) else json.dumps(source)
        return self._module_limiter if _USE.search(text) else self._limiter

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place in the queue for the threads."""
        if self._room == 0:
            raise Refusal(ErrorCode.TOO_BUSY, "as many workflows wait to be compiled as may")
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1


def text_of_body(body: bytes) -> str:
    """A request's body as the text of a workflow. Raises `Refusal` where it is no UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as problem:
        message = f"the workflow is no UTF-8: byte {problem.start} cannot be read"
        raise Refusal(ErrorCode.INVALID_WORKFLOW, message, details={"problems": []}) from None


def refusal(problems: Sequence[Problem]) -> Refusal:
    """The refusal of a workflow that has errors: all of them in `details`, and in words."""
    errors = [problem for problem in problems if problem.severity is workflow.Severity.ERROR]
    words = "; ".join(problem.describe("workflow") for problem in errors)
    details = {"problems": [problem.document() for problem in problems]}
    return Refusal(ErrorCode.INVALID_WORKFLOW, f"the workflow has {len(errors)} error(s): {words}", details=details)


def _load(source: Source, modules: Modules) -> Loaded:
    if isinstance(source, str):
        return workflow.load(source, modules=modules)
    return workflow.from_data(source, modules=modules)


def _compile(source: Source, salt: str, modules: Modules) -> tuple[compiler.Script, Loaded]:
    loaded = _load(source, modules)
    if loaded.workflow is None:
        raise refusal(loaded.problems)
    return compiler.compile(loaded, salt=salt), loaded
