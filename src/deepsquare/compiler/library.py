"""The bash functions that scripts are made of: written once, by subject; a script has those that it needs."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

_NEEDS: dict[str, tuple[str, ...]] = {
    "core": (),
    "surroundings": (),
    "kept": (),
    "containers": (),
    "apptainer": ("containers",),
    "enroot": ("containers",),
    "network": (),
    "virtual": ("network",),
    "with": (),
    "condition": (),
    "guard": ("with",),
    "loop": ("with",),
    "module": ("kept", "with"),
    "shell": (),
    "parallel": ("loop", "shell"),
    "launch": ("shell",),
    "transfer": (),
    "unpack": (),
    "mode": (),
    "http": ("transfer",),
    "http_input": ("http", "unpack"),
    "http_output": ("http",),
    "s3": ("transfer",),
    "s3_input": ("s3",),
    "s3_output": ("s3",),
    "s3_sync": ("s3_output", "shell", "guard"),
}
"""The parts, in the order in which they stand in a script, and which others each of them calls."""


def library(parts: Collection[str]) -> str:
    """The text of these parts and of all that they need; the core is always there."""
    needed = {"core", *parts}
    for name in reversed(_NEEDS):
        if name in needed:
            needed.update(_NEEDS[name])
    return "\n".join(part(name) for name in _NEEDS if name in needed)


@cache
def part(name: str) -> str:
    """The text of one part."""
    return (Path(__file__).with_name("runtime") / f"{name}.sh").read_text(encoding="utf-8")
