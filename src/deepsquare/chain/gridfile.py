"""`grid.toml`: where a grid is, in one small file that every service and every user shares.

    [chain]
    rpc = "http://127.0.0.1:8545"
    websocket = "ws://127.0.0.1:8545"      # optional: calls and news of blocks over one connection
    id = 179188
    meta_scheduler = "0x..."
    deployed_at_block = 1                  # optional: where reading events starts
    credit = "0x..."                       # optional, for people: programs ask the MetaScheduler for these two
    provider_manager = "0x..."

    [gateway]
    url = "http://127.0.0.1:8080"          # optional for services that talk to no gateway

    [scheduler]
    url = "http://127.0.0.1:8081"          # optional: a meta-scheduler's door, for reasons and for providers' status

It holds no secret and grants no right. Errors name the file, the line and what is expected there.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsquare.chain.durable_file import write_durably
from deepsquare.chain.errors import InvalidGridFile
from deepsquare.chain.grid import GridAddress
from deepsquare.model import Address

_KEYS: Mapping[str, Mapping[str, type]] = {
    "chain": {
        "rpc": str,
        "websocket": str,
        "id": int,
        "meta_scheduler": str,
        "deployed_at_block": int,
        "credit": str,
        "provider_manager": str,
    },
    "gateway": {"url": str},
    "scheduler": {"url": str},
}
_KIND_NAMES = {str: "a text in quotes", int: "a whole number"}
_ADDRESS = re.compile(r"\A0x[0-9a-fA-F]{40}\Z")
_URL = {"rpc": ("http://", "https://"), "websocket": ("ws://", "wss://"), "url": ("http://", "https://")}
_LINE_IN_TOML_ERROR = re.compile(r"line (\d+)")


@dataclass(frozen=True, slots=True)
class GridFile:
    """What the file says."""

    rpc_url: str
    grid: GridAddress
    websocket_url: str | None = None
    gateway_url: str | None = None
    credit: Address | None = None
    provider_manager: Address | None = None
    scheduler_url: str | None = None


def load_grid(path: Path) -> GridFile:
    """The grid in a file. Raises `InvalidGridFile`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidGridFile(path, None, "no such file; get the grid's file from its operator") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidGridFile(path, None, f"cannot be read ({type(error).__name__})") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE_IN_TOML_ERROR.search(str(error))
        raise InvalidGridFile(path, int(found[1]) if found else None, f"is no TOML: {error}") from error
    return _GridText(path, text, content).parse()


def write_grid(path: Path, file: GridFile) -> None:
    """Write a grid file, whole or not at all."""
    chain = {
        "rpc": file.rpc_url,
        "websocket": file.websocket_url,
        "id": file.grid.chain_id,
        "meta_scheduler": file.grid.meta_scheduler,
        "deployed_at_block": file.grid.deployed_at_block,
        "credit": file.credit,
        "provider_manager": file.provider_manager,
    }
    tables = [_table("chain", chain)]
    if file.gateway_url is not None:
        tables.append(_table("gateway", {"url": file.gateway_url}))
    if file.scheduler_url is not None:
        tables.append(_table("scheduler", {"url": file.scheduler_url}))
    write_durably(path, "\n".join(tables))


def _table(name: str, values: Mapping[str, str | int | None]) -> str:
    # A JSON string without escapes of its own is a TOML string.
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value is not None]
    return f"[{name}]\n{''.join(lines)}"


@dataclass(frozen=True, slots=True)
class _GridText:
    """A grid file being read: its content, and its text to find the lines of what is wrong."""

    path: Path
    text: str
    content: Mapping[str, Any]

    def parse(self) -> GridFile:
        self._refuse_strangers()
        meta_scheduler = self._address("meta_scheduler", self._required("chain", "meta_scheduler"))
        return GridFile(
            rpc_url=self._required("chain", "rpc"),
            websocket_url=self._optional("chain", "websocket"),
            grid=GridAddress(
                chain_id=self._required("chain", "id"),
                meta_scheduler=meta_scheduler,
                deployed_at_block=self._optional("chain", "deployed_at_block") or 0,
            ),
            gateway_url=self._optional("gateway", "url"),
            scheduler_url=self._optional("scheduler", "url"),
            credit=self._optional_address("credit"),
            provider_manager=self._optional_address("provider_manager"),
        )

    def _optional_address(self, key: str) -> Address | None:
        text = self._optional("chain", key)
        return None if text is None else self._address(key, text)

    def _address(self, key: str, text: str) -> Address:
        from deepsquare.chain.keccak import checksum_address  # noqa: PLC0415 - hashing, only for a sound file

        if not _ADDRESS.match(text):
            raise self._wrong("chain", key, f"{text!r} is no address; expected 0x and 40 hex digits")
        return checksum_address(text)

    def _refuse_strangers(self) -> None:
        for table, values in self.content.items():
            known = _KEYS.get(table)
            if known is None or not isinstance(values, dict):
                raise InvalidGridFile(
                    self.path,
                    self._line(None, table),
                    f"{table!r} is unknown; expected the tables [chain], [gateway] and [scheduler]",
                )
            for key in values.keys() - known.keys():
                raise self._wrong(table, key, f"{key!r} is unknown in [{table}]; expected {', '.join(known)}")

    def _required(self, table: str, key: str) -> Any:
        value = self._optional(table, key)
        if value is None:
            raise InvalidGridFile(self.path, self._line(None, table), f"[{table}] has no {key!r}; it is needed")
        return value

    def _optional(self, table: str, key: str) -> Any:
        value: Any = self.content.get(table, {}).get(key)
        if value is None:
            return None
        kind = _KEYS[table][key]
        # A bool is an int to Python, and no number to people.
        is_of_kind = isinstance(value, kind) and not isinstance(value, bool)
        if not is_of_kind or (kind is int and value < 0):
            raise self._wrong(table, key, f"{key} is {value!r}; expected {_KIND_NAMES[kind]}")
        if key in _URL and not value.startswith(_URL[key]):
            raise self._wrong(table, key, f"{key} is {value!r}; expected an address that begins with {_URL[key][0]}")
        return value

    def _wrong(self, table: str, key: str, problem: str) -> InvalidGridFile:
        return InvalidGridFile(self.path, self._line(table, key), problem)

    def _line(self, table: str | None, key: str) -> int | None:
        """The line of a key in its table, or of a table's head."""
        current = None
        for number, line in enumerate(self.text.splitlines(), 1):
            stripped = line.strip()
            if stripped.startswith("["):
                current = stripped.strip("[] \t")
                if table is None and current == key:
                    return number
            elif current == table and re.match(rf'"?{re.escape(key)}"?\s*=', stripped):
                return number
        return None
