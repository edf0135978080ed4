"""The two doors: a file's text, where unknown keys are warnings, and plain data, where they may be errors."""

from dataclasses import dataclass, field

from deepsquare.workflow.data_reader import read_data
from deepsquare.workflow.decode import Decoder
from deepsquare.workflow.errors import InvalidWorkflow
from deepsquare.workflow.expansion import UsedModules, expand
from deepsquare.workflow.handles import check_handles
from deepsquare.workflow.models import Workflow
from deepsquare.workflow.module_source import Modules
from deepsquare.workflow.placed import PlacedContainer
from deepsquare.workflow.problems import Problem, ProblemList, has_errors
from deepsquare.workflow.rules import check_rules
from deepsquare.workflow.tree import Entries, Node
from deepsquare.workflow.yaml_reader import read_yaml


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a workflow. `workflow` is None exactly where a problem is an error."""

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    source: str
    modules: UsedModules = field(default_factory=dict)
    """The modules that its steps use."""
    containers: tuple[PlacedContainer, ...] = ()
    """The containers that its steps and those of its modules run in; none where it has errors."""

    def require(self) -> Workflow:
        """The workflow; raises `InvalidWorkflow` with every problem where there is none."""
        if self.workflow is None:
            raise InvalidWorkflow(self.problems, self.source)
        return self.workflow


def load(text: str, source: str = "workflow", modules: Modules | None = None) -> Loaded:
    """Read YAML 1.2 or JSON. `source` names the text in messages, usually the file's path.

    `modules` fetches what the workflow's steps use; without it, using a module is an error.
    """
    problems = ProblemList()
    return _finish(read_yaml(text, problems), problems, source, modules, strict=False)


def from_data(data: object, *, strict: bool = True, source: str = "workflow", modules: Modules | None = None) -> Loaded:
    """Read plain data, as decoded from JSON. Problems carry no line. `strict`: unknown keys are errors."""
    problems = ProblemList()
    return _finish(read_data(data, problems), problems, source, modules, strict=strict)


def _finish(node: Node | None, problems: ProblemList, source: str, modules: Modules | None, *, strict: bool) -> Loaded:
    workflow = None
    used: UsedModules = {}
    containers: tuple[PlacedContainer, ...] = ()
    if node is not None:
        decoder = Decoder(problems, strict=strict)
        job = _job(node)
        if job is not node:
            _check_neighbours(node, problems, strict=strict)
        workflow = decoder.record(job, Workflow)
        check_rules(job, decoder.decoded, problems)
        handles = check_handles(job, problems)
        if workflow is not None and not has_errors(problems.sorted()):
            used, containers = expand(workflow, decoder.decoded, handles, modules, problems)
    found = problems.sorted()
    if has_errors(found):
        return Loaded(None, found, source, used)
    return Loaded(workflow, found, source, used, containers)


def _job(node: Node) -> Node:
    """The job itself, which may stand under one `job` key."""
    if isinstance(node, Entries) and "job" in node.entries and not node.entries.keys() & {"resources", "steps"}:
        return node.entries["job"].node
    return node


def _check_neighbours(node: Node, problems: ProblemList, *, strict: bool) -> None:
    """Reports what stands beside the `job` key: nobody reads it."""
    report = problems.error if strict else problems.warning
    for key, entry in node.entries.items() if isinstance(node, Entries) else ():
        if key not in {"job", "$schema"}:
            report((key,), entry.key_position, "this key beside the job is unknown", "does it belong into the job?")
