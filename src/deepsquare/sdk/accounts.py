"""Accounts at the SDK's edge: addresses as people write them."""

from deepsquare.chain.keccak import checksum_address
from deepsquare.model import Address
from deepsquare.sdk.errors import InvalidValue


def address_of(text: str) -> Address:
    """An account as somebody wrote it. Raises `InvalidValue`."""
    try:
        return checksum_address(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no address", next_step="write 0x and 40 hexadecimal digits") from None
