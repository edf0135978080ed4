"""What a step gets and does, seen from inside real runs of real scripts."""

import pytest

from deepsquare.workflow import Run, RunResources, Step
from tests.support.scripts import ScriptSite, command, script_of, script_of_steps, variables

HELLO = """\
enableLogging: true
resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 1024}
steps:
  - name: hello world
    run:
      command: echo "Hello World"
"""


def test_hello_world_prints_its_name_and_its_output(site: ScriptSite) -> None:
    outcome = site.run(script_of(HELLO))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "Running: hello world\nHello World\n", "")


def test_a_step_is_one_srun_with_its_resources_and_its_name(site: ScriptSite) -> None:
    text = """\
resources: {tasks: 4, gpus: 0, cpusPerTask: 2, memPerCpu: 100}
steps:
  - name: all of it
    run:
      command: "true"
      shell: /bin/bash
      resources: {tasks: 3, cpusPerTask: 1, memPerCpu: 50, gpusPerTask: 0}
      mpi: pmix
      disableCpuBinding: true
"""
    (call,) = site.run(script_of(text)).calls
    assert call.program == ["/bin/bash", "-c", "true"]
    assert call.options == {
        "--export": "ALL",
        "--job-name": "all of it",
        "--ntasks": "3",
        "--cpus-per-task": "1",
        "--mem-per-cpu": "50",
        "--gpus-per-task": "0",
        "--mpi": "pmix",
        "--cpu-bind": "none",
    }


def test_a_step_that_says_nothing_is_one_task_with_the_jobs_cpus_and_memory(site: ScriptSite) -> None:
    (call,) = site.run(script_of_steps(command("true"))).calls
    assert call.program == ["/bin/sh", "-c", "true"]
    assert call.options == {
        "--export": "ALL",
        "--ntasks": "1",
        "--cpus-per-task": "2",
        "--mem-per-cpu": "100",
        "--gpus-per-task": "0",
    }


def test_a_step_without_gpus_sees_none_of_the_jobs_gpus(site: ScriptSite) -> None:
    text = """\
resources: {tasks: 2, gpus: 2, cpusPerTask: 1, memPerCpu: 10}
steps:
  - run: {command: 'true'}
  - run: {command: 'true', resources: {gpusPerTask: 2}}
"""
    without, with_gpus = site.run(script_of(text)).calls
    assert without.environment["SLURM_STEP_GRES"] == "none"
    assert "SLURM_STEP_GRES" not in with_gpus.environment
    assert with_gpus.options["--gpus-per-task"] == "2"


def test_every_task_of_a_step_runs_the_command(site: ScriptSite) -> None:
    step = Step(run=Run(command="echo task $SLURM_PROCID", resources=RunResources(tasks=4)))
    outcome = site.run(script_of_steps(step))
    assert sorted(outcome.stdout.splitlines()) == ["task 0", "task 1", "task 2", "task 3"]


def test_steps_and_groups_run_in_the_order_of_the_workflow(site: ScriptSite) -> None:
    group = Step(
        name="group",
        steps=(command("echo b"), Step(steps=(command("echo c"), command("echo d", name="deep")))),
    )
    outcome = site.run(script_of_steps(command("echo a"), group, command("echo e")))
    assert outcome.stdout == "a\nRunning: group\nb\nc\nRunning: deep\nd\ne\n"


@pytest.mark.parametrize("steps", [(), (Step(),), (Step(steps=()),), (Step(name="only a name"),)])
def test_a_job_with_nothing_to_run_succeeds(site: ScriptSite, steps: tuple[Step, ...]) -> None:
    outcome = site.run(script_of_steps(*steps))
    assert (outcome.exit_code, outcome.calls) == (0, [])


def test_the_first_failing_step_ends_the_job_with_its_exit_code(site: ScriptSite) -> None:
    group = Step(steps=(command("exit 7"), command("echo never")))
    outcome = site.run(script_of_steps(command("echo first"), group, command("echo never")))
    assert (outcome.exit_code, outcome.stdout) == (7, "first\n")
    assert outcome.stderr == "deepsquare: steps[1].steps[0] failed with exit code 7\n"


def test_a_step_fails_where_one_of_its_tasks_fails(site: ScriptSite) -> None:
    step = Step(run=Run(command="exit $SLURM_PROCID", resources=RunResources(tasks=3)))
    assert site.run(script_of_steps(step)).exit_code == 2


def test_a_command_that_does_not_exist_fails_the_job(site: ScriptSite) -> None:
    assert site.run(script_of_steps(command("no-such-program-anywhere"))).exit_code == 127


def test_a_step_runs_in_the_scratch_folder_or_in_its_work_dir(site: ScriptSite) -> None:
    outcome = site.run(
        script_of_steps(
            command('[ "$(pwd)" = "$STORAGE_PATH" ] && echo scratch'),
            Step(run=Run(command="pwd", work_dir="/usr/lib")),
        )
    )
    assert outcome.stdout == "scratch\n/usr/lib\n"


def test_a_work_dir_that_does_not_exist_is_told_and_fails_the_step(site: ScriptSite) -> None:
    outcome = site.run(script_of_steps(Step(run=Run(command="true", work_dir="/no/such/folder"))))
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert "steps[0]: the folder /no/such/folder cannot be entered" in outcome.stderr


def test_steps_read_nothing_from_the_jobs_input(site: ScriptSite) -> None:
    assert site.run(script_of_steps(command("wc -c"))).stdout.strip() == "0"


def test_without_logging_only_a_failure_is_told(site: ScriptSite) -> None:
    text = HELLO.replace("enableLogging: true\n", "")
    quiet = site.run(script_of(text))
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    failing = site.run(script_of(text.replace('echo "Hello World"', "echo secret >&2; exit 3")))
    assert (failing.stdout, failing.stderr) == ("", "deepsquare: steps[0] failed with exit code 3\n")


def test_the_resources_of_the_job_are_in_its_environment(site: ScriptSite) -> None:
    names = ("NTASKS", "CPUS_PER_TASK", "MEM_PER_CPU", "GPUS", "CPUS", "MEM")
    (call,) = site.run(script_of_steps(command("true"))).calls
    assert [call.environment[name] for name in names] == ["4", "2", "100", "0", "8", "800"]


def test_the_largest_job_that_can_be_written_has_exact_totals(site: ScriptSite) -> None:
    huge = 2**31 - 1
    text = (
        f"resources: {{tasks: {huge}, gpus: 0, cpusPerTask: {huge}, memPerCpu: {huge}}}\nsteps: [run: {{command: ''}}]"
    )
    (call,) = site.run(script_of(text)).calls
    assert call.environment["MEM"] == str(huge**3)


def test_a_variable_counts_more_the_closer_it_is_to_the_command(site: ScriptSite) -> None:
    show = 'echo "$HOST $JOB $KEPT $NTASKS"'
    job_env = {"HOST": "job", "JOB": "job", "KEPT": "job", "NTASKS": "job"}
    write = "for name in KEPT NTASKS; do echo $name=kept >>$DEEPSQUARE_ENV; done"
    steps = (
        command(show),
        command(write),
        command(show),
        command(show, env={"HOST": "step", "JOB": "step", "KEPT": "step", "NTASKS": "step"}),
        command(show),
    )
    outcome = site.run(script_of_steps(*steps, env=job_env), {"HOST": "host"})
    assert outcome.stdout == "job job job 4\njob job kept 4\nstep step step step\njob job kept 4\n"


def test_the_last_of_two_values_of_one_name_counts(site: ScriptSite) -> None:
    env = (*variables({"A": "first"}), *variables({"A": "last"}))
    assert site.run(script_of_steps(Step(run=Run(command="echo $A", env=env)))).stdout == "last\n"
