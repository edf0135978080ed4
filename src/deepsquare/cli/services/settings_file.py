"""A service's settings: a TOML file into its pydantic model, each error with file, line and key.

Single values can be set on the command line (`--set limits.longest_job_minutes=60`), which wins over the file.
Relative paths in the file start from the file's folder.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deepsquare.sdk.errors import InvalidValue
from deepsquare.sdk.toml_lines import key_lines

_Model = TypeVar("_Model", bound=BaseModel)


def read_settings(model: type[_Model], file: Path | None, assignments: Sequence[str] = ()) -> _Model:
    """The settings in `file` (None: all defaults) with `KEY=VALUE` assignments over it. Raises `InvalidValue`."""
    text = "" if file is None else _text(file)
    values = _parse(text, str(file))
    sources = {key: f"{file}:{line}" for key, line in key_lines(text).items()}
    for assignment in assignments:
        key, value = _assigned(assignment)
        _put(values, key.split("."), value)
        sources[key] = f"--set {key}"
    folder = Path.cwd() if file is None else file.absolute().parent
    try:
        return model.model_validate(_absolute(values, folder))
    except ValidationError as error:
        raise InvalidValue(_described(error, sources, file), next_step="correct it there") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidValue(f"{file}: {error.strerror}", next_step="name a settings file that exists") from None


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"{source}: {error}", next_step="correct it; it must be TOML") from None


def _assigned(assignment: str) -> tuple[str, Any]:
    """The key and the value of `KEY=VALUE`; the value is TOML, or plain text where it is none."""
    key, equals, text = assignment.partition("=")
    if not (key and equals):
        raise InvalidValue(f"--set {assignment}: expected KEY=VALUE", next_step="for example --set port=8080")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        values = values.setdefault(step, {})
    values[path[-1]] = value


_PATH_KEYS = frozenset(
    {
        "root",
        "journal",
        "spool",
        "database",
        "conf",
        "bin_folder",
        "shared_root",
        "tmp_root",
        "world_tmp",
        "disk_root",
        "images",
    }
)
"""Keys whose values are paths, in any table."""


def _absolute(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same values with their paths made absolute."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result[key] = _absolute(value, folder)
        elif key in _PATH_KEYS and isinstance(value, str):
            result[key] = str(folder / Path(value).expanduser())
        else:
            result[key] = value
    return result


def _described(error: ValidationError, sources: Mapping[str, str], file: Path | None) -> str:
    """All errors on one line each: where, which key, what was expected."""
    lines = []
    for entry in error.errors(include_url=False, include_input=False):
        path = [str(step) for step in entry["loc"]]
        where = _nearest_source(path, sources) or str(file or "settings")
        lines.append(f"{where}: {'.'.join(path)}: {entry['msg']}")
    return "\n".join(lines)


def _nearest_source(path: Sequence[str], sources: Mapping[str, str]) -> str | None:
    """Where a key stands, or the nearest table around it."""
    prefixes = (".".join(path[:end]) for end in range(len(path), 0, -1))
    return next((sources[prefix] for prefix in prefixes if prefix in sources), None)
