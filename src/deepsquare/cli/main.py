"""The entry of `dps`: a table of commands, nothing else. Imports stay light: help must be instant."""

import click

from deepsquare import __version__
from deepsquare.cli.lazy import Entry, LazyGroup

_COMMANDS = "deepsquare.cli.commands"

root = LazyGroup(
    "dps",
    {
        "Run work": {
            "submit": Entry(f"{_COMMANDS}.submit:submit", "Submit a workflow: see where it can run, lock credits."),
            "estimate": Entry(f"{_COMMANDS}.estimate:estimate", "Show where a workflow could run, and at what price."),
            "validate": Entry(f"{_COMMANDS}.validate:validate", "Check workflows; print every problem with its line."),
            "init": Entry(f"{_COMMANDS}.init:init", "Write a commented workflow to start from."),
            "schema": Entry(f"{_COMMANDS}.schema:schema", "Print the JSON Schema of workflows, for editors."),
            "render": Entry(f"{_COMMANDS}.render:render", "Print the batch script that a workflow compiles to."),
            "module": Entry(f"{_COMMANDS}.module:module", "Check modules of workflows; write one to start from."),
            "job": Entry(f"{_COMMANDS}.job:job", "List, show, follow, cancel, extend and explain jobs."),
        },
        "Money and keys": {
            "credits": Entry(f"{_COMMANDS}.credits:credits_", "Balance, allowance, transfers."),
            "faucet": Entry(f"{_COMMANDS}.faucet:faucet", "Get credits for nothing, on a test network."),
            "wallet": Entry(f"{_COMMANDS}.wallet:wallet", "The key that signs for you."),
        },
        "The grid": {
            "demo": Entry(f"{_COMMANDS}.demo:demo", "A whole grid on this machine runs one job and shows everything."),
            "up": Entry(f"{_COMMANDS}.up:up", "Keep a whole grid running on this machine."),
            "deploy": Entry(f"{_COMMANDS}.deploy:deploy", "Put the contracts of a new grid on any EVM chain."),
            "provider": Entry(f"{_COMMANDS}.provider:provider", "Who offers what at which price; admit providers."),
            "admin": Entry(f"{_COMMANDS}.admin:admin", "What a grid's admin decides: settings, fees, roles."),
            "simulate": Entry(
                f"{_COMMANDS}.simulate:simulate", "Run traces through a simulated grid; compare policies."
            ),
            "config": Entry(f"{_COMMANDS}.config:config", "Which settings are in force, and where each comes from."),
            "completion": Entry(f"{_COMMANDS}.completion:completion", "Print the completion script for your shell."),
        },
        "Services": {
            "gateway": Entry(f"{_COMMANDS}.gateway:gateway", "Compile workflows, keep scripts and logs."),
            "metascheduler": Entry(f"{_COMMANDS}.metascheduler:metascheduler", "Assign waiting jobs to providers."),
            "supervisor": Entry(f"{_COMMANDS}.supervisor:supervisor", "Run the grid's jobs on this cluster."),
            "node": Entry(f"{_COMMANDS}.node:node", "The embedded chain: one durable node in one process."),
        },
    },
    help="DeepSquare: rent clusters, run workflows, pay by the second. Start with `dps demo`.",
)
click.version_option(__version__, prog_name="dps", message="%(prog)s %(version)s")(root)


def main() -> None:
    """Run `dps` with the arguments of this process."""
    root.main(prog_name="dps")
