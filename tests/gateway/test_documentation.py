"""docs/gateway.md names every endpoint, setting and error code, with the values that the code has, and no other."""

import json
import re
from pathlib import Path

from deepsquare.gateway.access import DOORS
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.settings import GatewaySettings

TEXT = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_endpoint_is_documented() -> None:
    documented = {tuple(row[0].split(" ", 1)): row[1] for row in rows("Endpoints")}
    assert set(documented) == set(DOORS)
    for key, door in DOORS.items():
        assert (documented[key] == "public") == (door.name == "PUBLIC"), key


def test_every_error_code_is_documented_with_its_status() -> None:
    documented = {row[0]: int(row[1]) for row in rows("Errors")}
    assert documented == {code.text: code.status for code in ErrorCode}


def test_every_error_code_says_what_to_do() -> None:
    assert all(code.hint for code in ErrorCode)


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0]: row[1] for row in rows("Settings")}
    fields = GatewaySettings.model_fields
    assert set(documented) == set(fields)
    for name, field in fields.items():
        default = field.default
        expected = default if isinstance(default, str) else "none" if default in {(), None} else json.dumps(default)
        assert documented[name] == expected, name


def test_the_signed_messages_are_documented_as_they_are() -> None:
    from deepsquare.gateway import signing  # noqa: PLC0415 - the private tables are what this test is about

    for types in (signing._ACCESS_TYPES, signing._APPEND_TYPES, signing._END_TYPES, signing._CLOSE_TYPES):
        for name, members in types.items():
            written = f"{name}({','.join(f'{kind} {member}' for member, kind in members)})"
            assert re.search(re.escape(written), TEXT), written
