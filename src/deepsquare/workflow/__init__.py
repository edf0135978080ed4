"""What a user writes: models of the workflow language, loading with located problems, a canonical dump. No I/O."""

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
