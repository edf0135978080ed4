"""`dps config`: which settings are in force, and where each comes from."""

from deepsquare.cli.command import Command, current
from deepsquare.cli.lazy import group
from deepsquare.cli.options import configuration, grid_options, image_options, module_options, wallet_options
from deepsquare.cli.output import Column, Table
from deepsquare.sdk.configuration import SETTINGS

config = group("config", "Which settings are in force, and where each comes from.")


@config.command("show", cls=Command, short_help="Print every setting, its value and its source.")
@grid_options
@wallet_options
@module_options
@image_options
def show() -> None:
    """Print every setting with its value and its source: an option, a variable, or a file and line.

    Options win over variables, variables over the configuration file, that over the grid file.
    """
    values = configuration().values
    rows = []
    for setting in SETTINGS:
        resolved = values.get(setting.name)
        rows.append((setting.name, resolved.value if resolved else "", resolved.source if resolved else "not set"))
    document = {name: {"value": resolved.value, "source": resolved.source} for name, resolved in values.items()}
    columns = (Column("setting"), Column("value"), Column("source"))
    current().output.table(document, Table(columns, rows), empty="There are no settings.")
