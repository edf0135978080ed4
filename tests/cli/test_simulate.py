"""`dps simulate`: traces and models through a simulated grid."""

from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from tests.cli.driver import dps

TRACE = """\
; Version: 2
1 0 -1 100 4 -1 -1 -1 -1 -1 1 1 -1 -1 0 -1 -1 -1
2 1 -1 100 4 -1 -1 -1 -1 -1 1 2 -1 -1 0 -1 -1 -1
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "two.swf"
    path.write_text(TRACE)
    return path


def test_a_trace_runs_through_the_grid_and_its_baselines_in_one_run(trace: Path) -> None:
    answer = dps("simulate", "--trace", trace, "--clusters", "4,4", "--policy", "grid", "--policy", "home", "--json")
    grid, home = answer.json
    assert (grid["policy"], grid["jobs"], grid["mean_slowdown"]) == ("grid", 2, 1.0)
    assert home["mean_slowdown"] == pytest.approx((1 + 199 / 100) / 2)


def test_a_model_makes_the_work_and_equal_seeds_give_equal_numbers() -> None:
    run = ("simulate", "--lublin", "50", "--clusters", "64,2x16", "--load", "0.7", "--users", "5", "--json")
    one, again, other = (dps(*run, "--seed", seed).stdout for seed in ("1", "1", "2"))
    assert one == again != other


def test_the_table_names_each_policy() -> None:
    answer = dps("simulate", "--lublin", "20", "--clusters", "64", "--policy", "pooled", "--policy", "copies")
    assert answer.exit_code == ExitCode.OK
    assert "pooled" in answer.stdout
    assert "copies" in answer.stdout


def test_an_outage_moves_jobs_and_loses_none(trace: Path) -> None:
    answer = dps("simulate", "--trace", trace, "--clusters", "4,4", "--outage", "1@50-60", "--json")
    assert (answer.json[0]["jobs"], answer.json[0]["moves"]) == (2, 1)


def test_backfill_is_what_was_asked_for(tmp_path: Path) -> None:
    # On four CPUs: the second job waits for the first, the third for the second. The last ones are small: both may
    # start around the second, and the longer one (30 s) only where the third (5 s) has no promise.
    jobs = ((0, 10, 2), (1, 10, 3), (2, 5, 4), (3, 30, 1), (4, 5, 1))
    lines = (f"{n} {submit} -1 {run} {cpus} -1 -1 -1 -1 -1 1 1" for n, (submit, run, cpus) in enumerate(jobs))
    path = tmp_path / "five.swf"
    path.write_text("\n".join(lines))
    run = ("simulate", "--trace", path, "--clusters", "4", "--order", "fcfs", "--policy", "grid", "--policy", "home")
    waits = {"none": [0, 9, 18, 22, 21], "easy": [0, 9, 31, 0, 0], "conservative": [0, 9, 18, 22, 0]}
    for backfill, each in waits.items():
        for answer in dps(*run, "--backfill", backfill, "--json").json:
            assert answer["mean_wait_seconds"] == pytest.approx(sum(each) / len(each))


def test_nodes_that_die_move_jobs_and_a_job_without_attempts_left_is_lost() -> None:
    run = ("simulate", "--lublin", "50", "--clusters", "4x16", "--node-mtbf", "3000", "--node-repair", "600", "--json")
    endless, once, again = (dps(*run, *more).json[0] for more in ((), ("--attempts", "1"), ("--attempts", "1")))
    assert (endless["jobs"], endless["lost"]) == (50, 0)
    assert endless["moves"] > 0
    assert once == again
    assert (once["jobs"] + once["lost"], once["moves"]) == (50, 0)
    assert once["lost"] > 0


@pytest.mark.system
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_plot_is_drawn(trace: Path, tmp_path: Path, ending: str) -> None:
    plot = tmp_path / f"grid.{ending}"
    answer = dps("simulate", "--trace", trace, "--clusters", "4", "--plot", plot)
    assert answer.exit_code == ExitCode.OK
    assert plot.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "either --trace or --lublin"),
        (("--lublin", "5", "--clusters", "many"), "'many' is no cluster"),
        (("--lublin", "5", "--outage", "9@1"), "there are clusters 1 to 4"),
        (("--lublin", "5", "--outage", "soon"), "'soon' is no outage"),
        (("--lublin", "5", "--clusters", "99999999999999x4"), "is too large"),
        (("--trace", "/dev/null"), "/dev/null has 0 jobs that ran on at most 256 CPUs"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_its_reason(arguments: tuple[str, ...], complaint: str) -> None:
    answer = dps("simulate", *arguments)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert complaint in answer.stderr


@pytest.mark.parametrize("option", ["--load", "--latency", "--report-age", "--shake", "--overestimate", "--node-mtbf"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_only_finite_numbers_can_be_simulated(option: str, number: str) -> None:
    assert dps("simulate", "--lublin", "5", option, number).exit_code == ExitCode.USAGE


@pytest.mark.system
def test_a_plot_of_an_unknown_kind_is_refused(trace: Path, tmp_path: Path) -> None:
    answer = dps("simulate", "--trace", trace, "--clusters", "4", "--plot", tmp_path / "grid.kind")
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "Format 'kind' is not supported" in answer.stderr
