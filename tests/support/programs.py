"""The fast suite stays within its own process: a test that starts another program says so, or it cannot.

A test that starts programs carries the mark `programs`; a fixture that starts some gives it to its tests by `PROGRAMS`.
What such a fixture started goes on between tests, so once one of these tests has run nothing is refused any more; in
the fast suite there are none.
"""

import sys
from collections.abc import Generator

import pytest

PROGRAMS = (pytest.param(None, marks=pytest.mark.programs, id=pytest.HIDDEN_PARAM),)
"""The `params` of a fixture that starts programs: its tests carry the mark, and their names stay as they are."""

_MAY_START = ("programs", "system", "conformance")
_STARTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"})
_OF_LIBRARIES = ("file", "uname")
"""By these Python's `platform` learns about the machine, which some libraries ask when they are first imported."""


class Watchman:
    """`refuses` programs to the tests that run, from the first one on until one comes that may start some."""

    def __init__(self) -> None:
        self.refuses = False
        self._is_relieved = False
        sys.addaudithook(self._hear)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        self._is_relieved = self._is_relieved or any(item.get_closest_marker(name) for name in _MAY_START)
        self.refuses = not self._is_relieved
        try:
            return (yield)
        finally:
            self.refuses = False

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.refuses and event in _STARTS and not (arguments and arguments[0] in _OF_LIBRARIES):
            raise AssertionError(f"{event} {arguments[:2]}: what starts programs carries `@pytest.mark.programs`")
