"""The public Python API: submit workflows to a grid, follow them, pay for them.

    from pathlib import Path
    from deepsquare.sdk import Client

    with Client() as client:
        job = client.submit(Path("workflow.yaml"), credits=10)
        for piece in job.logs(follow=True):
            print(piece.decode(), end="")
        print(job.wait().status.name, job.cost())

`AsyncClient` is the same for asyncio. Names are loaded when they are used: importing this package is free.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsquare.sdk.admin import AsyncAdmin
    from deepsquare.sdk.bill import Bill
    from deepsquare.sdk.client import AsyncClient
    from deepsquare.sdk.configuration import Configuration, load
    from deepsquare.sdk.draft import Draft, Terms
    from deepsquare.sdk.errors import (
        BadInput,
        Busy,
        ChainUnreachable,
        DeepSquareError,
        GatewayUnreachable,
        InvalidValue,
        InvalidWorkflow,
        KeyProblem,
        NoAllowance,
        NoCredits,
        NoGas,
        NoProvider,
        NotFound,
        NotInTime,
        Refused,
        RefusedByChain,
        RefusedByGateway,
        ScriptDiffers,
        TryAgain,
        Unreachable,
        WrongGrid,
    )
    from deepsquare.sdk.events import JobEvent
    from deepsquare.sdk.job import AsyncJob
    from deepsquare.sdk.sync import Client, JobHandle
    from deepsquare.sdk.sync_admin import Admin

__all__ = [
    "Admin",
    "AsyncAdmin",
    "AsyncClient",
    "AsyncJob",
    "BadInput",
    "Bill",
    "Busy",
    "ChainUnreachable",
    "Client",
    "Configuration",
    "DeepSquareError",
    "Draft",
    "GatewayUnreachable",
    "InvalidValue",
    "InvalidWorkflow",
    "JobEvent",
    "JobHandle",
    "KeyProblem",
    "NoAllowance",
    "NoCredits",
    "NoGas",
    "NoProvider",
    "NotFound",
    "NotInTime",
    "Refused",
    "RefusedByChain",
    "RefusedByGateway",
    "ScriptDiffers",
    "Terms",
    "TryAgain",
    "Unreachable",
    "WrongGrid",
    "load",
]

_MODULES = {
    "Admin": "sync_admin",
    "AsyncAdmin": "admin",
    "AsyncClient": "client",
    "AsyncJob": "job",
    "Bill": "bill",
    "Client": "sync",
    "Configuration": "configuration",
    "Draft": "draft",
    "JobEvent": "events",
    "JobHandle": "sync",
    "Terms": "draft",
    "load": "configuration",
}
"""Where each name lives; what is not here is an error."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
