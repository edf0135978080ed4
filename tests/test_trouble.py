"""What is tried again and again fills no log."""

import logging

import pytest

from deepsquare.trouble import PassingTrouble


@pytest.fixture
def trouble() -> PassingTrouble:
    return PassingTrouble(logging.getLogger("a part"))


def test_it_is_told_when_it_begins_and_when_it_ends(trouble: PassingTrouble, caplog: pytest.LogCaptureFixture) -> None:
    trouble.works("listening")
    for _ in range(5):
        trouble.fails("listening", TimeoutError("nobody answers"))
    for _ in range(5):
        trouble.works("listening")
    assert caplog.messages == ["listening: nobody answers", "listening: all is well again"]


def test_it_is_told_again_where_it_changes_and_where_it_comes_back(
    trouble: PassingTrouble, caplog: pytest.LogCaptureFixture
) -> None:
    trouble.fails("listening", "nobody answers")
    trouble.fails("listening", "no route")
    trouble.works("listening")
    trouble.fails("listening", "no route")
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "nobody answers",
        "no route",
        "all is well again",
        "no route",
    ]


def test_one_thing_that_works_says_nothing_about_another(
    trouble: PassingTrouble, caplog: pytest.LogCaptureFixture
) -> None:
    trouble.fails("listening", "nobody answers")
    trouble.works("speaking")
    trouble.fails("listening", "nobody answers")
    assert caplog.messages == ["listening: nobody answers"]


def test_whoever_sees_only_warnings_sees_its_end_too(trouble: PassingTrouble, caplog: pytest.LogCaptureFixture) -> None:
    trouble.fails("listening", "nobody answers")
    trouble.works("listening")
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_what_nobody_has_to_be_warned_of_begins_and_ends_more_quietly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trouble = PassingTrouble(logging.getLogger("a part"), logging.INFO)
    trouble.fails("listening", "nobody answers")
    trouble.works("listening")
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.INFO]
