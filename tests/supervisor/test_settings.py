"""What an operator may set, and what is refused with a reason."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deepsquare import compiler
from deepsquare.model import Address, JobId, JobTag, Prices
from deepsquare.supervisor.settings import PriceSettings, SupervisorSettings, ToolSettings, VolumeSettings

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
        ({"containers": {"runtimes": ["docker"]}}, "runtimes"),
        ({"networks": {"kinds": ["bridge"]}}, "kinds"),
        ({"containers": {"mounts": ["data"]}}, "a path from the root"),
        ({"containers": {"writable_mounts": ["/a:/b"]}}, "without a colon"),
        ({"tools": {"docker": "docker"}}, "docker"),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_a_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(**values)


CUSTOMER, CONTRACT = Address("0xABcdEFABcdEFabcdEfAbCdefabcdeFABcDEFabCD"), Address("0x" + "12" * 20)


def told(**values: Any) -> dict[str, str]:
    """What a job's script is told of a site with these settings."""
    return settings(**values).environment(CUSTOMER, JobTag(5, CONTRACT, JobId(7), 2))


def test_a_job_is_told_where_the_volumes_of_its_site_lie_and_whose_it_is() -> None:
    environment = told(volumes={"shared_root": "/nfs", "disk_root": "/scratch"})
    expected = {
        "DEEPSQUARE_SITE_SHARED_ROOT": "/nfs",
        "DEEPSQUARE_SITE_DISK_ROOT": "/scratch",
        "DEEPSQUARE_SITE_USER": "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
        "DEEPSQUARE_SITE_JOB": "7-2-"
        + hashlib.sha256(b"dps-5-0x1212121212121212121212121212121212121212-7-2").hexdigest()[:8],
    }
    assert environment.items() >= expected.items()
    assert "DEEPSQUARE_SITE_TMP_ROOT" not in environment


def test_a_job_is_told_what_containers_may_do() -> None:
    containers = {
        "runtimes": ["apptainer"],
        "images": "/opt/images",
        "mounts": ["/opt/models", "/data"],
        "writable_mounts": ["/results"],
    }
    expected = {
        "DEEPSQUARE_SITE_RUNTIMES": "apptainer",
        "DEEPSQUARE_SITE_IMAGES": "/opt/images",
        "DEEPSQUARE_SITE_MOUNTS": "/opt/models:/data",
        "DEEPSQUARE_SITE_WRITABLE_MOUNTS": "/results",
        "DEEPSQUARE_SITE_APPTAINER": "/opt/bin/apptainer",
    }
    assert told(containers=containers, tools={"apptainer": "/opt/bin/apptainer"}).items() >= expected.items()


def test_a_job_is_told_which_networks_it_may_have() -> None:
    assert told(networks={"kinds": ["pasta"]})["DEEPSQUARE_SITE_NETWORKS"] == "pasta"
    assert told(networks={"kinds": []})["DEEPSQUARE_SITE_NETWORKS"] == ""


def test_everything_that_a_script_asks_of_its_site_can_be_set() -> None:
    runtime = Path(compiler.__file__).parent / "runtime"
    asked = {name for file in runtime.glob("*.sh") for name in re.findall(r"DEEPSQUARE_SITE_\w+", file.read_text())}
    volumes = dict.fromkeys(VolumeSettings.model_fields, "/x")
    answered = told(volumes=volumes, tools=dict.fromkeys(ToolSettings.model_fields, "x"), containers={"images": "/x"})
    assert asked - answered.keys() == set()
