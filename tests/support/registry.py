"""A registry of images on loopback, as the OCI distribution specification has it, with one image built from nothing.

    with Registry() as registry:
        registry.address  # 127.0.0.1:PORT; the image is team/tools:1

It is read-only. With a user and a password it wants them by basic authentication, from everybody; with a doorman it
wants a token, which that one gives for them. `pulls` counts how often the image's manifest was read, which is how often
it was pulled; `requests` are all that came, as method and path.
"""

import base64
import gzip
import hashlib
import io
import json
import secrets
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = "team/tools"
TAG = "1"
TOOLS = ("sh", "ash", "cat", "echo", "env", "grep", "id", "ls", "mkdir", "printf", "printenv", "pwd", "sleep", "touch")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_DOORMAN = "/token"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def unavailable() -> str:
    """Why no container can run here; empty where one can."""
    missing = [name for name in ("apptainer", "busybox") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}; run .ci/run as root" if missing else ""


class Image:
    """An image of one layer: busybox under the names of some tools, an environment, a folder and an own program.

    A `layer` of another kind needs no busybox.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        folder: str = "/srv/data",
        entrypoint: Sequence[str] = ("/bin/echo", "entrypoint"),
        command: Sequence[str] = ("and", "command"),
        layer: bytes | None = None,
    ) -> None:
        layer = _layer(folder) if layer is None else layer
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["PATH=/bin", *(f"{name}={value}" for name, value in (environment or {}).items())],
                "WorkingDir": folder,
                "Entrypoint": list(entrypoint),
                "Cmd": list(command),
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        self.blobs: dict[str, bytes] = {}
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._keep(_CONFIG, json.dumps(config).encode()),
            "layers": [self._keep(_LAYER, gzip.compress(layer, compresslevel=1, mtime=0))],
        }
        self.manifest = json.dumps(manifest).encode()
        self.digest = _digest(self.manifest)

    def _keep(self, media_type: str, blob: bytes) -> dict[str, Any]:
        self.blobs[_digest(blob)] = blob
        return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def write_root(folder: Path) -> None:
    """The image's files as a folder: an image that is a folder."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder], input=_layer("/srv/data"), timeout=60, check=True)


def _layer(folder: str) -> bytes:
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", "var/tmp", *_parents(folder)):
            archive.addfile(_entry(path, tarfile.DIRTYPE))
        archive.addfile(_entry("bin/busybox", tarfile.REGTYPE, size=len(busybox)), io.BytesIO(busybox))
        archive.addfile(_entry("etc/passwd", tarfile.REGTYPE))
        archive.addfile(_entry("etc/group", tarfile.REGTYPE))
        for tool in TOOLS:
            archive.addfile(_entry(f"bin/{tool}", tarfile.SYMTYPE, target="busybox"))
    return buffer.getvalue()


def _parents(folder: str) -> list[str]:
    path = Path(folder.strip("/"))
    return [str(parent) for parent in (*reversed(path.parents), path) if str(parent) != "."]


def _entry(path: str, kind: bytes, *, size: int = 0, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.size, entry.linkname, entry.mode = kind, size, target, 0o755
    return entry


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Registry:
    """A running registry; `user` and `password` make it private."""

    def __init__(
        self, image: Image | None = None, *, user: str = "", password: str = "", has_doorman: bool = False
    ) -> None:
        self.image = image or Image()
        self.pulls = 0
        self.refused = 0
        self.requests: list[str] = []
        self.has_doorman = has_doorman
        self.token = secrets.token_urlsafe()
        """What its doorman gives."""
        expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._server = _Server(("127.0.0.1", 0), _handler(self, expected))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def challenge(self) -> str:
        """What it wants to be asked by."""
        if not self.has_doorman:
            return 'Basic realm="images"'
        scope = f"repository:{REPOSITORY}:pull,push"
        return f'Bearer realm="http://{self.address}{_DOORMAN}?kind=old",service="images",scope="{scope}"'

    @property
    def address(self) -> str:
        """Its host and port, as `registry` of a container names it."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """The media type and the body of what lies at a path; None: nothing does."""
        if path in ("/v2", "/v2/"):
            return "application/json", b"{}"
        kind, _, reference = path.removeprefix(f"/v2/{REPOSITORY}/").partition("/")
        if kind == "manifests" and reference in (TAG, "latest", self.image.digest):
            return _MANIFEST, self.image.manifest
        if kind == "blobs" and reference in self.image.blobs:
            return "application/octet-stream", self.image.blobs[reference]
        return None


def _handler(registry: Registry, expected: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registry.requests.append(f"{self.command} {self.path}")
            given = self.headers.get("Authorization", "")
            is_at_doorman = registry.has_doorman and self.path.startswith(f"{_DOORMAN}?")
            wanted = f"Bearer {registry.token}" if registry.has_doorman and not is_at_doorman else expected
            if not secrets.compare_digest(given, wanted) and wanted:
                registry.refused += 1
                self._send(HTTPStatus.UNAUTHORIZED, "application/json", b'{"errors":[{"code":"UNAUTHORIZED"}]}')
                return
            if is_at_doorman:
                self._send(HTTPStatus.OK, "application/json", json.dumps({"token": registry.token}).encode())
                return
            found = registry.answer(self.path)
            if found is None:
                self._send(HTTPStatus.NOT_FOUND, "application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
                return
            if "/manifests/" in self.path and self.command == "GET":
                registry.pulls += 1
            self._send(HTTPStatus.OK, *found)

        do_HEAD = do_GET  # noqa: N815

        def _send(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
            self.send_response(status)
            if status is HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", registry.challenge)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name that http.server calls)
            """Nothing: tests look at what was counted."""

    return Handler
