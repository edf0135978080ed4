"""What reading a workflow raises.

WorkflowError
└── InvalidWorkflow     the user must change the workflow; `problems` says where and how
"""

from deepsquare.workflow.problems import Problem, Severity


class WorkflowError(Exception):
    """Something about a workflow went wrong."""


class InvalidWorkflow(WorkflowError):
    """A workflow breaks the rules of the language. The message has one line for each problem."""

    def __init__(self, problems: tuple[Problem, ...], source: str) -> None:
        self.problems = problems
        self.source = source
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        super().__init__("\n".join(problem.describe(source) for problem in errors))
