"""`dps node`: the embedded chain as a service."""

from pathlib import Path

import click

from deepsquare.chain.embedded.service import NodeService
from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.cli.command import Command
from deepsquare.cli.services.options import settings_options
from deepsquare.cli.services.running import serve
from deepsquare.cli.services.settings_file import read_settings


@click.command("node", cls=Command, short_help="The embedded chain: one durable node in one process.")
@settings_options
def node(settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Run the embedded chain: JSON-RPC over HTTP and WebSocket on one port, until TERM or Ctrl-C.

    Settings: database, host, port, chain_id, funded. It may be killed at any moment; nothing acknowledged is lost.
    """
    settings = read_settings(NodeSettings, settings_file, assignments)
    serve(NodeService(settings).run)
