"""One deployed contract: calls to it as bytes, reads of it as decoded values, many reads in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepsquare.chain import abi
from deepsquare.chain.errors import ContractRefused, NoContract, RpcError
from deepsquare.chain.receipt import Receipt
from deepsquare.chain.refusals import refusal, revert_data
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.sender import Sender
from deepsquare.model import Address

_READS_IN_ONE_POST = 90
"""More may be split over several posts, which a node serves in any order."""


@dataclass(frozen=True, slots=True)
class Contract:
    """Where a contract is, and which one."""

    address: Address
    name: str
    """One of `abi.CONTRACTS`."""

    @property
    def abi(self) -> abi.Abi:
        """Its interface."""
        return abi.load(self.name)

    def read(self, function: str, *arguments: Any) -> "Read":
        """A read to be made by `read_all`."""
        return Read(self.address, self.abi.functions[function], arguments)

    async def send(self, sender: Sender, function: str, *arguments: Any) -> Receipt:
        """Call a function in a transaction. Raises what `Sender.send` raises."""
        return await sender.send(self.address, self.abi.functions[function].encode(*arguments))

    async def rehearse(self, sender: Sender, function: str, *arguments: Any) -> None:
        """Have the node try a call that is not sent. Raises what `Sender.rehearse` raises."""
        await sender.rehearse(self.address, self.abi.functions[function].encode(*arguments))


@dataclass(frozen=True, slots=True)
class Read:
    """One view function with its arguments."""

    to: Address
    function: abi.Function
    arguments: tuple[Any, ...]

    def call(self, block: str) -> tuple[str, Sequence[Any]]:
        """The JSON-RPC call."""
        data = "0x" + self.function.encode(*self.arguments).hex()
        return ("eth_call", [{"to": self.to, "data": data}, block])

    def result(self, answer: str) -> Any:
        """The value, or the tuple of several. Raises `NoContract` for an answer of another kind."""
        try:
            values = self.function.decode(bytes.fromhex(answer[2:]))
        except ValueError as error:
            raise NoContract(self.to) from error
        return values[0] if len(values) == 1 else values


async def read_one(rpc: Rpc, read: Read) -> Any:
    """What one view function returns. Raises `ContractRefused`, `NoContract`, `RpcError`, `ChainUnreachable`."""
    try:
        return read.result(await rpc.request(*read.call("latest")))
    except RpcError as error:
        raise _translated(error) from error


async def read_all(rpc: Rpc, reads: Sequence[Read]) -> list[Any]:
    """What several view functions return, all at one block; raises for the first that fails."""
    if not reads:
        return []
    if len(reads) == 1:
        return [await read_one(rpc, reads[0])]
    try:
        answers = await _at_one_block(rpc, reads)
    except RpcError as error:
        raise _translated(error) from error
    return [read.result(answer) for read, answer in zip(reads, answers, strict=True)]


async def _at_one_block(rpc: Rpc, reads: Sequence[Read]) -> list[Any]:
    """One round trip where no block came in between, else a second one that names the block."""
    ask_height: tuple[str, Sequence[Any]] = ("eth_blockNumber", [])
    if len(reads) <= _READS_IN_ONE_POST:
        before, *answers, after = await rpc.batch([ask_height, *(read.call("latest") for read in reads), ask_height])
        if before == after:
            return answers
    else:
        after = await rpc.request(*ask_height)
    return await rpc.batch([read.call(after) for read in reads])


def _translated(error: RpcError) -> RpcError | ContractRefused:
    data = revert_data(error)
    return error if data is None else refusal(data)
