"""A person with a key, for tests of the embedded chain: signs by eth-account, an implementation that is not ours."""

from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_utils.address import to_checksum_address

from deepsquare.chain.rpc import Rpc
from tests.chain.embedded.programs import creation_of

CHAIN_ID = 179188
RICH = 10**24


class Wallet:
    """One account. `nonce` is the next one it will use; `sign` and `send` count it up unless told another."""

    def __init__(self, seed: int = 1, chain_id: int = CHAIN_ID) -> None:
        self._account = Account.from_key(seed.to_bytes(32, "big"))
        self._chain_id = chain_id
        self.nonce = 0

    @property
    def address(self) -> str:
        return str(self._account.address)

    def sign(self, **fields: Any) -> str:
        """A transaction in hex: legacy and free of charge unless `fields` say otherwise."""
        if "nonce" not in fields:
            fields["nonce"] = self.nonce
            self.nonce += 1
        if fields.get("to"):
            fields["to"] = to_checksum_address(fields["to"])
        if "maxFeePerGas" not in fields:
            fields = {"gasPrice": 0, **fields}
        fields = {"chainId": self._chain_id, "gas": 1_000_000, "value": 0, **fields}
        return str(self._account.sign_transaction(fields).raw_transaction.to_0x_hex())

    async def send(self, rpc: Rpc, **fields: Any) -> dict[str, Any]:
        """Send it; gives the receipt."""
        return await receipt(rpc, await rpc.request("eth_sendRawTransaction", [self.sign(**fields)]))

    async def deploy(self, rpc: Rpc, program: bytes) -> str:
        """Create a contract that runs `program`; gives its address."""
        mined = await self.send(rpc, data=creation_of(program))
        assert mined["status"] == "0x1"
        return str(mined["contractAddress"])


async def receipt(rpc: Rpc, transaction_hash: str) -> dict[str, Any]:
    found: dict[str, Any] = await rpc.request("eth_getTransactionReceipt", [transaction_hash])
    return found


def word(number: int) -> str:
    """An argument or result of 32 bytes, in hex."""
    return f"0x{number:064x}"


def words(numbers: Sequence[int]) -> str:
    return "0x" + "".join(f"{number:064x}" for number in numbers)
