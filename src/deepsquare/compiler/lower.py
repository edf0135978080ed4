"""Workflow -> plan: every default filled in, every choice made, nothing of bash known."""

from collections.abc import Iterable, Iterator

from deepsquare.compiler.plan import Action, Command, Group, Plan, Variables
from deepsquare.workflow import EnvVar, JobResources, Run, Step, Workflow


def lower(workflow: Workflow) -> Plan:
    """The plan of a workflow that keeps the rules."""
    resources = workflow.resources
    return Plan(
        summary=(
            f"{resources.tasks} tasks, {resources.cpus_per_task} CPUs per task, "
            f"{resources.memory_per_cpu_mb} MB per CPU, {resources.gpus} GPUs"
        ),
        variables=_resource_variables(resources),
        environment=_variables(workflow.env),
        is_logged=workflow.enable_logging,
        actions=_actions(workflow.steps, "steps", resources),
    )


def _resource_variables(resources: JobResources) -> Variables:
    return (
        ("NTASKS", str(resources.tasks)),
        ("CPUS_PER_TASK", str(resources.cpus_per_task)),
        ("MEM_PER_CPU", str(resources.memory_per_cpu_mb)),
        ("GPUS", str(resources.gpus)),
        ("CPUS", str(resources.cpus)),
        ("MEM", str(resources.memory_mb)),
    )


def _variables(env: Iterable[EnvVar]) -> Variables:
    return tuple((variable.key, variable.value) for variable in env)


def _actions(steps: Iterable[Step], path: str, resources: JobResources) -> tuple[Action, ...]:
    return tuple(_action(step, f"{path}[{index}]", resources) for index, step in enumerate(steps))


def _action(step: Step, path: str, resources: JobResources) -> Action:
    if step.run is not None:
        return _command(step.run, step.name, path, resources)
    return Group(path, step.name, _actions(step.steps or (), f"{path}.steps", resources))


def _command(run: Run, name: str | None, path: str, resources: JobResources) -> Command:
    return Command(
        path=path,
        name=name,
        options=tuple(_options(run, name, resources)),
        environment=(*_slurm_variables(run, resources), *_variables(run.env)),
        directory=run.work_dir,
        program=(run.shell, "-c", run.command),
    )


def _slurm_variables(run: Run, job: JobResources) -> Variables:
    """Hides the job's GPUs from a step that asks for none: srun takes `--gpus-per-task=0` for "all of them"."""
    return (("SLURM_STEP_GRES", "none"),) if job.gpus and not run.resources.gpus_per_task else ()


def _options(run: Run, name: str | None, job: JobResources) -> Iterator[str]:
    asked = run.resources
    if name:
        yield f"--job-name={name}"
    yield f"--ntasks={asked.tasks or 1}"
    yield f"--cpus-per-task={asked.cpus_per_task or job.cpus_per_task}"
    yield f"--mem-per-cpu={asked.memory_per_cpu_mb or job.memory_per_cpu_mb}"
    yield f"--gpus-per-task={asked.gpus_per_task or 0}"
    if run.mpi is not None:
        yield f"--mpi={run.mpi}"
    if run.disable_cpu_binding:
        yield "--cpu-bind=none"
