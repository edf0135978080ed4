"""A server of S3 on loopback, and a plain client that looks at what is in its buckets.

The server is moto's, which cannot live in one environment with what the package needs: `make test` installs it below
`.tools/s3`.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.support.needs import need

PYTHON = Path(__file__).parents[2] / ".tools" / "s3" / "bin" / "python"


HEADER = (
    "Authorization: AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
"""What moto takes for somebody who may do everything."""


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    address: str

    def make_bucket(self, name: str) -> None:
        """A new, empty bucket."""
        self._ask("PUT", name)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """An object in a bucket."""
        self._ask("PUT", f"{bucket}/{quote(key, safe='')}", body)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """All that is in a bucket, by key."""
        listing = self._ask("GET", f"{bucket}?list-type=2").decode()
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", listing, re.DOTALL)]
        return {key: self._ask("GET", f"{bucket}/{quote(key, safe='')}") for key in keys}

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        name, _, value = HEADER.partition(": ")
        answer = httpx.request(method, f"{self.address}/{path}", content=body, headers={name: value}, timeout=60)
        return answer.raise_for_status().content


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that keeps everything in its memory."""
    need("" if PYTHON.exists() else "the server of S3 is not installed: make .tools/s3/.installed")
    argv = [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = (re.search(r"Running on (http://127\.0\.0\.1:\d+)", line) for line in process.stderr)
            match = next((match for match in found if match is not None), None)
            assert match is not None, "the server of S3 has not started"
            yield S3Server(match[1])
        finally:
            process.terminate()
            process.stderr.read()
