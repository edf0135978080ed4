"""A gateway that serves another grid: whoever signs what it asks for has signed for that one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {
    "chain_id": 1,
    "contract": "0x" + "1" * 40,
    "version": "1.0",
    "names": [],
    "limits": {},
    "nonce": "nonce",
    "expires_at": 4102444800,
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "Authorization" in self.headers:
            raise AssertionError("something was signed for another grid")
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def foreign_gateway() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
