"""`dps render`: the batch script that a workflow compiles to, the same that the gateway keeps."""

import secrets

import click

from deepsquare import compiler
from deepsquare import workflow as language
from deepsquare.cli.command import Command, current
from deepsquare.cli.options import configured_modules, module_options
from deepsquare.cli.output import JsonValue
from deepsquare.cli.problems import read_workflow, say_problems
from deepsquare.sdk.errors import InvalidValue, InvalidWorkflow


@click.command("render", cls=Command, short_help="Print the batch script that a workflow compiles to.")
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option("--salt", metavar="TEXT", help="The salt in the script's first lines; a random one unless given.")
@click.option("--hash", "only_hash", is_flag=True, help="Print the script's hash instead: its location on the chain.")
@module_options
def render(file: str, salt: str | None, *, only_hash: bool) -> None:
    """Print the batch script that the workflow in FILE (- is stdin) compiles to. Needs no grid.

    With the salt that the gateway answered, the script is the same to the byte.
    """
    output = current().output
    source, text = read_workflow(file)
    loaded = language.load(text, source, configured_modules())
    if loaded.workflow is None:
        raise InvalidWorkflow(source, loaded.problems)
    say_problems(output, source, loaded.problems)
    used = secrets.token_hex(16) if salt is None else salt
    try:
        script = compiler.compile(loaded, salt=used)
    except compiler.InvalidSalt as error:
        raise InvalidValue(f"--salt: {error}", next_step="give the gateway's salt, or none") from None
    modules: JsonValue = {module.source.text: module.commit for module in loaded.modules.values()}
    document: JsonValue = {"script": script.text, "hash": script.hash, "salt": used, "modules": modules}
    output.document(document, script.hash if only_hash else script.text.rstrip("\n"))
