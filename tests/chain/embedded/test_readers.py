"""Reads share a thread, and none waits for one that takes long."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from deepsquare.chain.embedded.readers import PATIENCE_SECONDS, Readers

ANSWER_SECONDS = 10.0


class Seconds:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def readers(seconds: Seconds) -> Iterator[Readers]:
    readers = Readers(seconds)
    yield readers
    readers.close()


@contextlib.contextmanager
def held_up(readers: Readers) -> Iterator[None]:
    """A read is under way that does not end before this does."""
    began, end = threading.Event(), threading.Event()

    def long() -> bool:
        began.set()
        return end.wait(ANSWER_SECONDS)

    read = readers.submit(long)
    assert began.wait(ANSWER_SECONDS)
    try:
        yield
    finally:
        end.set()
    assert read.result(ANSWER_SECONDS)


def test_reads_are_answered_by_one_thread_one_after_the_other(readers: Readers) -> None:
    threads = [readers.submit(threading.get_ident) for _ in range(20)]
    assert len({thread.result(ANSWER_SECONDS) for thread in threads}) == 1


def test_a_read_that_takes_long_holds_up_nobody_who_comes_later(readers: Readers, seconds: Seconds) -> None:
    with held_up(readers):
        seconds.passed += PATIENCE_SECONDS + 0.01
        assert readers.submit(lambda: "answered").result(ANSWER_SECONDS) == "answered"


def test_who_came_before_anybody_knew_is_answered_with_the_next_read(readers: Readers, seconds: Seconds) -> None:
    with held_up(readers):
        early = [readers.submit(lambda: "early") for _ in range(3)]
        seconds.passed += PATIENCE_SECONDS + 0.01
        late = readers.submit(lambda: "late")
        assert [answer.result(ANSWER_SECONDS) for answer in [*early, late]] == ["early", "early", "early", "late"]


def test_a_read_that_nobody_wants_any_more_is_not_done(readers: Readers) -> None:
    done: list[bool] = []
    with held_up(readers):
        assert readers.submit(lambda: done.append(True)).cancel()
    readers.close()
    assert not done


def test_a_read_that_fails_fails_alone(readers: Readers, seconds: Seconds) -> None:
    failed = readers.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(ANSWER_SECONDS)
    seconds.passed += 1
    assert readers.submit(threading.get_ident).result(ANSWER_SECONDS) == readers.submit(threading.get_ident).result(
        ANSWER_SECONDS
    )
