"""Why a contract said no, as a sentence that says what to do.

One line per custom error of our contracts and of the libraries below them; a test fails when one is
missing here or in docs/chain.md.
"""

import re
import string
from collections.abc import Mapping
from typing import Any, Final

from deepsquare.chain import abi
from deepsquare.chain.errors import ContractRefused, RpcError
from deepsquare.chain.keccak import checksum_address
from deepsquare.model import JobStatus, format_credits

_ERROR, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")
"""Solidity's own `Error(string)` and `Panic(uint256)`."""

SENTENCES: Final[Mapping[str, str]] = {
    # jobs
    "InvalidJob": "there is no such job; check its number and that the grid file names the right contract",
}

_PANICS: Final[Mapping[int, str]] = {
    0x01: "an assertion failed",
    0x11: "a number is too large for the arithmetic",
    0x12: "a division by zero",
    0x21: "a number names no member of its enumeration",
    0x31: "an empty list was shortened",
    0x32: "an index lies outside its list",
    0x41: "too much memory was asked for",
}

_EXECUTION_REVERTED = 3
"""The JSON-RPC error code that most nodes agree on."""

_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")


def refusal(data: bytes) -> ContractRefused:
    """The refusal in a call's revert data."""
    code, rest = data[:4], data[4:]
    try:
        if code == _ERROR:
            (reason,) = abi.decode(("string",), rest)
            return ContractRefused("Error", {"reason": reason}, f"the contract refused: {reason}")
        if code == _PANIC:
            (number,) = abi.decode(("uint256",), rest)
            what = _PANICS.get(number, f"panic {number:#x}")
            return ContractRefused("Panic", {"code": number}, f"the contract stopped: {what}; check the call's values")
        kind = abi.errors().get(code)
        if kind is not None:
            arguments = kind.decode(rest)
            return ContractRefused(kind.name, arguments, _sentence(kind.name, arguments))
    except ValueError:
        return _unknown(data)
    return _unknown(data)


def revert_data(error: RpcError) -> bytes | None:
    """The revert data in a node's answer; None where the node's error is no revert."""
    if error.code != _EXECUTION_REVERTED and "revert" not in f"{error.node_message} {error.data}".lower():
        return None
    return _hex_in(error.data) or b""


def _hex_in(data: Any) -> bytes | None:
    """Nodes say it bare, after a word ("Reverted 0x..."), or one level down."""
    if isinstance(data, dict):
        return next((found for value in data.values() if (found := _hex_in(value)) is not None), None)
    match = _HEX.search(data) if isinstance(data, str) else None
    return bytes.fromhex(match[0][2:]) if match and len(match[0]) % 2 == 0 else None


def _unknown(data: bytes) -> ContractRefused:
    said = f"with 0x{data[:36].hex()}" if data else "without a reason"
    return ContractRefused(
        "Unknown",
        {"data": data},
        f"the contract refused {said}; check that the grid file names the contract and that this program is as new",
    )


class _Words(string.Formatter):
    """Formats arguments as people say them: `{needed:credits}`, `{current:status}`, `{owner:account}`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "credits":
                return format_credits(value)
            case "status":
                return JobStatus(value).name if value in set(JobStatus) else f"status {value}"
            case "account":
                return checksum_address(value)
            case "hex":
                return f"0x{value.hex()}"
            case _:
                return str(super().format_field(value, format_spec))


def _sentence(name: str, arguments: Mapping[str, Any]) -> str:
    template = SENTENCES.get(name)
    if template is None:
        said = ", ".join(f"{key}={value}" for key, value in arguments.items())
        return f"the contract refused: {name}({said})"
    return str(_Words().vformat(template, (), arguments))
