"""What a test needs of its machine: where it is missing the test is skipped, on CI, which has everything, it fails."""

import os
import shutil
from typing import NoReturn

import pytest


def need(missing: str) -> None:
    """Go on where nothing is `missing`, which else says what, and how it gets here."""
    if missing:
        give_up(missing)


def need_program(name: str, package: str = "") -> None:
    """Go on where a program is installed; without a name of its own the package is called as the program."""
    if shutil.which(name) is None:
        give_up(f"{name} is not installed: apt-get install {package or name}")


def give_up(reason: str) -> NoReturn:
    """End the test."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
