"""How a signature travels: the `Authorization: DeepSquare name="value", ...` header, written and read here only.

Which fields stand in it depends on the door: an answered challenge has all of them, a signed append only
the account and the signature. Back travels the next challenge, in a header of the same form:
`DeepSquare-Challenge: nonce="...", expires_at="..."`. Reading is strict and bounded; what does not parse is
`InvalidCredentials`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from deepsquare.chain.keccak import checksum_address
from deepsquare.gateway.signing import SIGNATURE_BYTES, Challenge
from deepsquare.model import Address

SCHEME = "DeepSquare"
CHALLENGE_HEADER = "DeepSquare-Challenge"
MAX_HEADER_CHARACTERS = 2048
MAX_TIMESTAMP = 2**33

_FIELD = re.compile(r'\A\s*(?P<name>[a-z_]+)="(?P<value>[^"\\\x00-\x1f\x7f]*)"\s*\Z')
_ADDRESS = re.compile(r"\A0x[0-9a-fA-F]{40}\Z")
_SIGNATURE = re.compile(rf"\A0x[0-9a-fA-F]{{{2 * SIGNATURE_BYTES}}}\Z")


class InvalidCredentials(ValueError):
    """A header that cannot be read; the message says which part and never repeats it."""


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
            fields |= {"gateway": self.answer.gateway, **_challenge_fields(self.answer.challenge)}
        return f"{SCHEME} {_joined(fields)}"

    @classmethod
    def parse(cls, header: str) -> "Credentials":
        """The credentials in an Authorization header; raises `InvalidCredentials`."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != SCHEME.lower():
            raise InvalidCredentials(f"the Authorization header must start with {SCHEME}")
        fields = _fields("Authorization", rest)
        return cls(_account(fields), _signature(fields), _answer(fields))


def challenge_header(challenge: Challenge) -> dict[str, str]:
    """The header of an answer that hands a challenge on."""
    return {CHALLENGE_HEADER: _joined(_challenge_fields(challenge))}


def handed_on(header: str) -> Challenge:
    """The challenge in the value of a `DeepSquare-Challenge` header; raises `InvalidCredentials`."""
    return _challenge(_fields(CHALLENGE_HEADER, header))


def _challenge_fields(challenge: Challenge) -> dict[str, str]:
    return {"nonce": challenge.nonce, "expires_at": str(int(challenge.expires_at.timestamp()))}


def _joined(fields: dict[str, str]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in fields.items())


def _fields(header: str, text: str) -> dict[str, str]:
    if len(text) > MAX_HEADER_CHARACTERS or not text.isascii():
        raise InvalidCredentials(f"the {header} header must be at most {MAX_HEADER_CHARACTERS} characters of ASCII")
    fields: dict[str, str] = {}
    for part in text.split(","):
        match = _FIELD.match(part)
        if match is None:
            raise InvalidCredentials(f'the {header} header must be a list of name="value", separated by commas')
        if match["name"] in fields:
            raise InvalidCredentials(f"the {header} header names a field twice")
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
    if "gateway" not in fields:
        raise InvalidCredentials("an answer to a challenge has the field gateway, too")
    return Answer(fields["gateway"], _challenge(fields))


def _challenge(fields: dict[str, str]) -> Challenge:
    nonce, expires_at = fields.get("nonce", ""), fields.get("expires_at", "")
    if not nonce:
        raise InvalidCredentials("a challenge has the fields nonce and expires_at")
    if not (expires_at.isascii() and expires_at.isdigit() and len(expires_at) <= len(str(MAX_TIMESTAMP))):
        raise InvalidCredentials("the field expires_at must be whole seconds since 1970")
    moment = datetime.fromtimestamp(min(int(expires_at), MAX_TIMESTAMP), UTC)
    return Challenge(nonce, moment)
