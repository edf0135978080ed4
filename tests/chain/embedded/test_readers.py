"""Reads share a thread, and none waits for one that takes long."""

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


def test_reads_are_answered_by_one_thread_one_after_the_other(readers: Readers) -> None:
    threads = [readers.submit(threading.get_ident) for _ in range(20)]
    assert len({thread.result(ANSWER_SECONDS) for thread in threads}) == 1


def test_a_read_that_takes_long_holds_up_nobody_who_comes_later(readers: Readers, seconds: Seconds) -> None:
    began, end = threading.Event(), threading.Event()

    def long() -> bool:
        began.set()
        return end.wait(ANSWER_SECONDS)

    held_up = readers.submit(long)
    assert began.wait(ANSWER_SECONDS)
    seconds.passed += PATIENCE_SECONDS + 0.01
    assert readers.submit(lambda: "answered").result(ANSWER_SECONDS) == "answered"
    end.set()
    assert held_up.result(ANSWER_SECONDS)


def test_a_read_that_fails_fails_alone(readers: Readers, seconds: Seconds) -> None:
    failed = readers.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(ANSWER_SECONDS)
    seconds.passed += 1
    assert readers.submit(threading.get_ident).result(ANSWER_SECONDS) == readers.submit(threading.get_ident).result(
        ANSWER_SECONDS
    )
