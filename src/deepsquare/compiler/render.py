"""Plan -> bash: the header, the runtime, then the user's program in the order of the workflow.

Every word that is not this module's own goes through `quoting`. Comments hold paths only, never a text
of the user's.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from deepsquare.compiler.plan import Action, Command, Plan, Variables
from deepsquare.compiler.quoting import quote, quote_where_needed


@cache
def runtime() -> str:
    """The bash functions that every script begins with."""
    return Path(__file__).with_name("runtime.sh").read_text(encoding="utf-8")


def render(plan: Plan, salt: str) -> str:
    """The script's text. `salt` must be printable ASCII without spaces."""
    return "\n".join([*_header(plan, salt), runtime(), *_program(plan), "main", ""])


def _header(plan: Plan, salt: str) -> Iterator[str]:
    yield "#!/bin/bash"
    yield "# A DeepSquare job. The SHA-256 of this text is the job's location on the chain."
    yield f"# salt: {salt}"
    yield f"# resources: {plan.summary}"
    yield ""


def _program(plan: Plan) -> Iterator[str]:
    yield "# --- The user's program. ---"
    yield ""
    yield f"ds_logging={'true' if plan.is_logged else 'false'}"
    yield f"ds_own_env=({' '.join(f'{name}={value}' for name, value in plan.variables)})"
    if plan.environment:
        yield "ds_job_env=("
        yield from (f"  {assignment}" for assignment in _assignments(plan.environment))
        yield ")"
    yield ""
    yield "job() {"
    yield "  :"
    yield from _actions(plan.actions)
    yield "}"
    yield ""


def _assignments(variables: Variables) -> Iterator[str]:
    return (quote(f"{name}={value}") for name, value in variables)


def _actions(actions: Iterable[Action]) -> Iterator[str]:
    for action in actions:
        yield ""
        yield f"  # {action.path}"
        if action.name:
            yield f"  announce {quote(action.name)}"
        if isinstance(action, Command):
            yield from _command(action)
        else:
            yield from _actions(action.actions)


def _command(command: Command) -> Iterator[str]:
    yield f"  step {quote(command.path)}"
    yield f"  options {' '.join(map(quote_where_needed, command.options))}"
    if command.environment:
        yield "  environment \\"
        yield " \\\n".join(f"    {assignment}" for assignment in _assignments(command.environment))
    if command.directory is not None:
        yield f"  directory {quote(command.directory)}"
    yield f"  run {' '.join([*map(quote_where_needed, command.program[:-1]), quote(command.program[-1])])} || return"
