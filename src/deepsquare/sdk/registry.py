"""Whether a registry has an image: a HEAD of its manifest, as the OCI distribution specification has it.

A registry may send whoever asks to a doorman that it names, for a token: over https, or on the same loopback host.
Credentials go to these two alone, and only when they are asked for. No redirect is followed, no more is read than a
token needs, and nothing of what was said is told to anybody but as an `Answer`.
"""

import asyncio
import base64
import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from deepsquare.chain.http_client import http_client
from deepsquare.sdk.host_names import look_up
from deepsquare.web.loopback import is_loopback
from deepsquare.workflow import ImageName

if TYPE_CHECKING:
    import httpx

MAX_TOKEN_BYTES = 64 * 1024
"""What a doorman's answer may have."""

_TIMEOUT_SECONDS = 30.0
"""A last end; how long to wait is for whoever asks."""

_MAX_CHALLENGE = 4096
_MAX_PORT = 65535
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PARAMETER = re.compile(r'(?:\b([A-Za-z]{1,32})[ \t]{1,8})?\b([A-Za-z_]{1,32})[ \t]{0,8}=[ \t]{0,8}"([^"]*)"')
_TOKEN = re.compile(r"[!-~]+")


class Answer(enum.Enum):
    """What a registry says about an image."""

    FOUND = enum.auto()
    MISSING = enum.auto()
    REFUSED = enum.auto()
    """Not to whoever asks so. Many say this of what is not there, too."""
    UNKNOWN = enum.auto()
    """Nothing, or nothing that tells."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks a registry."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """As basic authentication has them."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Registries:
    """Asks registries, each over connections of its own; `close()` gives them back."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}
        """By the schemes of addresses."""
        self._lookups: dict[str, asyncio.Task[None]] = {}
        """By the names of hosts."""

    async def close(self) -> None:
        """Give back connections."""
        for lookup in self._lookups.values():
            lookup.cancel()
        await asyncio.gather(*self._lookups.values(), return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    async def look_for(self, image: ImageName, credentials: Credentials | None) -> Answer:
        """What its registry says about the image. Whatever goes wrong on the way there is no answer."""
        import httpx  # noqa: PLC0415 - see `http_client`

        try:
            return await self._look_for(image, credentials)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            return Answer.UNKNOWN

    async def _look_for(self, image: ImageName, credentials: Credentials | None) -> Answer:
        import httpx  # noqa: PLC0415 - see `http_client`

        scheme = "http" if is_loopback(_host(image.registry)) else "https"
        manifest = httpx.URL(f"{scheme}://{image.registry}/v2/{image.repository}/manifests/{image.reference}")
        response = await self._ask(manifest)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return _meaning(response)
        challenges = _challenges(response.headers.get("WWW-Authenticate", ""))
        if "bearer" in challenges:
            token = await self._token(image, challenges["bearer"], credentials)
            if isinstance(token, Answer):
                return token
            authorization = f"Bearer {token}"
        elif "basic" not in challenges:
            return Answer.UNKNOWN
        elif credentials is None:
            return Answer.REFUSED
        else:
            authorization = credentials.header
        return _meaning(await self._ask(manifest, authorization))

    async def _ask(self, manifest: "httpx.URL", authorization: str = "") -> "httpx.Response":
        headers = {"Accept": _MANIFESTS} | ({"Authorization": authorization} if authorization else {})
        return await (await self._client(manifest)).head(manifest, headers=headers)

    async def _token(
        self, image: ImageName, challenge: Mapping[str, str], credentials: Credentials | None
    ) -> str | Answer:
        """What the doorman gives for pulling this image, or what the registry means by giving nothing."""
        import httpx  # noqa: PLC0415 - see `http_client`

        doorman = httpx.URL(challenge.get("realm", ""))
        if not _is_safe(doorman, image.registry):
            return Answer.UNKNOWN
        client = await self._client(doorman)
        wish = {"service": challenge.get("service", ""), "scope": f"repository:{image.repository}:pull"}
        url = doorman.copy_merge_params({key: value for key, value in wish.items() if value})
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": credentials.header} if credentials else {})
        async with client.stream("GET", url, headers=headers) as response:
            if not response.is_success:
                return Answer.REFUSED if response.status_code in _REFUSALS else Answer.UNKNOWN
            text = b""
            async for piece in response.aiter_raw():
                text += piece
                if len(text) > MAX_TOKEN_BYTES:
                    return Answer.UNKNOWN
        return _token_in(text) or Answer.UNKNOWN

    async def _client(self, url: "httpx.URL") -> "httpx.AsyncClient":
        """The client for this address. Raises `httpx.InvalidURL` where its port is none."""
        from http.cookiejar import DefaultCookiePolicy  # noqa: PLC0415 - httpx needs it, nobody else

        import httpx  # noqa: PLC0415 - see `http_client`

        if url.port is not None and not 0 < url.port <= _MAX_PORT:
            raise httpx.InvalidURL("this is no port")
        if url.host not in self._lookups:
            self._lookups[url.host] = asyncio.create_task(look_up(url.host))
        await asyncio.shield(self._lookups[url.host])
        if url.scheme not in self._clients:
            # What comes from loopback comes from no proxy, which would see all of it.
            client = http_client(str(url), timeout_seconds=_TIMEOUT_SECONDS, is_direct=url.scheme == "http")
            # By a cookie, one question might be let in with the credentials of another.
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
            self._clients[url.scheme] = client
        return self._clients[url.scheme]


def _meaning(response: "httpx.Response") -> Answer:
    if response.is_success:
        return Answer.FOUND
    if response.status_code == HTTPStatus.NOT_FOUND:
        return Answer.MISSING
    return Answer.REFUSED if response.status_code in _REFUSALS else Answer.UNKNOWN


def _host(registry: str) -> str:
    """The registry without its port."""
    return registry.partition(":")[0]


def _is_safe(doorman: "httpx.URL", registry: str) -> bool:
    """May credentials go there?"""
    if doorman.userinfo or not doorman.host:
        return False
    host = _host(registry)
    return doorman.scheme == "https" or (doorman.scheme == "http" and is_loopback(host) and doorman.host == host)


def _challenges(header: str) -> dict[str, dict[str, str]]:
    """The parameters of each way to authenticate, both by their names in small letters."""
    ways: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for way, name, value in _PARAMETER.findall(header[:_MAX_CHALLENGE]):
        if way:
            parameters = ways.setdefault(way.lower(), {})
        parameters.setdefault(name.lower(), value)
    return ways


def _token_in(text: bytes) -> str | None:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    token = (answer.get("token") or answer.get("access_token")) if isinstance(answer, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None
