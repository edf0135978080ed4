"""Private keys at rest: Web3 Secret Storage, version 3, the JSON file that every wallet reads and writes.

Reads scrypt and PBKDF2 keystores; writes scrypt. The primitives come from the standard library and
PyCryptodome; the account libraries would bring them with 0.8 s of imports.
"""

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from deepsquare.chain.errors import InvalidKey
from deepsquare.chain.keccak import keccak256

_VERSION = 3
SCRYPT_N = 2**17
"""The cost of guessing a person's password: 128 MB and about a third of a second per guess."""
SCRYPT_N_FOR_RANDOM_PASSWORDS = 2**12
"""Enough where the password is itself random and long: nobody can guess it, so opening may be quick."""
_MAX_SCRYPT_MEMORY_BYTES = 2**30


def encrypt(key: bytes, password: str, address: str, *, scrypt_n: int = SCRYPT_N) -> str:
    """The keystore's text for a private key of 32 bytes."""
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    kdf_parameters = {"n": scrypt_n, "r": 8, "p": 1, "dklen": 32, "salt": salt.hex()}
    derived = _derive("scrypt", kdf_parameters, password)
    ciphertext = _aes_128_ctr(derived[:16], iv, key)
    store = {
        "version": _VERSION,
        "id": str(uuid.uuid4()),
        "address": address.removeprefix("0x").lower(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": kdf_parameters,
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
    }
    return json.dumps(store, indent=2) + "\n"


def decrypt(text: str, password: str) -> bytes:
    """The private key in a keystore. Raises `InvalidKey` for a wrong password or a broken file."""
    try:
        store = json.loads(text)
        crypto = store.get("crypto") or store["Crypto"]
        if store["version"] != _VERSION or crypto["cipher"] != "aes-128-ctr":
            raise InvalidKey("the keystore is of another kind; write it again as version 3 (aes-128-ctr)")
        ciphertext = bytes.fromhex(crypto["ciphertext"])
        iv = bytes.fromhex(crypto["cipherparams"]["iv"])
        expected_mac = bytes.fromhex(crypto["mac"])
        derived = _derive(crypto["kdf"], crypto["kdfparams"], password)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidKey(f"the file is no version 3 keystore ({type(error).__name__} in its JSON)") from error
    if not hmac.compare_digest(keccak256(derived[16:32] + ciphertext), expected_mac):
        raise InvalidKey("the password does not open this keystore")
    return _aes_128_ctr(derived[:16], iv, ciphertext)


def _derive(kdf: str, parameters: Mapping[str, Any], password: str) -> bytes:
    salt, length = bytes.fromhex(parameters["salt"]), int(parameters["dklen"])
    if kdf == "scrypt":
        n, r, p = (int(parameters[name]) for name in "nrp")
        return hashlib.scrypt(
            password.encode(), salt=salt, n=n, r=r, p=p, dklen=length, maxmem=_MAX_SCRYPT_MEMORY_BYTES
        )
    if kdf == "pbkdf2" and parameters["prf"] == "hmac-sha256":
        return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, int(parameters["c"]), length)
    raise InvalidKey(f"the keystore's key derivation {kdf!r} is unknown; scrypt and pbkdf2 are read")


def _aes_128_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    from Crypto.Cipher import AES  # noqa: PLC0415 - 30 ms that only keystores need

    cipher = AES.new(key, AES.MODE_CTR, initial_value=iv, nonce=b"")
    return bytes(cipher.encrypt(data))
