"""Options that all services share: their settings file, and single settings over it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def settings_options(function: _Decorated) -> _Decorated:
    """`--settings FILE` and `--set KEY=VALUE`."""
    function = click.option(
        "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One setting, over the file's."
    )(function)
    return click.option(
        "--settings",
        "settings_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The service's settings (TOML).",
    )(function)
