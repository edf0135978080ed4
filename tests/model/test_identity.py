"""Job numbers and tags: what a person, a contract and a cluster call the same job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import (
    Address,
    InvalidJobId,
    InvalidTag,
    JobId,
    JobStatus,
    JobTag,
    format_job_id,
    parse_job_id,
)

CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")


@given(st.integers(1, 2**256 - 1))
def test_a_job_is_named_by_its_number_or_its_bytes32(number: int) -> None:
    assert parse_job_id(str(number)) == number
    assert parse_job_id(format_job_id(JobId(number))) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "seven", "0x", "0x1" + "0" * 64])
def test_what_is_no_job_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobId):
        parse_job_id(text)


def test_states_up_to_running_are_hot_and_all_others_cold() -> None:
    assert [status.name for status in JobStatus if status.is_hot] == [
        "PENDING",
        "META_SCHEDULED",
        "SCHEDULED",
        "RUNNING",
    ]
    assert all(status.is_cold != status.is_hot for status in JobStatus)


@given(st.integers(0, 2**64), st.integers(1, 2**64), st.integers(0, 255))
def test_a_tag_survives_the_way_through_a_cluster(chain_id: int, job: int, attempt: int) -> None:
    tag = JobTag(chain_id, CONTRACT, JobId(job), attempt)
    assert JobTag.parse(str(tag), CONTRACT) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dps-1-0x00-1-1",
        f"dps-1-{'0x' + '0' * 40}-1-1",
        f"dps-1-{CONTRACT.lower()}-1-1\n",
        f"x dps-1-{CONTRACT.lower()}-1-1",
    ],
)
def test_tags_of_others_are_not_ours(text: str) -> None:
    with pytest.raises(InvalidTag):
        JobTag.parse(text, CONTRACT)
