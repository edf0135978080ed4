"""Every public method shows an example, and every example is true on a real grid."""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import types
from collections.abc import Callable
from typing import Any

import pytest

from deepsquare.model import Label
from deepsquare.sdk import Admin, AsyncAdmin, AsyncClient, AsyncJob, Client, JobHandle, NotFound, RefusedByChain
from tests.support.local_grid import ENDLESS, HELLO, RunningGrid

ASYNCHRONOUS = (AsyncClient, AsyncJob, AsyncAdmin)
SYNCHRONOUS = (Client, JobHandle, Admin)


def _methods(*classes: type) -> list[tuple[str, Any]]:
    return [
        (f"{owner.__name__}.{name}", member)
        for owner in classes
        for name, member in vars(owner).items()
        if not name.startswith("_")
    ]


def _members(*classes: type) -> list[Any]:
    return [pytest.param(member, id=name) for name, member in _methods(*classes)]


def _documented(member: Any) -> str:
    return inspect.getdoc(member) or ""


def _examples(member: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(_documented(member))


async def _run(examples: list[doctest.Example], names: dict[str, Any], call: Callable[..., Any]) -> None:
    checker = doctest.OutputChecker()
    for example in examples:
        code = compile(example.source, "<example>", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            if code.co_flags & inspect.CO_COROUTINE:
                await types.FunctionType(code, names)()
            else:
                await call(eval, code, names)
        assert checker.check_output(example.want, output.getvalue(), 0), f"{example.source}gave {output.getvalue()!r}"


def _names(grid: RunningGrid) -> dict[str, Any]:
    return {
        "AsyncClient": AsyncClient,
        "Client": Client,
        "Label": Label,
        "configuration": grid.configuration,
        "customer": grid.customer.address,
        "friend": grid.friend.address,
        "provider": grid.provider,
        "RefusedByChain": RefusedByChain,
        "NotFound": NotFound,
        "workflow": HELLO,
        "endless": ENDLESS,
    }


@pytest.mark.parametrize(("name", "member"), _methods(*ASYNCHRONOUS, *SYNCHRONOUS))
def test_every_public_method_shows_an_example(name: str, member: object) -> None:
    assert _examples(member), f"{name} has no example"


@pytest.mark.system
@pytest.mark.parametrize("member", _members(*ASYNCHRONOUS))
async def test_the_examples_of_the_asynchronous_client_are_true(member: object, grid: RunningGrid) -> None:
    async with (
        AsyncClient(grid.configuration) as client,
        AsyncClient(grid.configuration, signer=grid.admin) as admin,
    ):

        async def at_once(function: Callable[..., Any], *arguments: Any) -> None:
            function(*arguments)

        await _run(_examples(member), {**_names(grid), "client": client, "admin": admin.admin}, at_once)


@pytest.mark.system
@pytest.mark.parametrize("member", _members(*SYNCHRONOUS))
async def test_the_examples_of_the_plain_client_are_true(member: object, grid: RunningGrid) -> None:
    with Client(grid.configuration) as client, Client(grid.configuration, signer=grid.admin) as admin:
        names = {**_names(grid), "client": client, "admin": admin.admin}
        await _run(_examples(member), names, asyncio.to_thread)
