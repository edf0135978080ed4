"""Compiled scripts on a real Slurm: what a stand-in for srun cannot promise."""

from pathlib import Path

import pytest

from deepsquare.workflow import Run, RunResources, Step
from tests.support.scripts import command, script_of, script_of_steps
from tests.support.slurm import GPUS_OF_FIRST_NODE, SlurmLab
from tests.support.slurm_scripts import RESOURCES, Slurm
from tests.support.texts import ATTACKS

pytestmark = pytest.mark.system


def test_every_task_of_every_step_gets_all_variables_intact(slurm: Slurm) -> None:
    value = "a,b=\"c\" 'd' $(e) %n\nnext line, é"
    write = command("printf 'KEPT<<END\\n%s\\nEND\\n' \"$JOB\" >>$DEEPSQUARE_ENV", name="write, and tell")
    show = Step(run=Run(command='[ "$JOB" = "$KEPT" ] && echo "$SLURM_PROCID $KEPT"', resources=RunResources(tasks=2)))
    exit_code, output = slurm.run(script_of_steps(write, show, env={"JOB": value}))
    assert exit_code == 0
    assert sorted(output.splitlines()) == sorted(
        ["Running: write, and tell", *f"0 {value}".splitlines(), *f"1 {value}".splitlines()]
    )
    assert list(slurm.shared.glob("job-*")) == []


def test_volumes_of_every_node_are_made(slurm: Slurm) -> None:
    step = Step(
        run=Run(command='[ -d "$DEEPSQUARE_DISK_TMP" ] && echo "$SLURMD_NODENAME"', resources=RunResources(tasks=2))
    )
    exit_code, output = slurm.run(script_of_steps(step), [*RESOURCES, "--nodes=2"])
    assert (exit_code, len(set(output.splitlines()))) == (0, 2)


def test_the_exit_code_of_a_failing_step_is_the_jobs(slurm: Slurm) -> None:
    exit_code, output = slurm.run(script_of_steps(command("exit 7"), command("echo never")))
    assert exit_code == 7
    assert "deepsquare: steps[0] failed with exit code 7" in output
    assert "never" not in output


def test_a_step_without_gpus_sees_none(slurm: Slurm) -> None:
    text = f"""\
enableLogging: true
resources: {{tasks: 1, cpusPerTask: 1, memPerCpu: 50, gpus: {GPUS_OF_FIRST_NODE}}}
steps:
  - run: {{command: 'echo "without [$CUDA_VISIBLE_DEVICES]"'}}
  - run: {{command: 'echo "with [$CUDA_VISIBLE_DEVICES]"', resources: {{gpusPerTask: 1}}}}
"""
    options = ["--ntasks=1", "--cpus-per-task=1", "--mem-per-cpu=50M", f"--gpus={GPUS_OF_FIRST_NODE}"]
    assert slurm.run(script_of(text), options) == (0, "without []\nwith [0]\n")


def test_a_cancelled_job_ends_its_step_runs_no_other_and_leaves_nothing(
    slurm: Slurm, lab: SlurmLab, tmp_path: Path
) -> None:
    started, second = tmp_path / "started", tmp_path / "second"
    steps = (
        command(f">{started}; sleep 1000"),
        command(f">{second}"),
    )
    job = slurm.submit(script_of_steps(*steps))
    lab.wait_until(started.exists, "the step runs")
    lab.run("scancel", job)
    slurm.exit_code(job)  # 0 or not: Slurm may forget that of a cancelled job
    lab.wait_until(lambda: list(slurm.shared.glob("job-*")) == [], "the scratch folder is removed")
    assert "deepsquare: steps[0] was stopped" in slurm.output()
    assert not second.exists()


def test_no_text_of_a_workflow_is_an_option_or_a_fault_to_sbatch(slurm: Slurm) -> None:
    texts = [*ATTACKS, "#SBATCH hetjob\n#SBATCH --uid=0"]
    steps = [Step(name=text, run=Run(command=f"printf %s {index}", env=())) for index, text in enumerate(texts)]
    exit_code, output = slurm.run(script_of_steps(*steps[-3:], env={f"V{i}": text for i, text in enumerate(texts)}))
    assert exit_code == 0
    assert output.endswith(str(len(texts) - 1))


def test_loops_launched_steps_and_traps_run_as_steps_of_slurm(slurm: Slurm) -> None:
    text = """\
enableLogging: true
resources: {tasks: 4, cpusPerTask: 1, memPerCpu: 50, gpus: 0}
steps:
  - launch:
      steps:
        - run:
              shell: /bin/bash
              command: "trap 'echo server got TERM; kill $!; exit 3' TERM; : > up; while :; do sleep 1000 & wait; done"
          finally: [run: {command: echo server tidied}]
  - run: {command: 'until [ -e up ]; do sleep 0.1; done'}
  - for:
      parallel: true
      range: {begin: 1, end: 3}
      steps:
        - run: {command: 'echo $index > part-$index'}
  - run: {command: cat part-1 part-2 part-3}
  - launch: {handleName: failing, steps: [run: {command: exit 6}]}
  - dependsOn: [failing]
    run: {command: echo never}
    catch: [run: {command: echo caught $DEEPSQUARE_ERROR_CODE}]
    finally: [run: {command: echo finally $DEEPSQUARE_ERROR_CODE}]
"""
    options = ["--ntasks=4", "--cpus-per-task=1", "--mem-per-cpu=50M"]
    exit_code, output = slurm.run(script_of(text), options)
    assert [line for line in output.splitlines() if not line.startswith(("deepsquare: ", "slurmstepd"))] == [
        "1",
        "2",
        "3",
        "caught 6",
        "finally 0",
        "server got TERM",
        "server tidied",
    ]
    assert exit_code == 0


def test_an_iteration_that_fails_ends_the_others_on_slurm(slurm: Slurm) -> None:
    text = """\
enableLogging: true
resources: {tasks: 2, cpusPerTask: 1, memPerCpu: 50, gpus: 0}
steps:
  - for:
      parallel: true
      items: [good, bad]
      steps:
        - run:
            command: |
              if [ $item = bad ]; then until [ -e up ]; do sleep 0.1; done; exit 5; fi
              : > up
              exec sleep 1000
"""
    exit_code, output = slurm.run(script_of(text), ["--ntasks=2", "--cpus-per-task=1", "--mem-per-cpu=50M"])
    assert exit_code == 5, output
    assert list(slurm.shared.glob("job-*")) == []


def test_a_cancelled_job_runs_its_finally_blocks_once(slurm: Slurm, lab: SlurmLab, tmp_path: Path) -> None:
    started, trace = tmp_path / "started", tmp_path / "trace"
    text = f"""\
resources: {{tasks: 2, cpusPerTask: 1, memPerCpu: 50, gpus: 0}}
steps:
  - launch:
      steps:
        - run: {{command: sleep 1000}}
          finally: [run: {{command: 'echo launched >>{trace}'}}]
  - run: {{command: '>{started}; sleep 1000'}}
    finally:
      - run: {{command: 'echo inner $DEEPSQUARE_ERROR_CODE >>{trace}'}}
      - run: {{command: 'echo again >>{trace}'}}
  - run: {{command: 'echo never >>{trace}'}}
"""
    job = slurm.submit(script_of(text), ["--ntasks=2", "--cpus-per-task=1", "--mem-per-cpu=50M"])
    lab.wait_until(started.exists, "the step runs")
    lab.run("scancel", job)
    slurm.exit_code(job)
    lab.wait_until(lambda: list(slurm.shared.glob("job-*")) == [], "the scratch folder is removed")
    assert [line for line in trace.read_text().splitlines() if line != "launched"] == ["inner 143", "again"]
    assert trace.read_text().count("launched") == 1
