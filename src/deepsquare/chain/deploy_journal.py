"""What a deployment has begun, written down before it acts: so that no contract is ever created twice.

    {"chain_id": 17000, "admin": "0x...", "supply": [1000, 2000, 0], "block": 1234, "nonces": {"Credit": 7}}

An account and a nonce determine where a contract lies, and at most one transaction with them counts. So they are all
that is needed to find out later, at that address, what became of a step.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deepsquare.chain.durable_file import write_durably
from deepsquare.chain.errors import CannotDeploy
from deepsquare.model import Address


@dataclass(frozen=True, slots=True)
class Begun:
    """A deployment that was begun: what it is for, and how far it may be."""

    chain_id: int
    admin: Address
    supply: list[int]
    """Of credit in wei: at first, at most, and for the faucet."""
    block: int
    """The newest block when it began: nothing of the grid is as old."""
    nonces: dict[str, int]
    """The nonce of the transaction that creates a contract, by the contract's name."""


class DeployJournal:
    """The notes of one deployment: in a file, or with `path` None in memory, for a grid that ends with its process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._begun = None if path is None else _read(path)

    @property
    def begun(self) -> Begun | None:
        """The deployment that was begun and is not over, if there is one."""
        return self._begun

    def begin(self, *, chain_id: int, admin: Address, supply: list[int], block: int) -> Begun:
        """Note what the deployment is for, or take up the one that was begun before.

        Raises `CannotDeploy` where that one is another.
        """
        found = self._begun or Begun(chain_id, admin, supply, block, {})
        if (found.chain_id, found.admin, found.supply) != (chain_id, admin, supply):
            raise CannotDeploy(
                f"in {self._path} a deployment was begun for chain {found.chain_id}, by {found.admin}, with credits of "
                f"{found.supply} wei (at first, at most, in the faucet), "
                f"and this one is for chain {chain_id}, by {admin}, with {supply}; "
                "finish that one with its own values, or name another file for this one"
            )
        self._write(found)
        return found

    def note(self, contract: str, nonce: int) -> None:
        """Note by which transaction a contract is about to be created; returns once that is on the disk."""
        if self._begun is None:
            raise RuntimeError("a deployment is begun before it acts")
        self._begun.nonces[contract] = nonce
        self._write(self._begun)

    def close(self) -> None:
        """Forget all: where the grid is stands elsewhere now."""
        self._begun = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, begun: Begun) -> None:
        self._begun = begun
        if self._path is not None:
            write_durably(self._path, json.dumps(asdict(begun)) + "\n")


def _read(path: Path) -> Begun | None:
    try:
        return Begun(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CannotDeploy(f"{path} is no journal of a deployment ({error}); look at it, and move it away") from error
