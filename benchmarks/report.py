"""What a benchmark answers: figures with their units and, where one is promised, the bound they are held to."""

import json
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""
    """How it was measured: how often, beside what."""

    @property
    def bound(self) -> str:
        """The promise in words, or nothing."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return ""

    @property
    def holds(self) -> bool | None:
        """Whether the promise holds; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


def median(seconds: Sequence[float]) -> float:
    """The middle of several runs."""
    return statistics.median(seconds)


def show(figures: Iterable[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "value", "unit", "bound", "", "how")
    for figure in figures:
        mark = {True: "holds", False: "MISSED", None: ""}[figure.holds]
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, figure.bound, mark, figure.detail)
    Console().print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures and the machine they were measured on as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"system": platform.platform(), "python": platform.python_version()}
    rows = [asdict(figure) | {"holds": figure.holds} for figure in figures]
    path.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n")
