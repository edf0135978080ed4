"""`dps module`: modules of workflows, for those who write them."""

from pathlib import Path

import click

from deepsquare import workflow as language
from deepsquare.cli.command import Command, current, finish
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.lazy import group
from deepsquare.cli.options import configured_modules, module_options
from deepsquare.cli.problems import problems_document, read_workflow
from deepsquare.cli.starter import starter
from deepsquare.workflow.module_source import MODULE_FILE

_STARTER = Path(__file__).parents[1] / "starter-module.yaml"

module = group("module", "Check modules of workflows; write one to start from.")


class _Argument(click.ParamType[tuple[str, str]]):
    """An argument `KEY=VALUE`."""

    name = "argument"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is no argument; write KEY=VALUE", param, ctx)
        return key, text


@module.command("validate", cls=Command, short_help="Check a module; print every problem with its line.")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--arg", "arguments", multiple=True, type=_Argument(), metavar="KEY=VALUE", help="An argument of the caller's."
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@module_options
def validate(folder: str, arguments: tuple[tuple[str, str], ...], *, strict: bool) -> None:
    """Check the module in DIR as a job with just what it needs would use it. Needs no grid.

    Problems are told as `dps validate` tells them, with the lines of module.yaml as it is written. Exit code 10 where
    there are errors.
    """
    output = current().output
    source, text = read_workflow(
        str(Path(folder) / MODULE_FILE),
        next_step=f"name the folder that holds {MODULE_FILE}; to begin one: dps module init DIR",
    )
    found, problems = language.check_module(text, source, dict(arguments), configured_modules())
    document = {
        "name": None if found is None else found.name,
        "inputs": [] if found is None else [each.key for each in found.inputs],
        "outputs": [] if found is None else [each.key for each in found.outputs],
        "problems": problems_document(source, problems),
    }
    output.document(document, "\n".join(problem.describe(source) for problem in problems))
    if any(strict or problem.severity is language.Severity.ERROR for problem in problems):
        finish(ExitCode.INVALID_WORKFLOW)
    output.say("No errors." if problems else "No problems.")


@module.command("init", cls=Command, short_help="Write a commented module to start from.")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--force", is_flag=True, help="Write over a module that is there already.")
def init(folder: str, *, force: bool) -> None:
    """Write a commented module.yaml to the folder DIR. Needs no grid."""
    path = Path(folder) / MODULE_FILE
    with starter(path, "folder", force=force) as file:
        file.write(_STARTER.read_text(encoding="utf-8"))
    answer = current().output
    answer.document({"module": str(path)}, str(path))
    answer.say(f"Next: dps module validate {folder}")
