"""`dps init`: a commented workflow to start from, and its schema for the editor."""

import json
from pathlib import Path

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.starter import starter
from deepsquare.workflow.schema import workflow_schema

_STARTER = Path(__file__).parents[1] / "starter.yaml"
_SCHEMA = "workflow.schema.json"


@click.command("init", cls=Command, short_help="Write a commented workflow to start from.")
@click.argument("file", metavar="[FILE]", default="workflow.yaml", type=click.Path())
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
def init(file: str, *, force: bool) -> None:
    """Write a commented workflow to FILE (workflow.yaml unless given), and beside it the schema that editors read.

    The first line of the workflow names the schema, so that an editor with a YAML language server completes keys and
    marks mistakes. Needs no grid.
    """
    path = Path(file)
    schema = path.with_name(_SCHEMA)
    with starter(path, "file", force=force) as output:
        output.write(_STARTER.read_text(encoding="utf-8").replace("SCHEMA", f"./{_SCHEMA}", 1))
        schema.write_text(json.dumps(workflow_schema(), indent=2) + "\n", encoding="utf-8")
    answer = current().output
    answer.document({"workflow": str(path), "schema": str(schema)}, str(path))
    answer.say(f"Next: dps validate {path}")
