"""Few connections are kept, whatever a burst needed."""

import asyncio

from deepsquare.chain.http_client import KEPT_CONNECTIONS, http_client

BURST = KEPT_CONNECTIONS + 8


async def test_after_a_burst_only_a_few_connections_stay_open_and_they_are_used_again() -> None:
    requests = connections = 0
    all_have_asked = asyncio.Event()
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests, connections
        connections += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            requests += 1
            if requests == BURST:
                all_have_asked.set()
            await all_have_asked.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        ended.put_nowait(None)

    async def await_ends(number: int) -> None:
        for _ in range(number):
            await ended.get()

    async with asyncio.timeout(20), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with http_client(url, timeout_seconds=20) as client:
            await asyncio.gather(*(client.get(url) for _ in range(BURST)))
            await await_ends(BURST - KEPT_CONNECTIONS)
            await asyncio.gather(*(client.get(url) for _ in range(KEPT_CONNECTIONS)))
        await await_ends(KEPT_CONNECTIONS)
    assert (requests, connections) == (BURST + KEPT_CONNECTIONS, BURST)
