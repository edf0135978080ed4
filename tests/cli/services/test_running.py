"""How a service ends."""

import asyncio
import os
import signal

from deepsquare.cli.services.running import until_signal


async def test_a_second_signal_disturbs_no_service_that_is_ending() -> None:
    started, second_is_handled = asyncio.Event(), asyncio.Event()
    ended_in_order = False
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, second_is_handled.set)

    async def work() -> None:
        nonlocal ended_in_order
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGUSR1)
            await second_is_handled.wait()
            ended_in_order = True

    running = asyncio.create_task(until_signal(work))
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert ended_in_order
