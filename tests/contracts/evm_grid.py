"""The contracts on a bare EVM, fast enough to be driven by the thousand; its gas means nothing."""

import re
from typing import Any

from pyrevm import EVM, BlockEnv

from deepsquare.chain import abi
from deepsquare.chain.keccak import keccak256

_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")
_REVERTED = "Revert"
_NO_CAP = 2**256 - 1


class Reverted(Exception):
    """The call changed nothing; the error's name and its arguments."""

    def __init__(self, data: bytes) -> None:
        kind = abi.errors()[data[:4]]
        self.name = kind.name
        self.arguments = tuple(kind.decode(data[4:]).values())
        super().__init__(kind.name, *self.arguments)


class EvmGrid:
    """Three contracts, and calls to them at a moment that the test chooses."""

    def __init__(self, admin: str, supply: int, start: int) -> None:
        self._evm = EVM()
        self.now = start
        self.addresses: dict[str, str] = {}
        for name in (abi.CREDIT, abi.PROVIDER_MANAGER, abi.META_SCHEDULER):
            arguments: dict[str, tuple[object, ...]] = {
                abi.CREDIT: (admin, supply, _NO_CAP, 0),
                abi.PROVIDER_MANAGER: (admin,),
                abi.META_SCHEDULER: (admin, self.addresses.get(abi.CREDIT), self.addresses.get(abi.PROVIDER_MANAGER)),
            }
            self.addresses[name] = self._evm.deploy(admin, abi.load(name).creation(*arguments[name])).lower()
        self.call(admin, abi.PROVIDER_MANAGER, "setJobCounter", self.addresses[abi.META_SCHEDULER])

    def call(self, by: str, contract: str, function: str, *arguments: object) -> Any:
        """What the function returns. Raises `Reverted`."""
        kind = abi.load(contract).functions[function]
        self._evm.set_block_env(BlockEnv(number=1, timestamp=self.now))
        self._evm.reset_transient_storage()
        try:
            answer = self._evm.message_call(by, self.addresses[contract], calldata=kind.encode(*arguments))
        except RuntimeError as error:
            said = str(error)
            found = _OUTPUT.search(said)
            if not said.startswith(_REVERTED) or found is None:
                raise
            raise Reverted(bytes.fromhex(found[1])) from None
        values = kind.decode(bytes(answer))
        return values[0] if len(values) == 1 else values

    def skipped(self) -> list[tuple[int, str, tuple[Any, ...]]]:
        """The entries of the last batch that changed nothing: job, error, its arguments."""
        kind = abi.load(abi.META_SCHEDULER).events["EntrySkipped"]
        found = []
        assert self._evm.result is not None
        for log in self._evm.result.logs:
            topics, data = log.data
            if topics[0] == kind.topic:
                (reason,) = abi.decode(("bytes",), data)
                reverted = Reverted(reason)
                found.append((int.from_bytes(topics[1], "big"), reverted.name, reverted.arguments))
        return found


def role(name: str) -> bytes:
    """A role as the contract takes it."""
    return keccak256(name.encode())
