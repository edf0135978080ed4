"""Looking up a host's name without being held up by it.

asyncio looks names up in threads that a program waits for before it ends, and a resolver that nobody answers takes its
time. Here it is a thread that nobody waits for; once it is done, asking again is quick.
"""

import asyncio
import socket
import threading
from contextlib import suppress


async def look_up(host: str) -> None:
    """Wait until the resolver has answered for this name, whatever it says."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(answered.set)

    threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
    await answered.wait()
