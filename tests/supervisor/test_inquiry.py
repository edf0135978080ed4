"""What a program of the site is asked, and what its silence means."""

import sys

import pytest

from deepsquare.clusters.port import ClusterError
from deepsquare.supervisor.inquiry import answer_of

pytestmark = pytest.mark.programs


def test_a_program_is_taken_at_its_word() -> None:
    assert answer_of(sys.executable, "-c", "print('here')") == "here\n"


@pytest.mark.parametrize("command", [("/nowhere/apptainer", "--version"), (sys.executable, "-c", "exit(1)")])
def test_no_program_and_one_that_fails_are_no_answer(command: tuple[str, ...]) -> None:
    assert answer_of(*command) is None


def test_a_program_that_does_not_end_in_time_is_asked_again_and_not_taken_for_absent() -> None:
    with pytest.raises(ClusterError, match="has not answered") as silence:
        answer_of("sleep", "600", patience_seconds=0.2)
    assert silence.value.transient
