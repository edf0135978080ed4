"""Options that many commands share: which grid, which wallet, which account, how many credits, which job."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deepsquare.model import (
    Address,
    Affinity,
    AffinityOperator,
    InvalidAmount,
    InvalidJobId,
    JobId,
    Label,
    parse_credits,
    parse_job_id,
)
from deepsquare.sdk.configuration import SETTINGS, Configuration, load

if TYPE_CHECKING:
    from deepsquare.sdk.modules import UserModules

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_WALLET_SETTINGS = ("keystore", "password_file")
_MODULE_SETTINGS = ("module_hosts", "module_mirror")
_IMAGE_SETTINGS = ("image_check",)
_FOLDERS_AND_FILES = {"grid": "FILE", "keystore": "FILE", "password_file": "FILE", "module_mirror": "DIR"}


class Settings(dict[str, str]):
    """The settings that were given as options of one command."""


def _remember(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    given = ctx.meta.setdefault(__name__, Settings())
    if value is not None and parameter.name is not None:
        given[parameter.name] = value


def configuration() -> Configuration:
    """The settings in force for the running command."""
    return load(click.get_current_context().meta.get(__name__, {}))


def _setting_options(names: Sequence[str]) -> Callable[[_Decorated], _Decorated]:
    def decorate(function: _Decorated) -> _Decorated:
        for setting in reversed([setting for setting in SETTINGS if setting.name in names]):
            metavar = _FOLDERS_AND_FILES.get(setting.name, "VALUE")
            option = click.option(
                setting.flag,
                setting.name,
                metavar=metavar,
                expose_value=False,
                callback=_remember,
                help=f"{setting.summary} [{setting.variable}]",
            )
            function = option(function)
        return function

    return decorate


grid_options = _setting_options(
    [setting.name for setting in SETTINGS if setting.name not in _WALLET_SETTINGS + _MODULE_SETTINGS + _IMAGE_SETTINGS]
)
"""Which grid to talk to."""

wallet_options = _setting_options(_WALLET_SETTINGS)
"""Which wallet signs."""

module_options = _setting_options(_MODULE_SETTINGS)
"""Where modules of workflows come from."""

image_options = _setting_options(_IMAGE_SETTINGS)
"""Whether registries are asked for a workflow's images."""


def configured_modules() -> "UserModules":
    """Modules as the settings in force for the running command say."""
    from deepsquare.sdk.modules import UserModules  # noqa: PLC0415 - few commands know of modules

    context = click.get_current_context()
    return UserModules(lambda: load(context.meta.get(__name__, {})))


class CreditsType(click.ParamType[int]):
    """An amount of credits, in wei inside."""

    name = "credits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_credits(str(value))
        except InvalidAmount as error:
            self.fail(str(error), param, ctx)


class AddressType(click.ParamType[Address]):
    """An account or a contract on the chain."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        from deepsquare.chain.keccak import checksum_address  # noqa: PLC0415 - hashing, only where there is an address

        try:
            return checksum_address(str(value))
        except ValueError:
            self.fail(f"{value!r} is no address; write 0x and 40 hexadecimal digits", param, ctx)


class JobIdType(click.ParamType[JobId]):
    """The number of a job."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JobId:
        if isinstance(value, int):
            return JobId(value)
        try:
            return parse_job_id(str(value))
        except InvalidJobId as error:
            self.fail(str(error), param, ctx)


class LabelType(click.ParamType[Label]):
    """A label `KEY=VALUE`."""

    name = "label"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Label:
        if isinstance(value, Label):
            return value
        key, equals, text = str(value).partition("=")
        if not (key and equals and text):
            self.fail(f"{value!r} is no label; write KEY=VALUE, for example os=debian", param, ctx)
        return Label(key, text)


class AffinityType(click.ParamType[Affinity]):
    """A rule such as `gpu.memory>=40`, `os!=windows` or `os in debian,ubuntu`."""

    name = "rule"

    _OPERATORS = ("<=", ">=", "==", "!=", "<", ">", " in ")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Affinity:
        if isinstance(value, Affinity):
            return value
        operator = next((operator for operator in self._OPERATORS if operator in str(value)), "")
        key, _, text = (part.strip() for part in str(value).partition(operator or "=="))
        if not (operator and key and text):
            self.fail(f"{value!r} is no rule; write for example 'gpu.memory>=40' or 'os in debian,ubuntu'", param, ctx)
        return Affinity(Label(key, text), AffinityOperator(operator.strip()))


class MomentType(click.ParamType[datetime]):
    """A moment in ISO 8601; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write for example 2030-01-31T18:00", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


ADDRESS = AddressType()
CREDITS = CreditsType()
JOB_ID = JobIdType()
LABEL = LabelType()
AFFINITY = AffinityType()
MOMENT = MomentType()
OBJECTIVE = click.Choice(["cost", "time", "energy", "balanced"])
"""Those of `deepsquare.scheduling`, which is not loaded for `--help`."""


def place_options(function: _Decorated) -> _Decorated:
    """What a job wants of the place where it runs: labels, rules on labels, an objective, a price."""
    for option in reversed(_PLACE_OPTIONS):
        function = option(function)
    return function


_PLACE_OPTIONS = (
    click.option(
        "--use", "uses", type=LABEL, multiple=True, metavar="KEY=VALUE", help="A label that the provider must have."
    ),
    click.option(
        "--affinity",
        "affinities",
        type=AFFINITY,
        multiple=True,
        metavar="RULE",
        help="A rule on the provider's labels, such as 'gpu.memory>=40'.",
    ),
    click.option("--objective", type=OBJECTIVE, help="What matters: cost, time, energy or balanced."),
    click.option(
        "--max-price", type=CREDITS, default=0, help="Credits per minute that the job may cost; 0 is no ceiling."
    ),
)


def wishes(uses: tuple[Label, ...], objective: str | None) -> tuple[Label, ...]:
    """The labels that a job names, its objective among them."""
    return uses if objective is None else tuple(dict.fromkeys((*uses, Label("objective", objective))))
