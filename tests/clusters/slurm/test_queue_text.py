"""Slurm's text about jobs, and the free text of users in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.clusters.slurm.queue_text import (
    newest_by_tag_text,
    parse_exit_code,
    parse_sacct,
    parse_squeue,
)
from tests.clusters.slurm.rows import printed


def test_a_row_has_what_squeue_said() -> None:
    (row,) = parse_squeue(printed() + "\n")

    assert (row.id, row.uid, row.state, row.exit_code, row.restarts) == ("17", 65534, "FAILED", 3, 1)
    assert row.started_at == datetime.fromtimestamp(1795173690, UTC)
    assert row.ended_at == datetime.fromtimestamp(1795173700, UTC)
    assert row.used == timedelta(seconds=10)
    assert row.tag_texts == ("tag-1", "tag-1")


@given(st.text(alphabet=st.characters(exclude_characters="\n")), st.text(alphabet=st.characters(codec="utf-8")))
def test_a_users_text_never_changes_another_field(comment: str, name: str) -> None:
    comment, name = comment.encode(errors="replace").decode(), name.replace("\n", " ")
    (plain,) = parse_squeue(printed())

    (row,) = parse_squeue(printed(comment=comment, name=name))

    assert (row.id, row.uid, row.state, row.exit_code, row.started_at, row.restarts) == (
        plain.id,
        plain.uid,
        plain.state,
        plain.exit_code,
        plain.started_at,
        plain.restarts,
    )


def test_a_job_that_never_had_a_node_has_not_started() -> None:
    (row,) = parse_squeue(printed(state="CANCELLED", nodelist=""))

    assert row.started_at is None
    assert row.ended_at is not None


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    text = text.encode(errors="replace").decode()

    parse_squeue(text)
    parse_sacct(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", 0),
        ("768", 3),
        ("9", 137),
        ("139", 139),
        ("3:0", 3),
        ("0:9", 137),
        ("0:125", 253),
        ("", None),
        ("N/A", None),
    ],
)
def test_exit_codes_are_those_of_a_shell(text: str, code: int | None) -> None:
    assert parse_exit_code(text) == code


def test_a_history_row_tells_who_cancelled() -> None:
    lines = [
        "5|65534|CANCELLED by 1000|0:15|1795173690|1795173700|n1|a|b",
        "5.batch|||||||",
        "6|1|COMPLETED|0:0|Unknown|Unknown|(null)|c",
    ]

    cancelled, completed = parse_sacct("\n".join(lines))

    assert (cancelled.state, cancelled.cancelled_by_uid, cancelled.tag_texts) == ("CANCELLED", 1000, ("a|b",))
    assert (completed.started_at, completed.ended_at, completed.exit_code) == (None, None, 0)


def test_the_newest_job_with_a_tag_is_meant() -> None:
    rows = parse_squeue("\n".join([printed(jobid="9"), printed(jobid="10"), printed(jobid="11", comment="", name="x")]))

    newest = newest_by_tag_text(rows)

    assert newest["tag-1"].id == "10"
    assert "tag-2" not in newest
