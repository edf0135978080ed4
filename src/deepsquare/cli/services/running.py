"""A service as a process: logs on stderr, TERM and Ctrl-C end it cleanly, errors become one sentence.

A chain that does not answer yet is waited for: services may be started in any order.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from deepsquare.chain import ChainError, ChainUnreachable, HttpRpc, Ledger
from deepsquare.chain.embedded.errors import EmbeddedChainError
from deepsquare.cli.command import current
from deepsquare.cli.failure import ServiceFailed
from deepsquare.clock import Clock, SystemClock
from deepsquare.clusters.port import ClusterError
from deepsquare.gateway.errors import GatewayError
from deepsquare.sdk.configuration import Configuration
from deepsquare.supervisor.errors import SupervisorError
from deepsquare.trouble import PassingTrouble

RETRY_SECONDS = 2.0
_GARBAGE_BEFORE_A_LOOK = 20_000
"""Objects made and not freed by their last owner; Python's own is 700."""

_log = logging.getLogger(__name__)

_EXPECTED = (ChainError, ClusterError, EmbeddedChainError, GatewayError, SupervisorError)


def serve(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a service until TERM or Ctrl-C. Raises `ServiceFailed` where it cannot go on."""
    if not current().debug:
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        # A line per request of our own clients would bury what an operator looks for.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        _collect_seldom()
        import uvloop  # noqa: PLC0415 - 10 ms that only services need

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(until_signal(work))
    except ExceptionGroup as failures:
        raise _failed(_first(failures)) from failures
    except _EXPECTED as error:
        raise _failed(error) from error


def _collect_seldom() -> None:
    """Look for garbage seldom, and never among what was imported: it took a twentieth of a service's time."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_BEFORE_A_LOOK)


async def until_signal(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work until TERM or Ctrl-C, and until the work has ended in order."""
    serving = asyncio.create_task(work())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        """The first signal ends the service; another one while it ends changes nothing."""
        if not serving.cancelling():
            serving.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await serving
    except asyncio.CancelledError:
        _log.info("ended as asked")


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """One error out of a group of groups."""
    error: Exception = failures
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _failed(error: Exception) -> Exception:
    if not isinstance(error, _EXPECTED):
        return error
    message, _, next_step = str(error).rpartition("; ")
    return ServiceFailed(message or next_step, next_step=next_step if message else "")


async def connect(configuration: Configuration, clock: Clock | None = None) -> Ledger:
    """The grid's ledger, as soon as its node answers. Raises `WrongChain`, `NoContract`."""
    clock = clock or SystemClock()
    grid = configuration.grid_address
    rpc = HttpRpc(configuration.require("rpc"), configuration.get("websocket"), clock=clock)
    trouble = PassingTrouble(_log)
    while True:
        try:
            ledger = await Ledger.connect(rpc, grid)
        except ChainUnreachable as error:
            trouble.fails("connecting", error)
            await clock.sleep(RETRY_SECONDS)
        else:
            trouble.works("connecting")
            return ledger
