"""Every test is in exactly one suite, and no suite is run by nobody."""

import itertools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.programs import Watchman

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
MARKS = ("programs", "system", "conformance")
SETS_OF_MARKS = [marks for count in range(len(MARKS) + 1) for marks in itertools.combinations(MARKS, count)]


def selections(target: str) -> list[str]:
    """What `make TARGET` selects by marks, once for each time that it runs pytest."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    return [quoted or word for quoted, word in re.findall(r'/pytest .*-m (?:"(.+?)"|(\w+))', recipe[1])]


def selects(selection: str, marks: tuple[str, ...]) -> bool:
    """Is a test with these marks selected?"""
    return bool(eval(selection, {}, {name: name in marks for name in (*MARKS, "hypothesis")}))  # noqa: S307 - our own


(FAST,) = selections("check")
*REPEATED, SYSTEM = selections("test")
(CONFORMANCE,) = selections("conformance")


@pytest.mark.parametrize("marks", SETS_OF_MARKS, ids="+".join)
def test_whatever_its_marks_a_test_is_in_exactly_one_suite(marks: tuple[str, ...]) -> None:
    assert [selects(suite, marks) for suite in (FAST, SYSTEM, CONFORMANCE)].count(True) == 1


def test_the_fast_suite_is_of_the_tests_without_a_mark() -> None:
    assert [marks for marks in SETS_OF_MARKS if selects(FAST, marks)] == [()]


def test_what_make_test_runs_before_are_rules_that_run_again_with_more_examples() -> None:
    assert all(selection.startswith("hypothesis and ") for selection in REPEATED)


def test_there_are_no_other_marks() -> None:
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert sorted(marker.partition(":")[0] for marker in markers) == sorted(MARKS)


def test_all_but_conformance_runs_in_make_test_and_that_in_ci() -> None:
    assert re.search(r"^test: check solidity ", MAKEFILE, re.MULTILINE)
    assert (ROOT / ".ci" / "run").read_text().endswith("\nmake test\n")


def test_a_test_without_a_mark_cannot_start_a_program(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchman = pytestconfig.pluginmanager.get_plugin("watchman")
    assert isinstance(watchman, Watchman)
    monkeypatch.setattr(watchman, "refuses", True)
    with pytest.raises(AssertionError, match=r"carries `@pytest\.mark\.programs`"):
        subprocess.run(["true"], check=False)
