"""What is signed at a gateway's door, as EIP-712 typed data: the one definition for both sides.

`Access` answers a single-use challenge and names everything it is good for: the account, the gateway, the
purpose, the job. `AppendLog`, `EndLog` and `CloseLog` need no challenge: an absolute offset makes repeating
them harmless. The domain binds all of them to one chain and one contract.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from deepsquare.chain.typed_data import Types
from deepsquare.model import Address, JobId
from deepsquare.web.signing import ServiceDomain, TypedMessage

_ACCESS_TYPES: Types = {
    "Access": (
        ("account", "address"),
        ("gateway", "string"),
        ("purpose", "string"),
        ("jobId", "bytes32"),
        ("nonce", "string"),
        ("expiresAt", "uint256"),
    )
}
_PIECE = (("jobId", "bytes32"), ("attempt", "uint64"), ("offset", "uint64"), ("dataHash", "bytes32"))
_APPEND_TYPES: Types = {"AppendLog": _PIECE}
_END_TYPES: Types = {"EndLog": _PIECE}
_CLOSE_TYPES: Types = {"CloseLog": (("jobId", "bytes32"), ("attempt", "uint64"), ("length", "uint64"))}

SIGNATURE_BYTES = 65


class SigningDomain(ServiceDomain):
    """The chain and the contract for which a signature at a gateway's door is good."""

    __slots__ = ()
    name = "DeepSquare Gateway"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A gateway's question: a nonce to sign, and the moment until which the answer counts."""

    nonce: str
    expires_at: datetime
    """In whole seconds, so that both sides write the same moment."""


def access(account: Address, gateway: str, purpose: str, job_id: JobId, challenge: Challenge) -> TypedMessage:
    """The answer to a challenge: `account` asks `gateway` for `purpose` about one job, once."""
    values = {
        "account": account,
        "gateway": gateway,
        "purpose": purpose,
        "jobId": _bytes32(job_id),
        "nonce": challenge.nonce,
        "expiresAt": int(challenge.expires_at.timestamp()),
    }
    return TypedMessage(_ACCESS_TYPES, values)


def append_log(job_id: JobId, attempt: int, offset: int, data: bytes) -> TypedMessage:
    """These bytes stand at this offset of the log of this attempt."""
    return TypedMessage(_APPEND_TYPES, _piece(job_id, attempt, offset, data))


def end_log(job_id: JobId, attempt: int, offset: int, data: bytes) -> TypedMessage:
    """These bytes stand at this offset of the log of this attempt, and it is complete with them."""
    return TypedMessage(_END_TYPES, _piece(job_id, attempt, offset, data))


def close_log(job_id: JobId, attempt: int, length: int) -> TypedMessage:
    """The log of this attempt is complete with `length` bytes."""
    return TypedMessage(_CLOSE_TYPES, {"jobId": _bytes32(job_id), "attempt": attempt, "length": length})


def _piece(job_id: JobId, attempt: int, offset: int, data: bytes) -> dict[str, object]:
    return {
        "jobId": _bytes32(job_id),
        "attempt": attempt,
        "offset": offset,
        "dataHash": hashlib.sha256(data).digest(),
    }


def _bytes32(job_id: JobId) -> bytes:
    return job_id.to_bytes(32, "big")
