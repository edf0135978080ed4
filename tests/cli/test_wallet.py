"""`dps wallet`: keys at rest."""

import json
from pathlib import Path

import pytest

from deepsquare.chain import Signer
from deepsquare.chain.keystore import SCRYPT_N, SCRYPT_N_FOR_RANDOM_PASSWORDS
from deepsquare.cli.exits import ExitCode
from deepsquare.sdk import wallet
from tests.cli.driver import dps

KEY = "11" * 32
ADDRESS = Signer.from_key(KEY).address
PASSWORD = {"DEEPSQUARE_PASSWORD": "correct horse"}


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    return tmp_path / "wallets" / "mine.json"


@pytest.fixture
def quick_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wallets whose password is as cheap to guess as to check."""
    monkeypatch.setattr(wallet.create, "__kwdefaults__", {"scrypt_n": SCRYPT_N_FOR_RANDOM_PASSWORDS})


def test_the_password_of_a_new_wallet_is_costly_to_guess(keystore: Path) -> None:
    dps("wallet", "new", "--keystore", keystore, environment=PASSWORD)
    assert json.loads(keystore.read_text())["crypto"]["kdfparams"]["n"] == SCRYPT_N


@pytest.mark.usefixtures("quick_to_open")
def test_a_new_wallet_is_readable_by_its_owner_alone_and_opens_with_its_password(keystore: Path) -> None:
    address = dps("wallet", "new", "--keystore", keystore, environment=PASSWORD).stdout.strip()
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert Signer.from_keystore(keystore, "correct horse").address == address


@pytest.mark.usefixtures("quick_to_open")
def test_a_password_may_be_typed_twice(keystore: Path) -> None:
    answer = dps("wallet", "new", "--keystore", keystore, stdin="secret\nsecret\n")
    assert answer.exit_code == ExitCode.OK
    assert Signer.from_keystore(keystore, "secret").address == answer.stdout.strip()


@pytest.mark.usefixtures("quick_to_open")
def test_an_existing_wallet_is_never_overwritten(keystore: Path) -> None:
    dps("wallet", "new", "--keystore", keystore, environment=PASSWORD)
    before = keystore.read_bytes()
    answer = dps("wallet", "new", "--keystore", keystore, environment=PASSWORD)
    assert answer.exit_code == ExitCode.NO_KEY
    assert keystore.read_bytes() == before


@pytest.mark.usefixtures("quick_to_open")
@pytest.mark.parametrize(
    ("stdin", "environment"), [(KEY + "\n", {}), ("", {"DEEPSQUARE_KEY": "0x" + KEY})], ids=["stdin", "environment"]
)
def test_a_key_is_imported_from_stdin_or_the_environment(
    keystore: Path, stdin: str, environment: dict[str, str]
) -> None:
    dps("wallet", "import", "--keystore", keystore, environment={**PASSWORD, **environment}, stdin=stdin)
    assert Signer.from_keystore(keystore, "correct horse").address == ADDRESS


def test_what_is_no_key_is_refused_without_repeating_it(keystore: Path) -> None:
    answer = dps("wallet", "import", "--keystore", keystore, environment=PASSWORD, stdin="sesame\n")
    assert answer.exit_code == ExitCode.NO_KEY
    assert "sesame" not in answer.stderr
    assert not keystore.exists()


@pytest.mark.usefixtures("quick_to_open")
def test_the_address_is_shown_without_a_password(keystore: Path) -> None:
    dps("wallet", "import", "--keystore", keystore, environment=PASSWORD, stdin=KEY)
    assert dps("wallet", "show", "--keystore", keystore, "--json").json == {"address": ADDRESS}


@pytest.mark.usefixtures("quick_to_open")
def test_a_key_in_the_environment_wins_over_a_wallet(keystore: Path) -> None:
    dps("wallet", "new", "--keystore", keystore, environment=PASSWORD)
    shown = dps("wallet", "show", "--keystore", keystore, environment={"DEEPSQUARE_KEY": KEY})
    assert shown.stdout.strip() == ADDRESS


@pytest.mark.usefixtures("quick_to_open")
def test_a_wallet_that_others_may_read_is_refused_with_the_command_that_helps(keystore: Path) -> None:
    dps("wallet", "new", "--keystore", keystore, environment=PASSWORD)
    keystore.chmod(0o644)
    answer = dps("wallet", "show", "--keystore", keystore)
    assert answer.exit_code == ExitCode.NO_KEY
    assert f"chmod 600 {keystore}" in answer.stderr


def test_without_a_wallet_the_ways_to_one_are_named() -> None:
    answer = dps("wallet", "show")
    assert answer.exit_code == ExitCode.NO_KEY
    assert "dps wallet new" in answer.stderr


def test_a_file_that_is_no_keystore_is_refused(keystore: Path) -> None:
    keystore.parent.mkdir()
    keystore.write_text("{}")
    keystore.chmod(0o600)
    assert dps("wallet", "show", "--keystore", keystore).exit_code == ExitCode.NO_KEY
