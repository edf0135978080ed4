"""`dps schema`: the JSON Schema of workflows, for editors."""

import json

import click

from deepsquare.cli.command import Command
from deepsquare.workflow.schema import module_schema, workflow_schema


@click.command("schema", cls=Command, short_help="Print the JSON Schema of workflows, for editors.")
@click.option("--module", is_flag=True, help="Print the schema of modules instead.")
def schema(*, module: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of workflow files. Needs no grid.

    An editor with a YAML language server reads it where the first line of a workflow names it:
    `# yaml-language-server: $schema=./workflow.schema.json`.
    """
    click.echo(json.dumps(module_schema() if module else workflow_schema(), indent=2))
