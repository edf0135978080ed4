"""What can be wrong with a workflow, and where: the one form in which every reader hears of it."""

import enum
from collections.abc import Iterable
from dataclasses import asdict, dataclass

Path = tuple[str | int, ...]
"""The way from the job to a value: `("steps", 2, "run", "command")`."""


class Severity(enum.StrEnum):
    """Whether the workflow can still be used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file, both numbers counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or suspicious.

    `path` is empty for the document as a whole. `line` and `column` are None where the workflow was
    not read from text. The message never quotes a value of the workflow that may be a secret.
    """

    severity: Severity
    path: str
    line: int | None
    column: int | None
    message: str
    hint: str = ""

    def describe(self, source: str) -> str:
        """One line for a person: `job.yaml:3:5: error: steps[0].run: message; hint`."""
        place = source if self.line is None else f"{source}:{self.line}:{self.column}"
        subject = f"{self.path}: " if self.path else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{place}: {self.severity.value}: {subject}{self.message}{advice}"

    def document(self) -> dict[str, str | int | None]:
        """The same as JSON: severity, path, line, column, message and hint."""
        return asdict(self) | {"severity": self.severity.value}


def format_path(path: Path) -> str:
    """`steps[2].run.command` for `("steps", 2, "run", "command")`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


class ProblemList:
    """Collects the problems of one reading, in the order in which they are met."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def error(self, path: Path, position: Position | None, message: str, hint: str = "") -> None:
        self._add(Severity.ERROR, path, position, message, hint)

    def warning(self, path: Path, position: Position | None, message: str, hint: str = "") -> None:
        self._add(Severity.WARNING, path, position, message, hint)

    def add(self, problem: Problem) -> None:
        """Take over a problem."""
        self._problems.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take over the problems of another reading."""
        self._problems += problems

    def _add(self, severity: Severity, path: Path, position: Position | None, message: str, hint: str) -> None:
        line, column = (None, None) if position is None else (position.line, position.column)
        self._problems.append(Problem(severity, format_path(path), line, column, message, hint))

    def sorted(self) -> tuple[Problem, ...]:
        """All problems by place; those of a workflow without lines in the order in which they were met."""
        return by_place(self._problems)


def by_place(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems in the order of the file; where there are no lines, in the order in which they come."""
    return tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))


def has_errors(problems: Iterable[Problem]) -> bool:
    """True where at least one problem makes the workflow unusable."""
    return any(problem.severity is Severity.ERROR for problem in problems)
