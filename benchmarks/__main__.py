"""`python -m benchmarks [--quick] [--seeds N] [--json PATH] [NAME...]`: run the benchmarks, print a table, write JSON.

Exits 1 where a promised bound is missed.
"""

import importlib
import sys
from pathlib import Path

import click

from benchmarks.report import Figure, show, write

NAMES = ("compiler", "chain", "cli", "placement", "rebuild", "grid")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Fewer repetitions: a look, no figure to quote.")
@click.option("--seeds", type=click.IntRange(min=1), help="The whole protocol of `placement`, with so many seeds.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("benchmarks/results/latest.json"))
def main(names: tuple[str, ...], quick: bool, seeds: int | None, path: Path) -> None:
    """Measure, show, keep."""
    figures: list[Figure] = []
    for name in names or NAMES:
        click.echo(f"measuring {name} ...", err=True)
        more = {"seeds": seeds} if name == "placement" else {}
        figures += importlib.import_module(f"benchmarks.{name}").measure(quick=quick, **more)
    show(figures)
    write(figures, path)
    missed = [figure.name for figure in figures if figure.holds is False]
    if missed:
        click.echo(f"missed: {', '.join(missed)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
