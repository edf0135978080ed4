"""The key that signs for a person or a service: V3 keystore files, and the rules for who may read them.

A wallet file is never overwritten and is readable by its owner alone; one that others may read is refused,
as is such a password file. Keys and passwords come from files, a prompt or the environment, never from
arguments, and never appear in a message.
"""

import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from deepsquare.chain.errors import InvalidKey
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.keystore import SCRYPT_N
from deepsquare.chain.signer import Signer
from deepsquare.model import Address
from deepsquare.sdk.configuration import Configuration, user_config_path
from deepsquare.sdk.errors import KeyProblem

KEY_VARIABLE = "DEEPSQUARE_KEY"
PASSWORD_VARIABLE = "DEEPSQUARE_PASSWORD"  # noqa: S105 - the name of a variable, not a password

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700

AskPassword = Callable[[Path], str]
"""Ask a person for the password of the wallet at this path."""


def default_path() -> Path:
    """Where a person's wallet lies unless they say otherwise."""
    return user_config_path().with_name("wallet.json")


def new_signer() -> Signer:
    """A fresh key from the system's randomness."""
    return Signer(secrets.token_bytes(32))


def create(path: Path, signer: Signer, password: str, *, scrypt_n: int = SCRYPT_N) -> None:
    """Encrypt a key into a new wallet file. Raises `KeyProblem` where the file exists or the password is empty."""
    if not password:
        raise KeyProblem("a wallet needs a password", next_step="choose one")
    write_private(path, signer.to_keystore(password, scrypt_n=scrypt_n))


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read. Raises `KeyProblem` where it exists."""
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: it is whole or not there, and it never replaces anything.
        path.hardlink_to(part)
    except FileExistsError:
        raise KeyProblem(
            f"{path} exists; a wallet is never overwritten", next_step="name another file with --keystore"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def address_of(path: Path) -> Address:
    """The address of a wallet; needs no password."""
    keystore = _read_keystore(path)
    address = keystore.get("address")
    try:
        return checksum_address(str(address))
    except ValueError:
        _not_a_wallet(path)


def find_address(configuration: Configuration, environment: Mapping[str, str] = os.environ) -> Address:
    """The address that signs; opens no wallet. Raises `KeyProblem` where there is none."""
    if environment.get(KEY_VARIABLE):
        return signer_from_key(environment[KEY_VARIABLE], KEY_VARIABLE).address
    return address_of(_wallet_path(configuration))


def open_signer(
    configuration: Configuration, *, ask: AskPassword | None = None, environment: Mapping[str, str] = os.environ
) -> Signer:
    """What signs: `DEEPSQUARE_KEY`, else the wallet with its password. Raises `KeyProblem`."""
    if environment.get(KEY_VARIABLE):
        return signer_from_key(environment[KEY_VARIABLE], KEY_VARIABLE)
    path = _wallet_path(configuration)
    _read_keystore(path)
    password = _password(configuration, path, ask, environment)

    try:
        return Signer.from_keystore(path, password)
    except InvalidKey:
        next_step = f"{_right_password(configuration, environment)}, or name the wallet that it opens with --keystore"
        raise KeyProblem(f"the password does not open the wallet {path}", next_step=next_step) from None


def _wallet_path(configuration: Configuration) -> Path:
    path = configuration.path("keystore") or default_path()
    if not path.exists():
        raise KeyProblem(
            f"there is no wallet at {path}",
            next_step=f"make one with `dps wallet new`, name one with --keystore, or set {KEY_VARIABLE}",
        )
    return path


def signer_from_key(text: str, source: str) -> Signer:
    """What signs with a private key in hex digits. Raises `KeyProblem` that names the key's source only."""
    try:
        return Signer.from_key(text)
    except InvalidKey:
        raise KeyProblem(f"{source} holds no private key", next_step="give 64 hexadecimal digits") from None


def known_password(configuration: Configuration, environment: Mapping[str, str] = os.environ) -> str | None:
    """The password from `DEEPSQUARE_PASSWORD` or the password file; None where a person must be asked."""
    if PASSWORD_VARIABLE in environment:
        return environment[PASSWORD_VARIABLE]
    path = configuration.path("password_file")
    return None if path is None else _read_private(path).partition("\n")[0]


def _password(configuration: Configuration, path: Path, ask: AskPassword | None, environment: Mapping[str, str]) -> str:
    password = known_password(configuration, environment)
    if password is not None:
        return password
    if ask is None:
        raise KeyProblem(
            f"the wallet {path} needs its password",
            next_step=f"set {PASSWORD_VARIABLE} or name a file with --password-file",
        )
    return ask(path)


def _right_password(configuration: Configuration, environment: Mapping[str, str]) -> str:
    """Where to put the right password in place of a wrong one."""
    if PASSWORD_VARIABLE in environment:
        return f"correct {PASSWORD_VARIABLE}"
    path = configuration.path("password_file")
    return "type it again" if path is None else f"correct the first line of {path}"


def _read_keystore(path: Path) -> dict[str, Any]:
    try:
        keystore = json.loads(_read_private(path))
    except ValueError:
        _not_a_wallet(path)
    if not isinstance(keystore, dict) or keystore.get("version") != 3:  # noqa: PLR2004 - V3, the format's name
        _not_a_wallet(path)
    return keystore


def _not_a_wallet(path: Path) -> NoReturn:
    raise KeyProblem(f"{path} is no V3 keystore", next_step="name a wallet file made by `dps wallet new`") from None


def _read_private(path: Path) -> str:
    """The text of a file that nobody else may read."""
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyProblem(f"others may read {path}", next_step=f"run: chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise KeyProblem(f"{path}: {error.strerror}", next_step="check the path and its permissions") from None
