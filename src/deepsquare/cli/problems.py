"""Workflow files for the commands that read them: the text, and its problems as lines that editors can jump to."""

import sys
from collections.abc import Sequence
from pathlib import Path

from deepsquare.cli.output import JsonValue, Output
from deepsquare.sdk.errors import InvalidValue
from deepsquare.workflow import Problem, Severity

STDIN = "-"


def read_workflow(path: str, *, next_step: str = "name a workflow file, or - for stdin") -> tuple[str, str]:
    """What a workflow is called in messages, and its text; `-` is stdin.

    Raises `InvalidValue`, with `next_step` where it cannot be read at all.
    """
    source = "<stdin>" if path == STDIN else path
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        return source, data.decode("utf-8")
    except OSError as error:
        raise InvalidValue(f"{source}: {error.strerror}", next_step=next_step) from None
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{source}: byte {error.start} is no UTF-8", next_step="save the file as UTF-8") from None


def say_problems(output: Output, source: str, problems: Sequence[Problem]) -> None:
    """One line per problem on stderr; errors also appear with `--quiet`."""
    for problem in problems:
        if problem.severity is Severity.ERROR:
            output.complain(problem.describe(source))
        else:
            output.say(problem.describe(source))


def problems_document(source: str, problems: Sequence[Problem]) -> list[JsonValue]:
    """The problems as JSON."""
    return [{"file": source, **problem.document()} for problem in problems]
