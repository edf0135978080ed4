"""The reference pages have every command, option, exit code, variable, setting, method and error."""

import dataclasses
import inspect
from pathlib import Path

import click
import pytest

from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.cli.command import DEBUG_VARIABLE
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.services.provider_file import LocalClusterSettings
from deepsquare.sdk import errors
from deepsquare.sdk.admin import AsyncAdmin
from deepsquare.sdk.client import AsyncClient
from deepsquare.sdk.configuration import CONFIG_VARIABLE, SETTINGS, Setting
from deepsquare.sdk.draft import Terms
from deepsquare.sdk.job import AsyncJob
from deepsquare.sdk.sync import Client, JobHandle
from deepsquare.sdk.sync_admin import Admin
from deepsquare.sdk.wallet import KEY_VARIABLE, PASSWORD_VARIABLE
from tests.cli.test_frame import ALL

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")
SDK = (DOCS / "sdk.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    """The part of the page about one command."""
    _, _, rest = CLI.partition(f"\n### dps {name}")
    assert rest, f"docs/cli.md has no section on dps {name}"
    return rest.partition("\n##")[0]


@pytest.mark.parametrize(("name", "command"), ALL)
def test_every_command_and_each_of_its_options_is_documented(name: str, command: click.Command) -> None:
    common = {"--json", "--quiet", "--debug"}
    text = section(name)
    options = {
        option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts
    }
    assert not [option for option in options - common if f"`{option}`" not in text]
    assert all(f"`{option}`" in CLI for option in common)


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented_with_its_meaning(code: ExitCode) -> None:
    assert f"| {code.value} | `{code.name}` | {code.meaning} |" in CLI


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_option_and_variable(setting: Setting) -> None:
    assert f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` |" in CLI


@pytest.mark.parametrize("variable", [CONFIG_VARIABLE, KEY_VARIABLE, PASSWORD_VARIABLE, DEBUG_VARIABLE, "NO_COLOR"])
def test_every_other_variable_is_documented(variable: str) -> None:
    assert f"| `{variable}` |" in CLI


def test_the_settings_of_the_services_files_are_documented() -> None:
    cluster = [f"cluster.{name}" for name in LocalClusterSettings.model_fields]
    assert not [name for name in [*NodeSettings.model_fields, *cluster, "journal"] if f"| `{name}` |" not in CLI]


@pytest.mark.parametrize("owner", [AsyncClient, AsyncJob, AsyncAdmin, Client, JobHandle, Admin])
def test_every_public_method_is_documented(owner: type) -> None:
    names = [name for name in vars(owner) if not name.startswith("_")]
    assert not [name for name in names if f"| `{name}`" not in SDK and f"| `{name}(" not in SDK]


def test_every_term_is_documented() -> None:
    assert not [field.name for field in dataclasses.fields(Terms) if f"| `{field.name}` |" not in SDK]


def test_every_error_is_documented_and_drawn_in_the_tree() -> None:
    names = [name for name, member in vars(errors).items() if inspect.isclass(member) and issubclass(member, Exception)]
    assert not [name for name in names if f"| `{name}` |" not in SDK]
    assert not [name for name in names if name not in (errors.__doc__ or "")]
