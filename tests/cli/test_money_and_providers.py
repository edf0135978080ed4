"""`dps credits`, `dps provider` and `dps config`."""

from decimal import Decimal

import pytest

from deepsquare.cli.exits import ExitCode
from tests.cli.driver import dps
from tests.support.local_grid import RunningGrid


def test_the_balance_of_any_account_can_be_read(grid: RunningGrid) -> None:
    own = dps("credits", "balance", "--json", environment=grid.environment).json
    assert own["account"] == grid.customer.address
    assert Decimal(own["credits"]) > 0
    assert dps("credits", "balance", "0x" + "00" * 19 + "01", environment=grid.environment).stdout == "0\n"


def test_a_transfer_moves_exactly_what_it_says(grid: RunningGrid) -> None:
    before = Decimal(dps("credits", "balance", grid.friend.address, environment=grid.environment).stdout)
    assert dps("credits", "transfer", grid.friend.address, "0.25", environment=grid.environment).exit_code == 0
    after = Decimal(dps("credits", "balance", grid.friend.address, environment=grid.environment).stdout)
    assert after - before == Decimal("0.25")


def test_more_than_there_is_cannot_be_transferred(grid: RunningGrid) -> None:
    answer = dps("credits", "transfer", grid.friend.address, "1000000", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_CREDITS


def test_a_transfer_to_what_is_no_address_is_refused(grid: RunningGrid) -> None:
    answer = dps("credits", "transfer", "bob", "1", environment=grid.environment)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION


def test_the_allowance_is_set_absolutely(grid: RunningGrid) -> None:
    assert dps("credits", "allowance", "7.5", environment=grid.environment).stdout == "7.5\n"
    assert dps("credits", "allowance", environment=grid.environment).stdout == "7.5\n"


def test_providers_are_listed_with_prices_and_free_resources(grid: RunningGrid) -> None:
    providers = dps("provider", "list", "--json", environment=grid.environment).json
    assert {provider["labels"]["zone"] for provider in providers} == {"left", "right"}
    assert all(provider["state"] == "serving" and provider["nodes"] for provider in providers)
    assert "serving" in dps("provider", "list", environment=grid.environment).stdout


def test_one_provider_is_shown_by_its_address(grid: RunningGrid) -> None:
    address = dps("provider", "list", "--json", environment=grid.environment).json[0]["provider"]
    assert dps("provider", "show", address.lower(), "--json", environment=grid.environment).json["provider"] == address


def test_an_unknown_provider_is_not_found(grid: RunningGrid) -> None:
    for command in ("show", "approve"):
        answer = dps("provider", command, "0x" + "12" * 20, environment=grid.environment)
        assert answer.exit_code == ExitCode.NOT_FOUND


def test_each_setting_is_shown_with_its_source(grid: RunningGrid) -> None:
    shown = dps("config", "show", "--json", "--chain-id", "5", environment=grid.environment).json
    assert shown["chain_id"] == {"value": "5", "source": "--chain-id"}
    assert shown["keystore"]["source"] == f"{grid.config_file}:2"
    assert shown["gateway"]["source"].startswith(str(grid.folder / "grid.toml") + ":")


@pytest.mark.parametrize("command", [("credits", "balance"), ("job", "list"), ("provider", "list")])
def test_without_a_grid_the_ways_to_one_are_named(command: tuple[str, str]) -> None:
    answer = dps(*command, environment={"DEEPSQUARE_KEY": "11" * 32})
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "dps up" in answer.stderr
