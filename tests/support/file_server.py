"""An HTTP server on loopback that serves files from memory, takes uploads, and fails in the ways that servers fail."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the server says to a request for one path."""

    body: bytes = b""
    status: int = 200
    location: str = ""
    is_cut: bool = False
    """The connection ends in the middle of the body."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody has sent."""

    path: str
    body: bytes


@dataclass
class FileServer:
    """What it serves, by path with query; what it was asked and sent; whom it saw at work meanwhile."""

    address: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    command_lines: list[str] = field(default_factory=list)
    """Of every process on this machine, while a request was answered."""
    on_request: Callable[[], None] = lambda: None

    def serve(self, path: str, *answers: Answer | bytes) -> str:
        """The address of a file; several answers are given one after the other, the last one again and again."""
        self.answers[path] = [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]
        return self.address + path

    def answer(self, path: str) -> Answer:
        """The next answer to a request for this path."""
        self.on_request()
        self.requests.append(path)
        self.command_lines.extend(_command_lines())
        answers = self.answers.get(path, [Answer(b"no such file", 404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: FileServer

    def do_GET(self) -> None:
        self._say(self.files.answer(self.path))

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.files.answers.setdefault(self.path, [Answer(f"stored {self.path}\n".encode())])
        answer = self.files.answer(self.path)
        if answer.status == 200:
            self.files.uploads.append(Upload(self.path, body))
        self._say(answer)

    def _say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Length", str(len(answer.body) + (1000 if answer.is_cut else 0)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = self.close_connection or answer.is_cut

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def file_server(certificate: Path | None = None) -> Iterator[FileServer]:
    """A server with nothing to serve yet; with a certificate and its key in one file, one that speaks TLS."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Handler.files = FileServer(f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}")
        threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True).start()
        try:
            yield Handler.files
        finally:
            server.shutdown()
