"""Why a contract said no, and what to do next.

One pair per custom error of our contracts and of the libraries below them; a test fails when one is
missing here or in docs/chain.md.
"""

import re
import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from deepsquare.chain import abi, codec
from deepsquare.chain.errors import ContractRefused, RpcError
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.texts import one_line
from deepsquare.model import JobStatus, format_credits

_ERROR, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")
"""Solidity's own `Error(string)` and `Panic(uint256)`."""

REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    # who may do it
    "CustomerOnly": (
        "only the job's customer {expected:account} may do this, not {current:account}",
        "name the customer's wallet with --keystore",
    ),
    "JobProviderOnly": (
        "only the job's provider {expected:account} may do this, not {current:account}",
        "use that provider's key",
    ),
    "CustomerMetaSchedulerProviderOnly": (
        "only the job's customer, its provider or a scheduler may do this",
        "name its customer's wallet with --keystore (dps job show says who that is)",
    ),
    "RoleRequired": (
        "{account:account} has not the role that this needs",
        "ask the grid's admin to grant it (dps admin grant)",
    ),
    "UnknownRole": (
        "there is no role {role:hex}",
        "name one that the contract has: that of schedulers or that of pausers",
    ),
    "OwnableUnauthorizedAccount": ("only the grid's admin may do this, not {account:account}", "use the admin's key"),
    "OwnableInvalidOwner": ("{owner:account} cannot be the admin", "name an account that somebody holds the key of"),
    "AdminRequired": ("a grid cannot be left without an admin", "transfer the ownership instead"),
    # jobs
    "InvalidJob": ("there is no such job", "check its number and that the grid file names the right contract"),
    "InvalidJobDefinition": (
        "the job asks for nothing, for too much, or for something unknown",
        "give it at least one task and CPU, a script hash of 64 lower-case hex digits, and known storage and operators",
    ),
    "NewJobRequestDisabled": ("the grid takes no new jobs at the moment, running ones go on", "try again later"),
    "InvalidTransition": ("a job that is {from:status} cannot become {to:status}", "read its state again"),
    "SameStatusError": ("the job is in that state already", "leave it, nothing is left to do"),
    "JobHotStatusOnly": (
        "the job is over ({current:status}), nothing about it can change",
        "submit it again to have it run once more",
    ),
    "MetaScheduledScheduledStatusOnly": (
        "a job can only be given back before it runs, this one is {current:status}",
        "let it run, or report its end",
    ),
    "RunningColdStatusOnly": (
        "a provider reports that a job runs or that it is over, not {current:status}",
        "report RUNNING or one of the ends",
    ),
    "RunningScheduledStatusOnly": (
        "only a SCHEDULED or RUNNING job can be topped up, this one is {current:status}",
        "wait until a provider has claimed it, or submit it again where it is over",
    ),
    "CancelPending": (
        "the provider was asked to end the job",
        "wait for that, and cancel again after {readyAt:time} if it does not",
    ),
    "LatestStartPassed": (
        "the customer wanted the job to start before {latestStart:time}",
        "cancel it, as anyone may now, and submit it with a later start",
    ),
    "NotExpired": ("nothing has run out yet", "try again after {readyAt:time} where the job waits for somebody"),
    "TooManyAttempts": ("the job was assigned {maximum} times, as often as can be counted", "request it anew"),
    "BatchOutOfGas": ("the transaction had too little gas for job {jobId:job} of its batch", "send fewer entries"),
    # providers and prices
    "ProviderNotJoined": ("the provider is not approved, or is banned", "ask the grid's admin, who decides about that"),
    "ProviderAvoided": ("{provider:account} refused, gave back or lost this job before", "choose another provider"),
    "PriceAboveLimit": (
        "the job would cost {pricePerMin:credits} credits per minute, the limit is {limit:credits}",
        "raise the limit or choose a cheaper provider",
    ),
    "OfferChanged": (
        "what waits for approval is not the offer that was seen ({seen:hex}, now {waiting:hex})",
        "look at it again",
    ),
    "AlreadyDone": ("nothing would change", "leave it, it is so already"),
    "ArrayLengthMismatch": (
        "the lists of the hardware are not equally long",
        "give one entry of GPUs, CPUs and memory for each node",
    ),
    "Banned": ("this provider is banned", "ask the grid's admin"),
    "InvalidNodesCount": ("the hardware has no node", "register at least one"),
    "InvalidTotalCpus": ("the hardware has no CPU", "register at least one"),
    "InvalidTotalMem": ("the hardware has no memory", "register at least one MB"),
    "NoProvider": ("this address is no provider", "check it (dps provider list), or have it register first"),
    "WaitingApprovalOnly": (
        "no registration of this address waits for approval",
        "check it (dps provider list), or have it register first",
    ),
    "PriceOutOfBounds": (
        "a price of {price:credits} credits is more than can be kept",
        "ask for at most {maximum:credits}",
    ),
    "BlobTooLarge": ("{size} bytes are too many to keep on chain, at most {maximum}", "shorten texts, labels or nodes"),
    "BlobNotWritten": ("{size} bytes could not be kept on chain", "send the transaction again with more gas"),
    # money
    "InsufficientFunds": (
        "{required:credits} credits are needed where {available:credits} are given",
        "lock or allow more",
    ),
    "AmountOutOfBounds": (
        "{amount:credits} credits are outside of what this takes",
        "choose from {minimum:credits} to {maximum:credits}",
    ),
    "NoSpendingAuthority": (
        "the customer did not delegate spending for this job, or asked for its end",
        "have the customer delegate it (dps job auto-top-up JOB on)",
    ),
    "RemainingTimeAboveLimit": ("the job has {remaining} s left", "try again when at most {limit} s are left"),
    "JobTimeOver": ("what the job paid for ended at {deadline:time}", "submit it again, and lock more"),
    "SettingOutOfBounds": ("{value} is outside of what this setting allows", "choose from {minimum} to {maximum}"),
    "SafeERC20FailedOperation": ("the token {token:account} did not carry out a transfer", "tell the grid's admin"),
    "ReentrancyGuardReentrantCall": ("the token called back into the grid during a transfer", "tell the grid's admin"),
    "ERC20InsufficientBalance": (
        "{sender:account} holds {balance:credits} credits, {needed:credits} are needed",
        "get more credits or use less",
    ),
    "ERC20InsufficientAllowance": (
        "the grid may take {allowance:credits} credits and needs {needed:credits}",
        "raise the allowance",
    ),
    "ERC20ExceededCap": (
        "there would be {increasedSupply:credits} credits, and never are more than {cap:credits}",
        "mint fewer",
    ),
    "ERC20InvalidCap": ("a cap of {cap:credits} credits allows none", "deploy with a larger one"),
    "FaucetEmpty": (
        "this grid's faucet has nothing to give, or there is none",
        "get credits from somebody who has some",
    ),
    "FaucetPaused": ("this account was given credits less than a day ago", "ask again after {readyAt:time}"),
    "ERC20FailedDecreaseAllowance": (
        "{requestedDecrease:credits} credits cannot be taken off the allowance",
        "take off at most the {currentAllowance:credits} that it has",
    ),
    "ERC20InvalidApprover": (
        "{approver:account} cannot allow anything",
        "use an account that somebody holds the key of",
    ),
    "ERC20InvalidReceiver": ("{receiver:account} cannot receive credits", "check the address"),
    "ERC20InvalidSender": ("{sender:account} cannot send credits", "check the address"),
    "ERC20InvalidSpender": ("{spender:account} cannot be allowed anything", "check the address"),
    "ERC2612ExpiredSignature": ("the permit was valid until {deadline:time}", "sign a new one"),
    "ERC2612InvalidSigner": (
        "the permit was signed by {signer:account}, not by {owner:account}",
        "use the owner's key",
    ),
    "InvalidAccountNonce": ("this permit of {account:account} was used already", "sign one with nonce {currentNonce}"),
    "ECDSAInvalidSignature": ("the permit's signature is none", "sign again"),
    "ECDSAInvalidSignatureLength": ("the permit's signature has {length} bytes and not 65", "sign again"),
    "ECDSAInvalidSignatureS": ("the permit's signature is not in its canonical form", "sign with a current wallet"),
    # the contracts themselves
    "UnknownFunction": (
        "the contract has no function {selector:hex}",
        "use the release of DeepSquare that the grid's contracts are of",
    ),
    "InvalidShortString": ("the token's name is broken", "tell the grid's admin"),
    "StringTooLong": ("the token's name is too long: {str}", "tell the grid's admin"),
}
"""What happened, and what to do next: by the name of the error."""

_PANICS: Final[Mapping[int, str]] = {
    0x01: "an assertion failed",
    0x11: "a number is too large for the arithmetic",
    0x12: "a division by zero",
    0x21: "a number names no member of its enumeration",
    0x31: "an empty list was shortened",
    0x32: "an index lies outside its list",
    0x41: "too much memory was asked for",
}

_EXECUTION_REVERTED = 3
"""The JSON-RPC error code that most nodes agree on."""

_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")


def refusal(data: bytes) -> ContractRefused:
    """The refusal in a call's revert data."""
    code, rest = data[:4], data[4:]
    try:
        if code == _ERROR:
            (reason,) = abi.decode(("string",), rest)
            reason = one_line(reason)
            what = f"the contract refused: {reason}"
            return ContractRefused("Error", {"reason": reason}, what, "change what it names, or ask the grid's admin")
        if code == _PANIC:
            (number,) = abi.decode(("uint256",), rest)
            what = f"the contract stopped: {_PANICS.get(number, f'panic {number:#x}')}"
            return ContractRefused("Panic", {"code": number}, what, "check the call's values")
        kind = abi.errors().get(code)
        if kind is not None:
            arguments = kind.decode(rest)
            what, next_step = (str(_Words().vformat(text, (), arguments)) for text in REFUSALS[kind.name])
            return ContractRefused(kind.name, arguments, what, next_step)
    except ValueError:
        return _unknown(data)
    return _unknown(data)


def revert_data(error: RpcError) -> bytes | None:
    """The revert data in a node's answer; None where the node's error is no revert."""
    if error.code != _EXECUTION_REVERTED and "revert" not in f"{error.node_message} {error.data}".lower():
        return None
    return _hex_in(error.data) or b""


def _hex_in(data: Any) -> bytes | None:
    """Nodes say it bare, after a word ("Reverted 0x..."), or one level down."""
    if isinstance(data, dict):
        return next((found for value in data.values() if (found := _hex_in(value)) is not None), None)
    match = _HEX.search(data) if isinstance(data, str) else None
    return bytes.fromhex(match[0][2:]) if match and len(match[0]) % 2 == 0 else None


def _unknown(data: bytes) -> ContractRefused:
    said = f"with 0x{data[:36].hex()}" if data else "without a reason"
    return ContractRefused(
        "Unknown",
        {"data": data},
        f"the contract refused {said}",
        "check that the grid file names the contract and that this program is as new",
    )


def _time(seconds: int) -> str:
    return codec.moment(seconds).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else "a moment that is not set yet"


_AS_PEOPLE_SAY: Final[Mapping[str, Callable[[Any], str]]] = {
    "account": checksum_address,
    "credits": format_credits,
    "hex": lambda raw: f"0x{raw.hex()}",
    "job": lambda raw: str(codec.job_id_of(raw)),
    "status": lambda number: JobStatus(number).name if number in set(JobStatus) else f"status {number}",
    "time": _time,
}


class _Words(string.Formatter):
    """Formats arguments as people say them: `{needed:credits}`, `{current:status}`, `{deadline:time}`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return _AS_PEOPLE_SAY[format_spec](value) if format_spec else str(value)
