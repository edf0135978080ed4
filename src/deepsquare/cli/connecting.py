"""From the options of a command to an open client, and from a coroutine to the command's end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from deepsquare.cli.options import configuration
from deepsquare.sdk import wallet
from deepsquare.sdk.client import AsyncClient

_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a command's work; Ctrl-C cancels it and arrives as KeyboardInterrupt."""
    return asyncio.run(work)


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncClient]:
    """A client for a command that opens no wallet."""
    async with AsyncClient(configuration()) as client:
        yield client


@asynccontextmanager
async def signing() -> AsyncIterator[AsyncClient]:
    """A client whose wallet is open; a person is asked for its password where nothing else gives it."""
    settings = configuration()
    signer = wallet.open_signer(settings, ask=_ask_password)
    async with AsyncClient(settings, signer=signer) as client:
        yield client


def _ask_password(path: Path) -> str:
    password: str = click.prompt(f"Password of {path}", hide_input=True, err=True)
    return password
