"""Run `dps` in this process: what it printed on either stream, and its exit code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from deepsquare.cli.main import root


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def events(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def dps(*arguments: object, environment: Mapping[str, str | None] | None = None, stdin: str | bytes = "") -> Ran:
    """`dps ARGUMENTS`, without the variables of whoever runs the tests."""
    clean = dict.fromkeys(("DEEPSQUARE_CONFIG", "DEEPSQUARE_KEY", "DEEPSQUARE_PASSWORD"))
    given = [str(part) for part in arguments]
    result = CliRunner().invoke(root, given, input=stdin, env={**clean, **(environment or {})})
    return Ran(result.exit_code, result.stdout, result.stderr)
