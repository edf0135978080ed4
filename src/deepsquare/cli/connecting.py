"""From the options of a command to an open client, and from a coroutine to the command's end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from deepsquare.chain import Signer
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
    async with AsyncClient(configuration(), signer=opened_signer()) as client:
        yield client


def opened_signer() -> Signer:
    """The wallet's key; a person is asked for its password where nothing else gives it. Raises `KeyProblem`."""
    return wallet.open_signer(configuration(), ask=_ask_password)


def _ask_password(path: Path) -> str:
    password: str = click.prompt(f"Password of {path}", hide_input=True, err=True)
    return password
