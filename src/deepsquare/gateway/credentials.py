"""How a signature travels: the `Authorization: DeepSquare name="value", ...` header, written and read here only.

Which fields stand in it depends on the door: an answered challenge has all of them, a signed append only
the account and the signature. Reading is strict and bounded; what does not parse is `InvalidCredentials`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from deepsquare.chain.keccak import checksum_address
from deepsquare.gateway.signing import SIGNATURE_BYTES, Challenge
from deepsquare.model import Address

SCHEME = "DeepSquare"
MAX_HEADER_CHARACTERS = 2048
MAX_TIMESTAMP = 2**33

_FIELD = re.compile(r'\A\s*(?P<name>[a-z_]+)="(?P<value>[^"\\\x00-\x1f\x7f]*)"\s*\Z')
_ADDRESS = re.compile(r"\A0x[0-9a-fA-F]{40}\Z")
_SIGNATURE = re.compile(rf"\A0x[0-9a-fA-F]{{{2 * SIGNATURE_BYTES}}}\Z")


class InvalidCredentials(ValueError):
    """An Authorization header that cannot be read; the message says which part and never repeats it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The account's answer to a challenge, beside its signature."""

    gateway: str
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who claims to send a request, and the proof."""

    account: Address
    signature: bytes
    answer: Answer | None = None
    """None where the request itself is signed and no challenge is answered."""

    def header(self) -> str:
        """The value of the Authorization header."""
        fields = {"account": self.account, "signature": f"0x{self.signature.hex()}"}
        if self.answer is not None:
            fields |= {
                "gateway": self.answer.gateway,
                "nonce": self.answer.challenge.nonce,
                "expires_at": str(int(self.answer.challenge.expires_at.timestamp())),
            }
        return f"{SCHEME} " + ", ".join(f'{name}="{value}"' for name, value in fields.items())

    @classmethod
    def parse(cls, header: str) -> "Credentials":
        """The credentials in an Authorization header; raises `InvalidCredentials`."""
        if len(header) > MAX_HEADER_CHARACTERS:
            raise InvalidCredentials("the Authorization header is too long")
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != SCHEME.lower():
            raise InvalidCredentials(f"the Authorization header must start with {SCHEME}")
        fields = _fields(rest)
        return cls(_account(fields), _signature(fields), _answer(fields))


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in text.split(","):
        match = _FIELD.match(part)
        if match is None:
            raise InvalidCredentials('the Authorization header must be a list of name="value", separated by commas')
        if match["name"] in fields:
            raise InvalidCredentials("the Authorization header names a field twice")
        fields[match["name"]] = match["value"]
    return fields


def _account(fields: dict[str, str]) -> Address:
    text = fields.get("account", "")
    if _ADDRESS.match(text) is None:
        raise InvalidCredentials("the field account must be an address: 0x and 40 hex digits")
    return checksum_address(bytes.fromhex(text[2:]))


def _signature(fields: dict[str, str]) -> bytes:
    text = fields.get("signature", "")
    if _SIGNATURE.match(text) is None:
        raise InvalidCredentials(f"the field signature must be 0x and {2 * SIGNATURE_BYTES} hex digits")
    return bytes.fromhex(text[2:])


def _answer(fields: dict[str, str]) -> Answer | None:
    names = ("gateway", "nonce", "expires_at")
    if not any(name in fields for name in names):
        return None
    if not all(name in fields for name in names):
        raise InvalidCredentials("an answer to a challenge has the fields gateway, nonce and expires_at")
    expires_at = fields["expires_at"]
    if not (expires_at.isascii() and expires_at.isdigit() and len(expires_at) <= len(str(MAX_TIMESTAMP))):
        raise InvalidCredentials("the field expires_at must be whole seconds since 1970")
    moment = datetime.fromtimestamp(min(int(expires_at), MAX_TIMESTAMP), UTC)
    return Answer(fields["gateway"], Challenge(fields["nonce"], moment))
