"""From a workflow's text to a stored script: load, compile with a fresh salt, keep.

Pure work on up to a megabyte of text, so it runs in a few worker threads of its own and never on the
event loop. The salt makes each submission's hash unpredictable: nobody can name a script on the chain
before it is here, and two customers never share one.
"""

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
from deepsquare.gateway.refusal import Refusal
from deepsquare.gateway.scripts import ScriptStore
from deepsquare.model import Address
from deepsquare.workflow import Loaded, Problem

SALT_BYTES = 16

Source = str | Mapping[str, Any]
"""A workflow: the text of a file, or data as decoded from JSON, where an unknown key is an error."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A workflow that was compiled and kept."""

    script_hash: str
    salt: str
    """With it, whoever has the workflow compiles the same script, and so needs not trust this gateway."""
    warnings: tuple[Problem, ...]


class Submissions:
    """The gateway's way in for workflows."""

    def __init__(self, scripts: ScriptStore, clock: Clock, *, threads: int, queue: int) -> None:
        self._scripts = scripts
        self._clock = clock
        self._limiter = CapacityLimiter(threads)
        self._room = threads + queue

    async def validate(self, source: Source) -> tuple[Problem, ...]:
        """Everything that is wrong or suspicious about a workflow; empty is good."""
        with self._place():
            loaded = await anyio.to_thread.run_sync(_load, source, limiter=self._limiter)
        return loaded.problems

    async def submit(self, source: Source, customer: Address | None = None) -> Accepted:
        """Compile a workflow and keep its script, for this customer alone where one is named.

        Raises `Refusal` with all errors where it has some.
        """
        salt = secrets.token_hex(SALT_BYTES)
        with self._place():
            script, problems = await anyio.to_thread.run_sync(_compile, source, salt, limiter=self._limiter)
        await self._scripts.put(script.hash, script.text, self._clock.now(), customer=customer)
        return Accepted(script.hash, salt, problems)

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


def described(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Problems as they travel."""
    return [
        {
            "severity": problem.severity.value,
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]


def refusal(problems: Sequence[Problem]) -> Refusal:
    """The refusal of a workflow that has errors: all of them in `details`, and in words."""
    errors = [problem for problem in problems if problem.severity is workflow.Severity.ERROR]
    words = "; ".join(problem.describe("workflow") for problem in errors)
    details = {"problems": described(problems)}
    return Refusal(ErrorCode.INVALID_WORKFLOW, f"the workflow has {len(errors)} error(s): {words}", details=details)


def _load(source: Source) -> Loaded:
    return workflow.load(source) if isinstance(source, str) else workflow.from_data(source)


def _compile(source: Source, salt: str) -> tuple[compiler.Script, tuple[Problem, ...]]:
    loaded = _load(source)
    if loaded.workflow is None:
        raise refusal(loaded.problems)
    return compiler.compile(loaded.workflow, salt=salt), loaded.problems
