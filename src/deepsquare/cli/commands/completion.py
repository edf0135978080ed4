"""`dps completion`: the script that teaches a shell our commands."""

import click
from click.shell_completion import get_completion_class

from deepsquare.cli.command import Command, current

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command, short_help="Print the completion script for your shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    r"""Print the completion script for SHELL, to be sourced by it.

    \b
    bash:  dps completion bash >> ~/.bashrc
    zsh:   dps completion zsh >> ~/.zshrc
    fish:  dps completion fish > ~/.config/fish/completions/dps.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click cannot complete for {shell}")
    root = click.get_current_context().find_root().command
    script = kind(root, {}, "dps", "_DPS_COMPLETE").source()
    current().output.document({"shell": shell, "script": script}, script)
