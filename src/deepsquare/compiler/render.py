"""Plan -> bash: the header, the runtime, then the user's program in the order of the workflow.

Every word that is not this package's own goes through `quoting`. Comments and names of functions are made of
paths only, never of a text of the user's.
"""

import re
from collections.abc import Iterator

from deepsquare.compiler.library import library
from deepsquare.compiler.networks import write_virtual_networks
from deepsquare.compiler.plan import Command, Plan, Scope, inner_scopes
from deepsquare.compiler.transports import write_job
from deepsquare.compiler.writer import Writer

_LOGGING = re.compile(r"^ds_logging=(true|false)$", re.MULTILINE)


def is_logged(script: str) -> bool:
    """Whether the steps of a script, which `render` wrote, print into the job's log."""
    # The first such line is ours: whatever text of the user's there is stands below it.
    found = _LOGGING.search(script)
    return found is None or found[1] == "true"


def render(plan: Plan, salt: str) -> str:
    """The script's text. `salt` must be printable ASCII without spaces."""
    writer = Writer()
    if _may_remember(plan.body):
        writer.needs("kept")
    _write_program(plan, writer)
    return "\n".join([*_header(plan, salt), library(writer.parts), *writer.lines, "main", ""])


def _may_remember(scope: Scope) -> bool:
    """Whether a command may follow another one: only then is it of use to read what the first one wrote."""
    for step in scope.steps:
        is_simple = isinstance(step.action, Command) and step.condition is None and len(scope.steps) == 1
        if not is_simple or any(inner_scopes(step)):
            return True
    return False


def _header(plan: Plan, salt: str) -> Iterator[str]:
    yield "#!/bin/bash"
    yield "# A DeepSquare job. The SHA-256 of this text is the job's location on the chain."
    yield f"# salt: {salt}"
    yield f"# resources: {plan.summary}"
    yield from (f"# module: {origin}" for origin in plan.modules)
    yield ""


def _write_program(plan: Plan, writer: Writer) -> None:
    writer.line("# --- The user's program. ---")
    writer.line()
    writer.line(f"ds_logging={'true' if plan.is_logged else 'false'}")
    writer.line(f"ds_own_env=({' '.join(f'{name}={value}' for name, value in plan.variables)})")
    if plan.environment:
        writer.assignments("ds_job_env=(", plan.environment, ")")
    write_virtual_networks(plan, writer)
    writer.line()
    write_job(plan, writer)
    writer.line()
