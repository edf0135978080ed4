"""`dps validate`: every problem of a workflow file, each with its line."""

import click

from deepsquare import workflow as language
from deepsquare.cli.command import Command, current, finish
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.options import configured_modules, module_options
from deepsquare.cli.problems import problems_document, read_workflow
from deepsquare.sdk.errors import InvalidValue


@click.command("validate", cls=Command, short_help="Check workflows; print every problem with its line.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@module_options
def validate(files: tuple[str, ...], *, strict: bool) -> None:
    """Check workflow FILEs (- is stdin). Needs no grid.

    Each problem is a line `file:line:column: severity: path: message; hint` on stdout. Exit code 10 where there are
    errors; 11 where a file cannot be read, after the problems of all others.
    """
    output = current().output
    document = []
    lines = []
    unreadable = []
    modules = configured_modules()
    is_bad = False
    for file in files:
        try:
            source, text = read_workflow(file)
        except InvalidValue as error:
            unreadable.append(error)
            continue
        problems = language.load(text, source, modules).problems
        is_bad |= any(strict or problem.severity is language.Severity.ERROR for problem in problems)
        document += problems_document(source, problems)
        lines += [problem.describe(source) for problem in problems]
    output.document(document, "\n".join(lines))
    if unreadable:
        message = ", ".join(error.message for error in unreadable)
        raise InvalidValue(message, next_step=unreadable[0].next_step)
    if is_bad:
        finish(ExitCode.INVALID_WORKFLOW)
    output.say("No errors." if lines else "No problems.")
