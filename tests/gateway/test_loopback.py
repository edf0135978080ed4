"""What is this very machine, and what only looks like it."""

import pytest

from deepsquare.web.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.3", "::1"])
def test_this_machine_is_known_by_its_addresses_and_its_usual_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "local",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "example.org",
        "0.0.0.0",
        "192.0.2.1",
        "::",
        "[",
        "127.1",
    ],
)
def test_nothing_else_is_taken_for_it(host: str) -> None:
    assert not is_loopback(host)
