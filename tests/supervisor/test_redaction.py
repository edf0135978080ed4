"""What may stand on the chain for everybody to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.supervisor.redaction import MAX_REASON_CHARACTERS, public_reason, redact

SECRETS = [
    "password=hunter2-abc",
    "PASSWORD: hunter2-abc",
    'db_password = "hunter2-abc with spaces"',
    '{"api_key": "hunter2-abc"}',
    "export AWS_SECRET_ACCESS_KEY=hunter2-abc",
    "--token hunter2-abc",
    "--api-key=hunter2-abc",
    "Authorization: Bearer hunter2-abc",
    "curl -H 'Authorization: Basic hunter2-abc'",
    "postgres://admin:hunter2-abc@db.example/x",
    "https://hunter2-abc@github.example/x.git",
    "AKIAHUNTER2ABCHUNTER2",
    "ghp_hunter2abchunter2abchunter2abc",
    "hf_hunter2abchunter2",
    "sk-hunter2abchunter2",
    "eyJhunter2abc.eyJhunter2abc.hunter2abc",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2 abc",
    "hunter2 abc\n-----END PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2\n-----END PGP PRIVATE KEY BLOCK-----",
    '{"password": "a\\"hunter2"}',
    "password='it\\'s hunter2'",
    "PASSWORD=a,hunter2;hunter2&hunter2",
    "secret => hunter2",
    "client_secret: |\n  hunter2",
    "pwd=hunter2",
    "preSharedKey: hunter2",
    "AccountKey=hunter2",
    "X-Amz-Signature=hunter2",
    "https://host.example/file?sp=r&sig=hunter2",
    "https://admin:p@hunter2@db.example/x",
    "https://admin:p/hunter2@db.example/x",
    "machine host.example login admin password hunter2",
    "curl -u admin:hunter2 --user=admin:hunter2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_cut_out(text: str) -> None:
    assert "hunter2" not in redact(f"before {text} after").lower()


def test_a_private_key_in_hex_is_cut_out() -> None:
    assert "4c0883a6" not in redact("key 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")


def test_a_long_random_word_is_cut_out() -> None:
    assert "wJalrXUtnFEMI" not in redact("found wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1 here")


@pytest.mark.parametrize(
    "text",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/input-2024.dat'",
        "srun: error: node-17: task 3: Exited with exit code 139",
        "Segmentation fault (core dumped)",
        "ImportError: cannot import name 'tokenizer' from 'model'",
    ],
)
def test_ordinary_errors_stay_readable(text: str) -> None:
    assert redact(text) == text


def test_the_last_whole_lines_that_fit_are_shown() -> None:
    output = "\n".join(f"line {number} of the output of this job" for number in range(100))
    reason = public_reason("the job ended with exit code 3", output)
    lines = reason.splitlines()
    assert lines[0] == "the job ended with exit code 3"
    assert lines[1].startswith("line ")
    assert lines[-1] == "line 99 of the output of this job"


def test_a_progress_bar_shows_what_was_left_standing() -> None:
    assert public_reason("failed", "10 %\r50 %\r99 %\nerror\n") == "failed\n99 %\nerror"


@given(st.text(max_size=600), st.text(max_size=3_000))
def test_a_reason_is_bounded_and_printable(headline: str, output: str) -> None:
    reason = public_reason(headline, output)
    assert len(reason) <= MAX_REASON_CHARACTERS
    assert all(character.isprintable() or character == "\n" or character.isspace() for character in reason)


PIECES = [
    "e",
    "pass",
    "-a",
    "a.",
    "http://",
    "-----BEGIN ",
    "-----END ",
    "eyJ.",
    "aA1/",
    '"secret":',
    " ",
    'pwd="\\\\',
    " -u a:",
    "password ",
]


@pytest.mark.parametrize("piece", PIECES)
def test_no_output_keeps_the_supervisor_busy_for_long(piece: str) -> None:
    redact(piece * (50_000 // len(piece)))
