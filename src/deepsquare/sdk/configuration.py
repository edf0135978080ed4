"""Which grid, which wallet: every setting with the place it came from.

The order is: arguments (the CLI's flags), environment (`DEEPSQUARE_*`), the configuration file, the grid
file. A value that cannot be right is refused with its file and line, or the name of its flag or variable.
The configuration file is `DEEPSQUARE_CONFIG`, else `.dps/config.toml` below the current folder (written by
`dps up`), else `config.toml` in the user's configuration folder. Secrets are no settings: a private key
comes from `DEEPSQUARE_KEY` or a wallet, a password from `DEEPSQUARE_PASSWORD`, a file or a prompt.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deepsquare.chain.grid import GridAddress
from deepsquare.model import Address
from deepsquare.sdk.errors import InvalidValue
from deepsquare.sdk.toml_lines import key_lines

CONFIG_VARIABLE = "DEEPSQUARE_CONFIG"
LOCAL_CONFIG = Path(".dps") / "config.toml"

_ADDRESS = re.compile(r"\A0x[0-9a-fA-F]{40}\Z")

Parse = Callable[[str, Path], str]
"""From a text and the folder that relative paths start from to the normal form; raises `ValueError`."""


def _url(*schemes: str) -> Parse:
    def parse(text: str, _folder: Path) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"expected an address such as {schemes[0]}://127.0.0.1:8545")
        return text

    return parse


def _number(text: str, _folder: Path) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("expected a whole number, zero or more")
    return text


def _address(text: str, _folder: Path) -> str:
    if not _ADDRESS.match(text):
        raise ValueError("expected an address: 0x and 40 hexadecimal digits")
    return text


def _path(text: str, folder: Path) -> str:
    if not text:
        raise ValueError("expected a path")
    return str(folder / Path(text).expanduser())


def _switch(text: str, _folder: Path) -> str:
    if text not in ("on", "off"):
        raise ValueError("expected on or off")
    return text


def _hosts(text: str, _folder: Path) -> str:
    from deepsquare.modules.settings import ModuleSettings  # noqa: PLC0415 - few commands know of modules

    return ",".join(ModuleSettings(hosts=tuple(filter(None, text.replace(" ", "").split(",")))).hosts)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set."""

    name: str
    parse: Parse
    summary: str
    grid_key: str | None = None
    """Its key in a grid file, if it stands there."""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"DEEPSQUARE_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return f"--{self.name.replace('_', '-')}"


SETTINGS = (
    Setting("grid", _path, "The grid file: it names the chain, the contract and the gateway."),
    Setting("rpc", _url("http", "https"), "JSON-RPC address of the chain's node.", "chain.rpc"),
    Setting(
        "websocket",
        _url("ws", "wss"),
        "WebSocket address of the chain's node: calls and early news over one connection.",
        "chain.websocket",
    ),
    Setting("chain_id", _number, "The id of the chain; another one is refused.", "chain.id"),
    Setting("meta_scheduler", _address, "Address of the MetaScheduler contract.", "chain.meta_scheduler"),
    Setting("deployed_at_block", _number, "The block of its deployment: no event is older.", "chain.deployed_at_block"),
    Setting("gateway", _url("http", "https"), "Address of the gateway.", "gateway.url"),
    Setting("scheduler", _url("http", "https"), "Address of a meta-scheduler's door.", "scheduler.url"),
    Setting("keystore", _path, "The wallet: a V3 keystore file."),
    Setting("password_file", _path, "A file (mode 0600) with the wallet's password in its first line."),
    Setting("module_hosts", _hosts, "Hosts that may be asked for modules, with commas between them: host or host=URL."),
    Setting("module_mirror", _path, "A folder of git repositories (host/owner/repo) for modules without a network."),
    Setting(
        "image_check", _switch, "on or off: ask registries before a job is submitted whether they have its images."
    ),
)
"""All settings. The documentation has a row for each, and a test compares."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value and where it came from (`--rpc`, `DEEPSQUARE_RPC`, `/home/me/grid.toml:2`)."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force."""

    values: Mapping[str, Resolved]

    def get(self, name: str) -> str | None:
        """The value of a setting, or None where nobody set it."""
        resolved = self.values.get(name)
        return None if resolved is None else resolved.value

    def path(self, name: str) -> Path | None:
        """The value of a setting that is a path."""
        value = self.get(name)
        return None if value is None else Path(value)

    def require(self, name: str) -> str:
        """The value of a setting. Raises `InvalidValue` where nobody set it."""
        value = self.get(name)
        if value is None:
            setting = _BY_NAME[name]
            raise InvalidValue(
                f"no grid is known: nobody set {name!r}",
                next_step=f"start one with `dps up`, or name one with --grid FILE or {setting.flag}",
            )
        return value

    @property
    def grid_address(self) -> GridAddress:
        """Which grid is meant. Raises `InvalidValue` where nobody named one."""
        return GridAddress(
            chain_id=int(self.require("chain_id")),
            meta_scheduler=Address(self.require("meta_scheduler")),
            deployed_at_block=int(self.get("deployed_at_block") or 0),
        )


def load(
    arguments: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Configuration:
    """Find every setting. `folder` stands for the current one. Raises `InvalidValue` with file, key and line."""
    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    layers = [
        _from_arguments(arguments or {}, folder),
        _from_environment(environment, folder),
        _from_config_file(environment, folder),
    ]
    values = _overlay(layers)
    if "grid" in values:
        values = _overlay([values, _from_grid_file(values["grid"])])
    order = [setting.name for setting in SETTINGS]
    return Configuration({name: values[name] for name in order if name in values})


def _overlay(layers: list[dict[str, Resolved]]) -> dict[str, Resolved]:
    """The first layer that has a value wins. A layer that names a node names all of it: other nodes' sockets go."""
    values: dict[str, Resolved] = {}
    for layer in layers:
        ours = {name: value for name, value in layer.items() if name != "websocket" or "rpc" not in values}
        values = {**ours, **values}
    return values


def _resolve(setting: Setting, text: str, source: str, folder: Path) -> Resolved:
    try:
        return Resolved(setting.parse(text, folder), source)
    except ValueError as error:
        raise InvalidValue(f"{source}: {setting.name} = {text!r}: {error}", next_step="correct it there") from None


def _from_arguments(arguments: Mapping[str, str], folder: Path) -> dict[str, Resolved]:
    return {name: _resolve(_BY_NAME[name], text, _BY_NAME[name].flag, folder) for name, text in arguments.items()}


def _from_environment(environment: Mapping[str, str], folder: Path) -> dict[str, Resolved]:
    return {
        setting.name: _resolve(setting, environment[setting.variable], setting.variable, folder)
        for setting in SETTINGS
        if environment.get(setting.variable)
    }


def config_path(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The configuration file in force, or None where there is none."""
    named = environment.get(CONFIG_VARIABLE)
    if named:
        return folder / named
    return next((path for path in (folder / LOCAL_CONFIG, user_config_path()) if path.is_file()), None)


def user_config_path() -> Path:
    """The configuration file of this user, whether it exists or not."""
    from platformdirs import user_config_path as folder  # noqa: PLC0415 - needed without a local grid only

    return folder("deepsquare") / "config.toml"


def _from_config_file(environment: Mapping[str, str], folder: Path) -> dict[str, Resolved]:
    path = config_path(environment, folder)
    if path is None:
        return {}
    values = {}
    for key, text, source in _entries(path):
        if key not in _BY_NAME:
            known = ", ".join(_BY_NAME)
            raise InvalidValue(f"{source}: unknown key {key!r}", next_step=f"the keys are: {known}")
        values[key] = _resolve(_BY_NAME[key], text, source, path.parent)
    return values


def _from_grid_file(grid: Resolved) -> dict[str, Resolved]:
    path = Path(grid.value)
    entries = {key: (text, source) for key, text, source in _entries(path, named_by=grid.source)}
    return {
        setting.name: _resolve(setting, *entries[setting.grid_key], path.parent)
        for setting in SETTINGS
        if setting.grid_key in entries
    }


def _entries(path: Path, *, named_by: str = CONFIG_VARIABLE) -> list[tuple[str, str, str]]:
    """Each key of a TOML file with its value as text and its `file:line`."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise InvalidValue(f"{path}: {error.strerror}", next_step=f"correct the path that {named_by} names") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path}: {error}", next_step="correct the file; it must be TOML") from None
    lines = key_lines(text)
    entries = []
    for key, value in table.items():
        flat = {f"{key}.{inner}": item for inner, item in value.items()} if isinstance(value, dict) else {key: value}
        for name, item in flat.items():
            source = f"{path}:{lines[name]}" if name in lines else f"{path}"
            if isinstance(item, bool) or not isinstance(item, str | int):
                raise InvalidValue(f"{source}: {name}: expected a text or a number", next_step="correct it there")
            entries.append((name, str(item), source))
    return entries
