"""The ledger: typed calls to the grid's contracts, the transaction sender, the event reader, the embedded node.

Names are loaded when first used (PEP 562), so that a command which needs one of them pays for that one.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsquare.chain.admin import AdminAccount, Setting
    from deepsquare.chain.customer import CustomerAccount
    from deepsquare.chain.deploy_journal import DeployJournal
    from deepsquare.chain.deployment import DeployCost, Deployment, Supply, deploy, verified
    from deepsquare.chain.errors import (
        CannotDeploy,
        ChainError,
        ChainUnreachable,
        ContractRefused,
        InsufficientGasFunds,
        InvalidGridFile,
        InvalidKey,
        InvalidSignature,
        InvalidValue,
        NoContract,
        NonceUsed,
        OutcomeUnknown,
        RpcError,
        UnknownJob,
        WrongChain,
    )
    from deepsquare.chain.events import (
        GridEvent,
        JobAssigned,
        JobCancelRequested,
        JobChanged,
        JobEvent,
        JobRequested,
        JobReturned,
        JobSettled,
        JobToppedUp,
        ProviderChange,
        ProviderChanged,
    )
    from deepsquare.chain.governance import Ownership, Role, has_role, ownership, role_holders
    from deepsquare.chain.grid import Block, GridAddress, GridSettings
    from deepsquare.chain.gridfile import GridFile, load_grid, write_grid
    from deepsquare.chain.hearsay import job_after
    from deepsquare.chain.http_rpc import HttpRpc
    from deepsquare.chain.ledger import Ledger
    from deepsquare.chain.permit import Permit
    from deepsquare.chain.provider import ProviderAccount, Report
    from deepsquare.chain.reader import EventPage, EventReader
    from deepsquare.chain.receipt import Receipt
    from deepsquare.chain.rpc import Rpc
    from deepsquare.chain.scheduler import SchedulerAccount
    from deepsquare.chain.sender import Sender, SenderSettings
    from deepsquare.chain.signer import Signer

__all__ = [
    "AdminAccount",
    "Block",
    "CannotDeploy",
    "ChainError",
    "ChainUnreachable",
    "ContractRefused",
    "CustomerAccount",
    "DeployCost",
    "DeployJournal",
    "Deployment",
    "EventPage",
    "EventReader",
    "GridAddress",
    "GridEvent",
    "GridFile",
    "GridSettings",
    "HttpRpc",
    "InsufficientGasFunds",
    "InvalidGridFile",
    "InvalidKey",
    "InvalidSignature",
    "InvalidValue",
    "JobAssigned",
    "JobCancelRequested",
    "JobChanged",
    "JobEvent",
    "JobRequested",
    "JobReturned",
    "JobSettled",
    "JobToppedUp",
    "Ledger",
    "NoContract",
    "NonceUsed",
    "OutcomeUnknown",
    "Ownership",
    "Permit",
    "ProviderAccount",
    "ProviderChange",
    "ProviderChanged",
    "Receipt",
    "Report",
    "Role",
    "Rpc",
    "RpcError",
    "SchedulerAccount",
    "Sender",
    "SenderSettings",
    "Setting",
    "Signer",
    "Supply",
    "UnknownJob",
    "WrongChain",
    "deploy",
    "has_role",
    "job_after",
    "load_grid",
    "ownership",
    "role_holders",
    "verified",
    "write_grid",
]

_HOMES = {
    "admin": ("AdminAccount", "Setting"),
    "customer": ("CustomerAccount",),
    "deploy_journal": ("DeployJournal",),
    "deployment": ("DeployCost", "Deployment", "Supply", "deploy", "verified"),
    "errors": (
        "CannotDeploy",
        "ChainError",
        "ChainUnreachable",
        "ContractRefused",
        "InsufficientGasFunds",
        "InvalidGridFile",
        "InvalidKey",
        "InvalidSignature",
        "InvalidValue",
        "NoContract",
        "NonceUsed",
        "OutcomeUnknown",
        "RpcError",
        "UnknownJob",
        "WrongChain",
    ),
    "events": (
        "GridEvent",
        "JobAssigned",
        "JobCancelRequested",
        "JobChanged",
        "JobEvent",
        "JobRequested",
        "JobReturned",
        "JobSettled",
        "JobToppedUp",
        "ProviderChange",
        "ProviderChanged",
    ),
    "governance": ("Ownership", "Role", "has_role", "ownership", "role_holders"),
    "grid": ("Block", "GridAddress", "GridSettings"),
    "gridfile": ("GridFile", "load_grid", "write_grid"),
    "hearsay": ("job_after",),
    "http_rpc": ("HttpRpc",),
    "ledger": ("Ledger",),
    "permit": ("Permit",),
    "provider": ("ProviderAccount", "Report"),
    "reader": ("EventPage", "EventReader"),
    "receipt": ("Receipt",),
    "rpc": ("Rpc",),
    "scheduler": ("SchedulerAccount",),
    "sender": ("Sender", "SenderSettings"),
    "signer": ("Signer",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
