"""Reading what programs print by the event loop: no thread waits for each of them."""

import asyncio
import os
from typing import IO

_PART_BYTES = 65536
"""What a pipe holds at most, as Linux makes it."""


async def read_all(*pipes: IO[bytes]) -> list[bytes]:
    """All that comes out of each pipe until nobody holds its other end; they are closed then, or when cancelled."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    heard = {pipe.fileno(): bytearray() for pipe in pipes}
    still_open = set(heard)

    def hear(descriptor: int) -> None:
        part = os.read(descriptor, _PART_BYTES)
        heard[descriptor] += part
        if part:
            return
        loop.remove_reader(descriptor)
        still_open.remove(descriptor)
        if not still_open and not ended.done():
            ended.set_result(None)

    for descriptor in heard:
        loop.add_reader(descriptor, hear, descriptor)
    try:
        await ended
    finally:
        for descriptor in still_open:
            loop.remove_reader(descriptor)
        for pipe in pipes:
            pipe.close()
    return [bytes(text) for text in heard.values()]
