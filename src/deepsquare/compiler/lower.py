"""Workflow -> plan: every default filled in, every choice made, nothing of bash known."""

from collections.abc import Iterable, Iterator

from deepsquare.compiler.plan import (
    Action,
    Call,
    Command,
    Items,
    Launch,
    Loop,
    Network,
    Numbers,
    Plan,
    Scope,
    Step,
    Variables,
)
from deepsquare.workflow import EnvVar, For, JobResources, Loaded, Run, Use, UsedModules, Workflow, from_data, to_data
from deepsquare.workflow import Step as WrittenStep


def lower(subject: Loaded | Workflow) -> Plan:
    """The plan of a workflow: as it was loaded, with its modules, or as it was built in Python.

    Raises `deepsquare.workflow.InvalidWorkflow` where it breaks the language's rules.
    """
    loaded = subject if isinstance(subject, Loaded) else from_data(to_data(subject))
    return _plan(loaded.require(), loaded.modules)


def _plan(workflow: Workflow, modules: UsedModules) -> Plan:
    resources = workflow.resources
    return Plan(
        summary=(
            f"{resources.tasks} tasks, {resources.cpus_per_task} CPUs per task, "
            f"{resources.memory_per_cpu_mb} MB per CPU, {resources.gpus} GPUs"
        ),
        resources=resources,
        variables=_resource_variables(resources),
        environment=_variables(workflow.env),
        is_logged=workflow.enable_logging,
        body=_Lowering(resources, modules).scope(workflow.steps, "steps"),
        modules=tuple(sorted({module.origin for module in modules.values()})),
        networks=workflow.virtual_networks,
        fetched=workflow.input,
        fetched_mode=workflow.input_mode,
        sent=workflow.output,
        is_sent_continuously=workflow.continuous_output_sync,
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


class _Lowering:
    """Lowers the steps of one job."""

    def __init__(self, resources: JobResources, modules: UsedModules) -> None:
        self._resources = resources
        self._modules = modules

    def scope(self, steps: Iterable[WrittenStep], path: str) -> Scope:
        return Scope(path, tuple(self._step(step, f"{path}[{index}]") for index, step in enumerate(steps)))

    def _step(self, step: WrittenStep, path: str) -> Step:
        return Step(
            path=path,
            name=step.name,
            awaits=tuple(handle.lower() for handle in step.depends_on),
            condition=(step.condition or "").strip() or None,
            action=self._action(step, path),
            catch=self.scope(step.catch, f"{path}.catch") if step.catch else None,
            conclusion=self.scope(step.conclusion, f"{path}.finally") if step.conclusion else None,
        )

    def _action(self, step: WrittenStep, path: str) -> Action | None:
        if step.run is not None:
            return self._command(step.run, step.name, path)
        if step.loop is not None:
            body = self.scope(step.loop.steps, f"{path}.for.steps")
            return Loop(_values(step.loop), is_parallel=step.loop.parallel, body=body)
        if step.launch is not None:
            handle = step.launch.handle_name
            body = self.scope(step.launch.steps, f"{path}.launch.steps")
            return Launch(handle.lower() if handle else None, step.launch.signal_on_parent_step_exit, body)
        if step.use is not None:
            return self._call(step.use, path)
        return self.scope(step.steps, f"{path}.steps") if step.steps else None

    def _call(self, use: Use, path: str) -> Call:
        module = self._modules[path].module
        given = {argument.key: argument.value for argument in use.args}
        prefix = use.export_env_as
        return Call(
            arguments=tuple((each.key, given.get(each.key, each.default or "")) for each in module.inputs),
            exports=tuple((each.key, f"{prefix}_{each.key}") for each in module.outputs if prefix is not None),
            body=self.scope(module.steps, f"{path}.use.module.steps"),
        )

    def _command(self, run: Run, name: str | None, path: str) -> Command:
        return Command(
            path=path,
            options=tuple(_options(run, name, self._resources)),
            environment=(*_slurm_variables(run, self._resources), *_variables(run.env)),
            directory=run.work_dir,
            shell=None if _is_images_own(run) else run.shell,
            text=run.command,
            container=run.container,
            gpus_per_task=run.resources.gpus_per_task or 0,
            network=Network(run.network, run.dns, run.interfaces, run.map_uid, run.map_gid),
        )


def _is_images_own(run: Run) -> bool:
    """Whether the container's image says what runs."""
    return run.container is not None and (run.shell == "ENTRYPOINT" or not run.command)


def _values(loop: For) -> Items | Numbers:
    if loop.range is not None:
        return Numbers(loop.range.begin, loop.range.end, loop.range.increment)
    return Items(loop.items or ())


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
