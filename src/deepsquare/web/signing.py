"""What accounts sign when they speak to a service outside a transaction: EIP-712, bound to one chain and contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from deepsquare.chain.errors import InvalidSignature
from deepsquare.chain.grid import GridAddress
from deepsquare.chain.typed_data import Types, recover
from deepsquare.model import Address

DOMAIN_VERSION = "1"


class TypedDataSigner(Protocol):
    """An account that can sign typed data; `deepsquare.chain.Signer` is one."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign_typed_data(self, domain: Mapping[str, Any], types: Types, message: Mapping[str, Any]) -> bytes:
        """The 65 bytes of the signature."""
        ...


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """One message to sign: its types and its values."""

    types: Types
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceDomain:
    """The kind of service, the chain and the contract for which a signature is good. Each kind has a subclass."""

    chain_id: int
    contract: Address

    name: ClassVar[str]

    @classmethod
    def of(cls, grid: GridAddress) -> Self:
        """The domain of a grid."""
        return cls(grid.chain_id, grid.meta_scheduler)

    def typed(self) -> dict[str, Any]:
        """The domain as EIP-712 writes it."""
        return {
            "name": self.name,
            "version": DOMAIN_VERSION,
            "chainId": self.chain_id,
            "verifyingContract": self.contract,
        }

    def sign(self, message: TypedMessage, signer: TypedDataSigner) -> bytes:
        """`message`, signed for this domain."""
        return signer.sign_typed_data(self.typed(), message.types, message.values)

    def signer_of(self, message: TypedMessage, signature: bytes) -> Address | None:
        """The account that signed `message` for this domain; None where the signature is none at all."""
        try:
            return recover(self.typed(), message.types, message.values, signature)
        except InvalidSignature:
            return None
