import re
from pathlib import Path

from deepsquare.chain.embedded.filters import Filters
from deepsquare.chain.embedded.genesis import BLOCK_GAS_LIMIT
from deepsquare.chain.embedded.jsonrpc import MOST_CALLS_IN_BATCH
from deepsquare.chain.embedded.methods import SEND_RAW_TRANSACTION, SUBSCRIPTION_METHODS, reading_methods
from deepsquare.chain.embedded.queue import MOST_IN_ALL, MOST_PER_SENDER
from deepsquare.chain.embedded.reading import MOST_LOGS
from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.chain.embedded.state import STATES_KEPT

PAGE = (Path(__file__).parents[3] / "docs" / "embedded-chain.md").read_text(encoding="utf-8")
METHODS = PAGE.split("## Methods")[1].split("\n## ")[0]


def test_every_method_is_documented_and_every_documented_method_is_there() -> None:
    table = "\n".join(line for line in METHODS.splitlines() if line.startswith("| `"))
    documented = set(re.findall(r"`((?:eth|net|web3)_\w+)`", table))
    assert documented == {*reading_methods(Filters()), SEND_RAW_TRANSACTION, *SUBSCRIPTION_METHODS}


def test_the_limits_are_the_documented_ones() -> None:
    for limit in (BLOCK_GAS_LIMIT, MOST_CALLS_IN_BATCH, MOST_LOGS, MOST_IN_ALL, MOST_PER_SENDER, STATES_KEPT):
        assert f"{limit:,}" in PAGE


def test_every_setting_is_documented() -> None:
    example = PAGE.split("```toml")[1].split("```")[0]
    assert {line.split(" =")[0] for line in example.splitlines() if " =" in line} == set(NodeSettings.model_fields)
