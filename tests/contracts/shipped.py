"""The contracts' interfaces as data: what the package ships, and what published clients expect."""

import json
from pathlib import Path
from typing import Any

from deepsquare.chain.keccak import keccak256

CONTRACTS_FOLDER = Path(__file__).parents[2] / "contracts"
ARTIFACTS_FOLDER = Path(__file__).parents[2] / "src" / "deepsquare" / "chain" / "artifacts"
CONTRACTS = ("Credit", "ProviderManager", "MetaScheduler")

HOMES = {"Credit": "Credit", "ProviderManager": "ProviderManager"}
"""Where each published part lives in ours; every other part is the MetaScheduler's."""

Entry = dict[str, Any]


def artifact(contract: str) -> Entry:
    """`abi` and `bytecode` as the package ships them."""
    loaded: Entry = json.loads((ARTIFACTS_FOLDER / f"{contract}.json").read_text(encoding="utf-8"))
    return loaded


def published() -> list[tuple[str, Entry]]:
    """Each entry of the customers' interface with the contract of ours that must have it."""
    parts = json.loads((CONTRACTS_FOLDER / "customer-abi.json").read_text(encoding="utf-8"))
    return [(HOMES.get(part, "MetaScheduler"), entry) for part, entries in parts.items() for entry in entries]


def signature(entry: Entry) -> str:
    """The canonical form that is hashed: `name(type,(type,type)[])`."""
    return f"{entry['name']}({','.join(_canonical(each) for each in entry['inputs'])})"


def digest(entry: Entry) -> bytes:
    """Keccak-256 of the signature: an event's topic; its first four bytes are a selector."""
    return keccak256(signature(entry).encode())


def meaning(entry: Entry) -> Entry:
    """The entry without what only the compiler cares about."""
    kept = {key: value for key, value in entry.items() if key != "internalType"}
    for key in ("inputs", "outputs", "components"):
        if key in kept:
            kept[key] = [meaning(each) for each in kept[key]]
    return kept


def _canonical(argument: Entry) -> str:
    kind: str = argument["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_canonical(each) for each in argument["components"])
    return f"({inner}){kind.removeprefix('tuple')}"
