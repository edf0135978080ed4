"""What an operator may set, and what is refused with a reason."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deepsquare.model import Address, JobId, JobTag, Prices
from deepsquare.supervisor.settings import PriceSettings, SupervisorSettings, VolumeSettings

PRICES = {"cpu_per_minute": "0.01", "memory_mb_per_minute": "0.000001"}


def settings(**values: Any) -> SupervisorSettings:
    return SupervisorSettings.model_validate({"prices": PRICES, **values})


def test_prices_are_decimals_of_credits() -> None:
    prices = PriceSettings.model_validate(PRICES | {"gpu_per_minute": "1.5"}).prices
    assert prices == Prices(15 * 10**17, 10**16, 10**12)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"prices": PRICES | {"cpu_per_minute": 0.01}}, "in quotes"),
        ({"prices": PRICES | {"cpu_per_minute": "a lot"}}, "no amount of credits"),
        ({"prices": {"cpu_per_minute": "1"}}, "memory_mb_per_minute"),
        ({"labels": {"Zone": "alps"}}, "no label key"),
        ({"labels": {"zone": "The Alps"}}, "lower case"),
        ({"labels": {"zone": ""}}, "lower case"),
        ({"limits": {"lost_after_looks": 0}}, "lost_after_looks"),
        ({"pace": {"log_chunk_bytes": 10}}, "log_chunk_bytes"),
        ({"pase": {}}, "pase"),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_a_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(**values)


def test_a_job_is_told_where_the_volumes_of_its_site_lie() -> None:
    volumes = VolumeSettings(shared_root=Path("/nfs"), disk_root=Path("/scratch"))
    customer, contract = Address("0xABcdEFABcdEFabcdEfAbCdefabcdeFABcDEFabCD"), Address("0x" + "12" * 20)
    assert volumes.environment(customer, JobTag(5, contract, JobId(7), 2)) == {
        "DEEPSQUARE_SITE_SHARED_ROOT": "/nfs",
        "DEEPSQUARE_SITE_DISK_ROOT": "/scratch",
        "DEEPSQUARE_SITE_USER": "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
        "DEEPSQUARE_SITE_JOB": "7-2-"
        + hashlib.sha256(b"dps-5-0x1212121212121212121212121212121212121212-7-2").hexdigest()[:8],
    }
