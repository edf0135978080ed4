"""EIP-2612 permits: an allowance by signature, which travels in the transaction that needs it."""

from dataclasses import dataclass

from deepsquare.chain.contract import read_all
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.ledger import Ledger
from deepsquare.chain.signer import Signer

GOOD_FOR_SECONDS = 3600
"""Longer than a transaction waits for its block, and no longer: a signature that got lost should be worth nothing."""

_TYPES = {
    "Permit": [
        ("owner", "address"),
        ("spender", "address"),
        ("value", "uint256"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    ]
}


@dataclass(frozen=True, slots=True)
class Permit:
    """What the grid may take from an account, whatever it might before, and the account's signature for it."""

    value: int
    """Wei: the new allowance, not an addition."""
    deadline: int
    """The last second, in unix time, at which the signature is good."""
    signature: bytes

    @property
    def fields(self) -> tuple[int, int, int, bytes, bytes]:
        """The permit as the contract takes it."""
        return (self.value, self.deadline, self.signature[64], self.signature[:32], self.signature[32:64])


async def sign_permit(ledger: Ledger, signer: Signer, value: int) -> Permit:
    """Allow the grid to take `value` wei from the signer's account. Good once, and for an hour of the chain's time."""
    credit = ledger.credit_contract
    head = await ledger.head()
    nonce, domain = await read_all(ledger.rpc, [credit.read("nonces", signer.address), credit.read("eip712Domain")])
    _, name, version, chain_id, token, _, _ = domain
    deadline = int(head.time.timestamp()) + GOOD_FOR_SECONDS
    signature = signer.sign_typed_data(
        {"name": name, "version": version, "chainId": chain_id, "verifyingContract": checksum_address(token)},
        _TYPES,
        {
            "owner": signer.address,
            "spender": ledger.meta_scheduler,
            "value": value,
            "nonce": nonce,
            "deadline": deadline,
        },
    )
    return Permit(value, deadline, signature)
