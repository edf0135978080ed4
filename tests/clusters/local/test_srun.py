"""The options of the `srun` of local jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.clusters.local.srun import exported, parse

ENVIRONMENT = {"PATH": "/bin", "HOME": "/root", "SLURM_JOB_ID": "1", "DEEPSQUARE_LOCAL_JOB": "/job"}
OURS = {"SLURM_JOB_ID": "1", "DEEPSQUARE_LOCAL_JOB": "/job"}


def test_options_end_where_the_program_begins() -> None:
    sizes = ["--ntasks=2", "-c", "3", "--mem-per-cpu=100M", "--gpus-per-task=a100:2"]
    rest = ["--job-name", "x", "--mpi=pmix", "--cpu-bind=none"]

    options = parse([*sizes, *rest, "ls", "-n", "7"])

    assert (options.ntasks, options.cpus_per_task, options.gpus_per_task) == (2, 3, 2)
    assert options.program == ["ls", "-n", "7"]


@given(st.lists(st.text(), min_size=1).map(lambda words: ["prog", *words]))
def test_a_programs_own_arguments_are_left_alone(program: list[str]) -> None:
    assert parse(["-n", "2", *program]).program == program


@pytest.mark.parametrize("arguments", [["--nonsense", "ls"], ["-n", "2"], ["-n", "x", "ls"]])
def test_what_makes_no_sense_is_an_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)

    assert "srun" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALL", ENVIRONMENT),
        ("NONE", OURS),
        ("HOME", {**OURS, "HOME": "/root"}),
        ("ALL,HOME=/x,NEW=a=b", {**ENVIRONMENT, "HOME": "/x", "NEW": "a=b"}),
        ("HOME=/x,ALL", {**ENVIRONMENT, "HOME": "/x"}),
    ],
)
def test_export_lets_through_what_it_names(rule: str, expected: dict[str, str]) -> None:
    assert exported(rule, ENVIRONMENT) == expected
