"""What a user writes: models of the workflow language, loading with located problems, a canonical dump. No I/O.

The way in: a reader (`yaml_reader`, `data_reader`) makes a located tree, `decode` makes models of it by the
shapes that `models` declare, `rules` looks at what concerns several fields. All problems are told at once.
"""

from deepsquare.workflow.dump import dump, to_data
from deepsquare.workflow.errors import InvalidWorkflow, WorkflowError
from deepsquare.workflow.load import Loaded, from_data, load
from deepsquare.workflow.models import EnvVar, JobResources, Run, RunResources, Step, Workflow
from deepsquare.workflow.names import RESERVED_NAMES, RESOURCE_NAMES
from deepsquare.workflow.problems import Problem, Severity

__all__ = [
    "RESERVED_NAMES",
    "RESOURCE_NAMES",
    "EnvVar",
    "InvalidWorkflow",
    "JobResources",
    "Loaded",
    "Problem",
    "Run",
    "RunResources",
    "Severity",
    "Step",
    "Workflow",
    "WorkflowError",
    "dump",
    "from_data",
    "load",
    "to_data",
]
