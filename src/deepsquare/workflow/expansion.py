"""Uses of modules -> the modules themselves: fetched, filled in, read, and checked against their callers.

A module is a template. What is wrong in it is a problem of the step that uses it, whose message names the place in the
module's own file. Modules use modules: the depth, the number and the sum of steps are bounded, and a module that
comes to use itself is refused with the whole way around.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from deepsquare.workflow.decode import Decoded, Decoder
from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.guesses import Guesses
from deepsquare.workflow.handles import check_handles
from deepsquare.workflow.limits import MAX_STEPS, MAX_USES
from deepsquare.workflow.models import JobResources, Workflow
from deepsquare.workflow.module import MinimumResources, Module, ModuleInput, ModuleOutput
from deepsquare.workflow.module_source import MODULE_FILE, FetchedModule, Modules, ModuleSource, ModuleUnavailable
from deepsquare.workflow.placed import PlacedContainer, placed_containers
from deepsquare.workflow.problems import Path, Position, Problem, ProblemList, Severity, format_path
from deepsquare.workflow.rules import check_rules
from deepsquare.workflow.steps import Step, Use
from deepsquare.workflow.template import MAX_WORK, Rendered, TemplateError, render
from deepsquare.workflow.tree import Node, position_at
from deepsquare.workflow.yaml_reader import read_yaml

MAX_MODULE_DEPTH = 8
"""Modules that use each other."""

MAX_ALL_WORK = 2 * MAX_WORK
"""What the templates of all modules of a workflow may take, in the measure of one; it bounds their texts, too."""

_MAX_NAMES = 20
"""Inputs of a module that a hint names."""

_MAX_TOLD = 20
"""Errors of a module that are told where it is used."""

_WORK_OF_A_PROBLEM = 1024
"""What finding one counts for, in the measure of templates."""


@dataclass(frozen=True, slots=True)
class UsedModule:
    """A module as one step uses it: filled in, read and checked."""

    module: Module
    source: ModuleSource
    commit: str

    @property
    def origin(self) -> str:
        """Where exactly it comes from: `host/owner/repo/path@commit`."""
        return f"{self.source.place}@{self.commit}"


UsedModules = Mapping[str, UsedModule]
"""The modules of a workflow by the paths of the steps that use them; those of a module's own steps follow
`steps[0].use.module`."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who uses a module: the workflow, or a module of it."""

    path: Path
    """What stands before the paths of its steps."""
    decoded: Sequence[Decoded]
    handles: Mapping[Path, Collection[str]]
    """The handles that each of its uses sees."""
    chain: tuple[str, ...] = field(default=())
    """The places of the modules around it, the outermost first."""


def expand(
    workflow: Workflow,
    decoded: Sequence[Decoded],
    handles: Mapping[Path, Collection[str]],
    modules: Modules | None,
    problems: ProblemList,
) -> tuple[UsedModules, tuple[PlacedContainer, ...]]:
    """The modules that a good workflow uses, and its containers with theirs. Problems go to the steps that use them."""
    expansion = _Expansion(workflow, modules)
    containers = placed_containers(decoded)
    for each in _uses(decoded):
        used = expansion.use(each, _Caller((), decoded, handles))
        problems.extend(used.problems)
        containers += used.containers
    return expansion.found, tuple(containers)


def check_module(
    text: str, file: str, arguments: Mapping[str, str], modules: Modules | None = None
) -> tuple[Module | None, tuple[Problem, ...]]:
    """A module as a job with what it needs would use it, and all problems, located in its text.

    `arguments` are the caller's; the steps that it gives are one without a command.
    """
    args = tuple(EnvVar(key=key, value=value) for key, value in arguments.items())
    step = Step(name="caller", use=Use(source="host/owner/repo", args=args, steps=(Step(name="given"),)))
    small = JobResources(tasks=1, cpus_per_task=1, memory_per_cpu_mb=1, gpus=0)
    module = ModuleReading(text, file, Workflow(resources=small, steps=(step,)), step).read_leniently()
    needs = (module and module.minimum_resources) or MinimumResources()
    enough = JobResources(
        tasks=max(1, needs.tasks),
        cpus_per_task=max(1, needs.cpus_per_task),
        memory_per_cpu_mb=max(1, needs.memory_per_cpu_mb),
        gpus=needs.gpus,
    )
    workflow = Workflow(resources=enough, steps=(step,))
    reading = ModuleReading(text, file, workflow, step)
    module = reading.read()
    problems = list(reading.problems)
    if module is not None:
        expansion = _Expansion(workflow, modules)
        caller = _Caller((), reading.decoded, reading.handles)
        for each in _uses(reading.decoded):
            problems += map(reading.located, expansion.use(each, caller).problems)
    return module, tuple(problems)


def _uses(decoded: Sequence[Decoded]) -> list[Decoded]:
    """The steps that use a module. Steps that are given to a module are the module's."""
    return [
        each
        for each in decoded
        if isinstance(each.record, Step) and each.record.use is not None and "use" not in each.path
    ]


class _Expansion:
    def __init__(self, workflow: Workflow, modules: Modules | None) -> None:
        self.found: dict[str, UsedModule] = {}
        self._workflow = workflow
        self._modules = modules
        self._guesses = Guesses()
        self._fetched: dict[ModuleSource, FetchedModule | ModuleUnavailable] = {}
        self._steps = 0
        self._uses = 0
        self._work = 0

    def use(self, each: Decoded, caller: _Caller) -> "_Use":
        """Expands one use, and what the module itself uses."""
        assert isinstance(each.record, Step)  # noqa: S101  (see `_uses`)
        assert each.record.use is not None  # noqa: S101
        at = _Use(each, each.record, each.record.use, caller)
        self._uses += 1
        if self._uses > MAX_USES:
            if self._uses == MAX_USES + 1:
                at.error("source", f"a workflow may use {MAX_USES} modules, not more; modules of modules count")
            return at
        source = ModuleSource.parse(at.use.source)
        chain = (*caller.chain, source.place)
        if source.place in caller.chain:
            at.error("source", f"modules use each other in a circle: {' -> '.join(chain)}")
        elif len(chain) > MAX_MODULE_DEPTH:
            message = f"modules may use each other {MAX_MODULE_DEPTH} deep, not deeper: {' -> '.join(chain)}"
            at.error("source", message)
        else:
            self._expand(at, source, chain)
        return at

    def _expand(self, at: "_Use", source: ModuleSource, chain: tuple[str, ...]) -> None:
        if self._work > MAX_ALL_WORK:
            at.error("source", "the modules of this workflow are more text and work than modules may be in all")
            return
        fetched = self._fetch(source)
        if isinstance(fetched, ModuleUnavailable):
            at.error("source", f"this module cannot be had: {fetched.message}", fetched.hint)
            return
        reading = ModuleReading(fetched.text, f"{source.place}/{MODULE_FILE}", self._workflow, at.step)
        module = reading.read(at.handles)
        self._work += reading.work + _WORK_OF_A_PROBLEM * len(reading.problems)
        at.pass_on(reading)
        if module is None:
            return
        at.check_arguments(module, self._guesses)
        at.check_resources(module.minimum_resources, self._workflow)
        self._steps += sum(isinstance(each.record, Step) for each in reading.decoded)
        if self._steps > MAX_STEPS:
            at.error("source", f"a workflow may have {MAX_STEPS} steps, not more; those of its modules count")
            return
        self.found[format_path(at.path)] = UsedModule(module, source, fetched.commit)
        containers = placed_containers(reading.decoded)
        inner = _Caller((*at.path, "use", "module"), reading.decoded, reading.handles, chain)
        for each in _uses(reading.decoded):
            used = self.use(each, inner)
            at.problems += (at.told(problem, reading) for problem in used.problems)
            containers += used.containers
        at.containers += (placed.told_by(partial(at.told, reading=reading)) for placed in containers)

    def _fetch(self, source: ModuleSource) -> FetchedModule | ModuleUnavailable:
        """Each source once, so that all uses of it in a workflow get the same commit."""
        if source not in self._fetched:
            try:
                if self._modules is None:
                    raise ModuleUnavailable("modules are not fetched here")  # noqa: TRY301
                self._fetched[source] = self._modules.fetch(source)
            except ModuleUnavailable as error:
                self._fetched[source] = error
        return self._fetched[source]


class _Use:
    """One step that uses a module: what is wrong about it and which containers it brings, both placed at the use."""

    def __init__(self, each: Decoded, step: Step, use: Use, caller: _Caller) -> None:
        self.step = step
        self.use = use
        self.path: Path = (*caller.path, *each.path)
        self.handles = caller.handles.get(each.path, frozenset())
        self.problems: list[Problem] = []
        self.containers: list[PlacedContainer] = []
        self._own_path: Path = each.path
        self._node = each.node.entries["use"].node

    def error(self, key: str, message: str, hint: str = "") -> None:
        self._report(Severity.ERROR, (key,), message, hint)

    def add(self, message: str, problem: Problem) -> None:
        """Takes over a problem of the module."""
        self._report(problem.severity, ("source",), message, problem.hint)

    def told(self, problem: Problem, reading: "ModuleReading") -> Problem:
        """A problem of what the module is filled in to, as one of the use."""
        message = reading.describe(reading.located(problem))
        return self._problem(problem.severity, ("source",), message, problem.hint)

    def pass_on(self, reading: "ModuleReading") -> None:
        """The module's errors are the caller's; its warnings are for who wrote it."""
        errors = [problem for problem in reading.problems if problem.severity is Severity.ERROR]
        for problem in errors[:_MAX_TOLD]:
            self.add(reading.describe(problem), problem)
        if len(errors) > _MAX_TOLD:
            message = f"the module has {len(errors) - _MAX_TOLD} more errors"
            self.error("source", message, "dps module validate tells all of them")

    def check_arguments(self, module: Module, guesses: Guesses) -> None:
        """Reports arguments that the module does not ask for, and missing ones."""
        inputs = {each.key: each for each in module.inputs}
        for index, argument in enumerate(self.use.args):
            if argument.key not in inputs:
                meant = guesses.nearest(argument.key, inputs)
                hint = f"did you mean {meant}?" if meant else f"it asks for {_listed(inputs)}"
                message = "the module asks for nothing of this name"
                self._report(Severity.ERROR, ("args", index, "key"), message, hint)
        given = {argument.key for argument in self.use.args}
        for each in module.inputs:
            if each.default is None and each.key not in given:
                message = f"the module asks for {each.key}, which is not given; it will be empty"
                self._report(Severity.WARNING, ("args",), message, "give it a value, which may be an empty one")
        if self.use.export_env_as is not None and not module.outputs:
            self._report(Severity.WARNING, ("exportEnvAs",), "this has no effect: the module has no outputs", "")

    def check_resources(self, least: MinimumResources | None, workflow: Workflow) -> None:
        """Reports what the job has less of than the module needs."""
        has = workflow.resources
        needs = least or MinimumResources()
        for key, needed, had in (
            ("tasks", needs.tasks, has.tasks),
            ("cpusPerTask", needs.cpus_per_task, has.cpus_per_task),
            ("memPerCpu", needs.memory_per_cpu_mb, has.memory_per_cpu_mb),
            ("gpus", needs.gpus, has.gpus),
        ):
            if had < needed:
                message = f"the module needs a job with {key} of at least {needed}, and this one has {had}"
                self.error("source", message, f"raise resources.{key}")

    def _report(self, severity: Severity, keys: Path, message: str, hint: str) -> None:
        self.problems.append(self._problem(severity, keys, message, hint))

    def _problem(self, severity: Severity, keys: Path, message: str, hint: str) -> Problem:
        path = (*self._own_path, "use", *keys)
        position = position_at(self._node, keys)
        line, column = (None, None) if position is None else (position.line, position.column)
        return Problem(severity, format_path(path), line, column, message, hint)


class ModuleReading:
    """One reading of a module's text for one step: `file` is what messages call it."""

    def __init__(self, text: str, file: str, workflow: Workflow, step: Step) -> None:
        self.problems: tuple[Problem, ...] = ()
        """Located in the module's text."""
        self.decoded: Sequence[Decoded] = ()
        self.handles: Mapping[Path, Collection[str]] = {}
        self._text = text
        self._rendered: Rendered | None = None
        self._file = file
        self._workflow = workflow
        self._step = step

    def read(self, caller_handles: Collection[str] = frozenset()) -> Module | None:
        """The module, or None where it has errors."""
        found = ProblemList()
        try:
            rendered = render(self._text, {"Job": self._workflow, "Step": self._step})
        except TemplateError as error:
            found.error((), error.position, error.message, error.hint)
            self.problems = found.sorted()
            return None
        module = self._decode(rendered, found, caller_handles)
        self._rendered = rendered
        self.problems = tuple(map(self.located, found.sorted()))
        return None if any(problem.severity is Severity.ERROR for problem in self.problems) else module

    def _decode(self, rendered: Rendered, found: ProblemList, caller_handles: Collection[str]) -> Module | None:
        node = read_yaml(rendered.text, found)
        if node is None:
            return None
        decoder = Decoder(found, strict=False)
        module = decoder.record(node, Module)
        check_rules(node, decoder.decoded, found, caller=self._workflow)
        self.handles = check_handles(node, found, caller_handles)
        self.decoded = decoder.decoded
        if module is not None:
            _check_names(module, node, found)
        return module

    @property
    def work(self) -> int:
        """What filling in the template has taken; all that it may where it failed."""
        return MAX_WORK if self._rendered is None else self._rendered.work

    def read_leniently(self) -> Module | None:
        """The module even where its steps ask for more than the job has; None where nothing can be read."""
        self.read()
        return next((each.record for each in self.decoded if isinstance(each.record, Module)), None)

    def located(self, problem: Problem) -> Problem:
        """The problem of a place in the filled-in text, where the template says what it is about."""
        if self._rendered is None or problem.line is None or problem.column is None:
            return problem
        origin = self._rendered.origin(Position(problem.line, problem.column))
        return Problem(problem.severity, problem.path, origin.line, origin.column, problem.message, problem.hint)

    def describe(self, problem: Problem) -> str:
        """The problem in the words of the caller: `host/owner/repo/module.yaml:3:5: steps[0].run: message`."""
        place = self._file if problem.line is None else f"{self._file}:{problem.line}:{problem.column}"
        return f"{place}: {problem.path}: {problem.message}" if problem.path else f"{place}: {problem.message}"


def _listed(names: Collection[str]) -> str:
    told = [*islice(names, _MAX_NAMES), *(["others"] if len(names) > _MAX_NAMES else [])]
    return ", ".join(told) or "nothing"


def _check_names(module: Module, node: Node, problems: ProblemList) -> None:
    """Reports inputs and outputs that stand there twice, and what has no description."""
    if module.description is None:
        problems.warning(("description",), node.position, "a description is missing", "say what the module does")
    lists: dict[str, Sequence[ModuleInput | ModuleOutput]] = {"inputs": module.inputs, "outputs": module.outputs}
    for key, entries in lists.items():
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            place = position_at(node, (key, index))
            if entry.key in seen:
                problems.error((key, index, "key"), place, "this name stands here already", "choose another one")
            if entry.description is None:
                problems.warning((key, index), place, "a description is missing", "say what it is")
            seen.add(entry.key)
