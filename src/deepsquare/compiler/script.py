"""Compiling as a whole: workflow and salt in, one script and its hash out. The same input gives the same bytes."""

import hashlib
import re
from dataclasses import dataclass

from deepsquare.compiler.errors import InvalidSalt
from deepsquare.compiler.lower import lower
from deepsquare.compiler.render import render
from deepsquare.workflow import Loaded, Workflow

_SALT = re.compile(r"\A[A-Za-z0-9+/=_.-]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Script:
    """A job script. `hash` is the lower-case hex SHA-256 of `text` in UTF-8: its location on the chain."""

    text: str
    hash: str


def compile(subject: Loaded | Workflow, *, salt: str) -> Script:  # noqa: A001  (the word for it; used as compiler.compile)
    """The script of a workflow: as it was loaded, with the modules that it uses, or as it was built in Python.

    The salt stands in the script's first lines, so that nobody can guess a script from its hash; take at
    least 16 random bytes in hex. Raises `deepsquare.workflow.InvalidWorkflow` where it breaks the language's
    rules, and `InvalidSalt`.
    """
    if _SALT.match(salt) is None:
        raise InvalidSalt("a salt has 1 to 200 letters, digits or characters of +/=_.-")
    text = render(lower(subject), salt)
    return Script(text, hashlib.sha256(text.encode()).hexdigest())
