"""What a user writes: models of the workflow language, loading with located problems, a canonical dump. No I/O.

The way in: a reader (`yaml_reader`, `data_reader`) makes a located tree, `decode` makes models of it by the
shapes that `models` declare, `rules` looks at what concerns several fields. All problems are told at once.
"""

from deepsquare.workflow.commands import Run, RunResources, arguments_of
from deepsquare.workflow.containers import Container, Mount, uses_apptainer
from deepsquare.workflow.dump import dump, to_data
from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.errors import InvalidWorkflow, WorkflowError
from deepsquare.workflow.expansion import UsedModule, UsedModules, check_module
from deepsquare.workflow.image_names import ImageName, name_of_image, split_registry
from deepsquare.workflow.load import Loaded, from_data, load
from deepsquare.workflow.models import JobResources, Workflow
from deepsquare.workflow.module import MinimumResources, Module, ModuleInput, ModuleOutput
from deepsquare.workflow.module_source import FetchedModule, Modules, ModuleSource, ModuleUnavailable
from deepsquare.workflow.names import RESERVED_NAMES, RESOURCE_NAMES
from deepsquare.workflow.networks import (
    Bore,
    NetworkInterface,
    NetworkMember,
    VirtualNetwork,
    Wireguard,
    WireguardPeer,
)
from deepsquare.workflow.placed import PlacedContainer
from deepsquare.workflow.problems import Problem, Severity, by_place
from deepsquare.workflow.steps import For, Launch, Range, Step, Use
from deepsquare.workflow.transports import HttpData, S3Data, Transport

__all__ = [
    "RESERVED_NAMES",
    "RESOURCE_NAMES",
    "Bore",
    "Container",
    "EnvVar",
    "FetchedModule",
    "For",
    "HttpData",
    "ImageName",
    "InvalidWorkflow",
    "JobResources",
    "Launch",
    "Loaded",
    "MinimumResources",
    "Module",
    "ModuleInput",
    "ModuleOutput",
    "ModuleSource",
    "ModuleUnavailable",
    "Modules",
    "Mount",
    "NetworkInterface",
    "NetworkMember",
    "PlacedContainer",
    "Problem",
    "Range",
    "Run",
    "RunResources",
    "S3Data",
    "Severity",
    "Step",
    "Transport",
    "Use",
    "UsedModule",
    "UsedModules",
    "VirtualNetwork",
    "Wireguard",
    "WireguardPeer",
    "Workflow",
    "WorkflowError",
    "arguments_of",
    "by_place",
    "check_module",
    "dump",
    "from_data",
    "load",
    "name_of_image",
    "split_registry",
    "to_data",
    "uses_apptainer",
]
