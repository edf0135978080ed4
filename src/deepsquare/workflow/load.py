"""The two doors: a file's text, where unknown keys are warnings, and plain data, where they may be errors."""

from dataclasses import dataclass

from deepsquare.workflow.data_reader import read_data
from deepsquare.workflow.decode import Decoder
from deepsquare.workflow.errors import InvalidWorkflow
from deepsquare.workflow.handles import check_handles
from deepsquare.workflow.models import Workflow
from deepsquare.workflow.problems import Problem, ProblemList, has_errors
from deepsquare.workflow.rules import check_rules
from deepsquare.workflow.tree import Entries, Node


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a workflow. `workflow` is None exactly where a problem is an error."""

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    source: str

    def require(self) -> Workflow:
        """The workflow; raises `InvalidWorkflow` with every problem where there is none."""
        if self.workflow is None:
            raise InvalidWorkflow(self.problems, self.source)
        return self.workflow


def load(text: str, source: str = "workflow") -> Loaded:
    """Read YAML 1.2 or JSON. `source` names the text in messages, usually the file's path."""
    from deepsquare.workflow.yaml_reader import read_yaml  # noqa: PLC0415  (importing the parser takes 0.1 s)

    problems = ProblemList()
    return _finish(read_yaml(text, problems), problems, source, strict=False)


def from_data(data: object, *, strict: bool = True, source: str = "workflow") -> Loaded:
    """Read plain data, as decoded from JSON. Problems carry no line. `strict`: unknown keys are errors."""
    problems = ProblemList()
    return _finish(read_data(data, problems), problems, source, strict=strict)


def _finish(node: Node | None, problems: ProblemList, source: str, *, strict: bool) -> Loaded:
    workflow = None
    if node is not None:
        decoder = Decoder(problems, strict=strict)
        job = _job(node)
        workflow = decoder.record(job, Workflow)
        check_rules(job, decoder.decoded, problems)
        check_handles(job, problems)
    found = problems.sorted()
    return Loaded(None if has_errors(found) else workflow, found, source)


def _job(node: Node) -> Node:
    """The job itself, which may stand under one `job` key."""
    if isinstance(node, Entries) and "job" in node.entries and not node.entries.keys() & {"resources", "steps"}:
        return node.entries["job"].node
    return node
