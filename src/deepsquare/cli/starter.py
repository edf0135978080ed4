"""Files that a command writes for somebody to start from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deepsquare.sdk.errors import InvalidValue


@contextmanager
def starter(path: Path, what: str, *, force: bool) -> Iterator[IO[str]]:
    """The file at `path`, open for writing: a new one, unless `force`; folders on the way to it are made.

    Whatever cannot be written in this context raises `InvalidValue`, which tells to name another `what` ("file" or
    "folder").
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            yield file
    except OSError as error:
        if isinstance(error, FileExistsError) and error.filename == str(path):
            problem, next_step = f"{path} is there already", f"name another {what}, or add --force"
        else:
            problem, next_step = f"{error.filename}: {error.strerror}", f"name a {what} that you may write"
        raise InvalidValue(problem, next_step=next_step) from None
