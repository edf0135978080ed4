"""What registries say about a workflow's images, before it is submitted: only "there is no such image" is an error."""

import asyncio
import base64
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deepsquare.sdk import AsyncClient, ChainUnreachable
from deepsquare.sdk import images as images_module
from deepsquare.sdk.configuration import load as configuration_of
from deepsquare.sdk.images import LIMIT_SECONDS, MAX_PLACES, check_images
from deepsquare.sdk.registry import MAX_TOKEN_BYTES, Answer, Credentials, Registries
from deepsquare.workflow import ImageName, Loaded, load
from tests.support.clock import ManualClock
from tests.support.modules import MemoryModules
from tests.support.registry import Image, Registry

HEAD = "resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\nsteps:\n"
PASSWORD = "p4ss-word"
_ENOUGH_BYTES = 65536
CLOSED = "127.0.0.1:1"
"""Nobody listens there."""


def running(*containers: str, more: str = "") -> Loaded:
    """A workflow whose steps run in these containers, one each: the third line is the first one's."""
    steps = (f"  - run: {{command: x, container: {{{container}}}}}\n" for container in containers)
    return load(HEAD + "".join(steps) + more)


async def told(loaded: Loaded, clock: ManualClock | None = None) -> list[str]:
    assert loaded.workflow is not None, loaded.problems
    problems = await check_images(loaded.containers, clock or ManualClock())
    return [problem.describe("job.yaml") for problem in problems]


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(layer=b"nothing")


@pytest.fixture
def registry(image: Image) -> Iterator[Registry]:
    with Registry(image) as served:
        yield served


@pytest.fixture
def private(image: Image) -> Iterator[Registry]:
    with Registry(image, user="me", password=PASSWORD) as served:
        yield served


@pytest.fixture
def guarded(image: Image) -> Iterator[Registry]:
    """Private, with a doorman."""
    with Registry(image, user="me", password=PASSWORD, has_doorman=True) as served:
        yield served


class OddServer:
    """Answers every request with the same bytes; `requests` are the heads of those that came."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.was_asked = asyncio.Event()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.read(_ENOUGH_BYTES))
            self.was_asked.set()
            if self._answer is None:
                await reader.read()  # until the client gives up
            else:
                writer.write(self._answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[OddServer]:
    """An odd server; None: it never answers."""
    odd = OddServer(answer)
    server = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    odd.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield odd
    finally:
        server.close()


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "Connection: close", "", "")).encode()


async def test_an_image_that_is_there_is_no_problem(registry: Registry, image: Image) -> None:
    where = f"registry: '{registry.address}'"
    names = ("team/tools:1", "team/tools", f"team/tools@{image.digest}", f"team/tools:gone@{image.digest}")
    assert await told(running(*(f"{where}, image: '{name}'" for name in names))) == []
    assert await told(running(f"image: '{registry.address}/team/tools:1', apptainer: true")) == []


async def test_an_image_is_asked_for_without_being_pulled(registry: Registry) -> None:
    await told(running(f"image: '{registry.address}/team/tools:1'"))
    assert registry.requests == ["HEAD /v2/team/tools/manifests/1"]
    assert registry.pulls == 0


@pytest.mark.parametrize("name", ["team/tools:2", "team/other:1", f"team/tools@sha256:{'0' * 64}"])
async def test_an_image_that_is_not_there_is_an_error_at_its_line(registry: Registry, name: str) -> None:
    (line,) = await told(running(f"image: '{registry.address}/{name}'"))
    assert line == (
        f"job.yaml:3:42: error: steps[0].run.container.image: the registry {registry.address} has no image {name}; "
        "correct its name; --image-check off submits the workflow as it is"
    )


async def test_an_image_of_several_steps_is_asked_for_once_and_told_at_each(registry: Registry) -> None:
    container = f"image: '{registry.address}/team/other'"
    lines = await told(running(container, container))
    assert [line.partition(" error")[0] for line in lines] == ["job.yaml:3:42:", "job.yaml:4:42:"]
    assert registry.requests == ["HEAD /v2/team/other/manifests/latest"]


async def test_an_image_of_very_many_steps_is_told_at_the_first_ones(registry: Registry) -> None:
    lines = await told(running(*[f"image: '{registry.address}/team/other'"] * (MAX_PLACES + 5)))
    assert [line.partition(":42: ")[0] for line in lines] == [f"job.yaml:{3 + step}" for step in range(MAX_PLACES)]


async def test_several_images_are_asked_for_at_once(registry: Registry) -> None:
    names = [f"team/tools:{number}" for number in range(5)]
    lines = await told(running(*(f"image: '{registry.address}/{name}'" for name in names)))
    assert [line.partition(" error")[0] for line in lines] == [f"job.yaml:{line}:42:" for line in (3, 5, 6, 7)]
    assert sorted(registry.requests) == [f"HEAD /v2/team/tools/manifests/{number}" for number in range(5)]


async def test_of_very_many_images_some_are_not_asked_for(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_module, "MAX_IMAGES", 3)
    names = (f"image: '{registry.address}/team/tools:t{number}'" for number in range(5))
    assert len(await told(running(*names))) == len(registry.requests) == 3


async def test_an_image_of_a_module_is_told_where_the_module_is_used(registry: Registry) -> None:
    container = f"{{image: '{registry.address}/team/other:1'}}"
    module = f"name: m\ndescription: d\nsteps:\n  - run: {{command: x, container: {container}}}\n"
    loaded = load(
        f"{HEAD}  - use: {{source: git.test/owner/repo}}\n", modules=MemoryModules({"git.test/owner/repo": module})
    )
    (line,) = await told(loaded)
    inside = "git.test/owner/repo/module.yaml:4:42: steps[0].run.container.image"
    assert line.startswith(f"job.yaml:3:19: error: steps[0].use.source: {inside}: the registry {registry.address} has")


async def test_nobody_is_asked_for_files_and_for_the_providers_own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert await told(running("image: /images/tools.sif", "image: 'team/tools:1', deepsquareHosted: true")) == []


@pytest.mark.parametrize("name", ["private", "guarded"])
async def test_a_private_image_is_found_with_the_password(name: str, request: pytest.FixtureRequest) -> None:
    served: Registry = request.getfixturevalue(name)
    who = f"username: me, password: {PASSWORD}"
    assert await told(running(f"registry: '{served.address}', image: 'team/tools:1', {who}")) == []
    (line,) = await told(running(f"registry: '{served.address}', image: 'team/tools:2', {who}"))
    assert "error: steps[0].run.container.image" in line


@pytest.mark.parametrize("name", ["private", "guarded"])
async def test_a_registry_that_does_not_let_in_is_a_warning(name: str, request: pytest.FixtureRequest) -> None:
    served: Registry = request.getfixturevalue(name)
    (stranger,) = await told(running(f"image: 'team/tools:1', registry: '{served.address}'"))
    assert stranger == (
        f"job.yaml:3:42: warning: steps[0].run.container.image: the registry {served.address} does not show "
        "team/tools:1 to everybody; it may not be there at all; check its name, or give a username and a password"
    )
    wrong = f"registry: '{served.address}', image: 'team/tools:1', username: me, password: wr0ng"
    (line,) = await told(running(wrong))
    assert "warning: steps[0].run.container.image" in line
    assert line.endswith("check its name, the username and the password")
    assert "wr0ng" not in line


async def test_a_doorman_is_asked_for_no_more_than_pulling_this_image(image: Image) -> None:
    with Registry(image, has_doorman=True) as served:
        assert await told(running(f"image: '{served.address}/team/tools:1'")) == []
    wish = "kind=old&service=images&scope=repository%3Ateam%2Ftools%3Apull"
    manifest = "HEAD /v2/team/tools/manifests/1"
    assert served.requests == [manifest, f"GET /token?{wish}", manifest]


async def test_one_image_with_two_passwords_is_two_questions(private: Registry) -> None:
    container = f"image: 'team/tools:1', registry: '{private.address}', username: me, password: "
    (line,) = await told(running(f"{container}wr0ng", f"{container}{PASSWORD}"))
    assert line.startswith("job.yaml:3:42: warning")


async def test_no_password_is_in_a_log_or_in_the_text_of_an_object(
    private: Registry, guarded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    who = f"username: me, password: {PASSWORD}"
    containers = (f"registry: '{served.address}', image: 'team/tools:1', {who}" for served in (private, guarded))
    assert await told(running(*containers)) == []
    assert len(private.requests) == 2
    assert len(guarded.requests) == 3
    encoded = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert not [secret for secret in (PASSWORD, encoded, guarded.token) if secret in caplog.text]
    assert PASSWORD not in repr(Credentials("me", PASSWORD))


async def test_a_registry_where_nobody_listens_is_no_problem() -> None:
    assert await told(running(f"image: '{CLOSED}/team/tools:1'")) == []


@pytest.mark.parametrize("name", ["nowhere.test/team/tools:1", "team/tools:1", f"{'x' * 70}.test/tools"])
async def test_a_registry_whose_name_nobody_knows_is_no_problem(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_knows(host: str | bytes, *_: object, **__: object) -> None:
        raise UnicodeError("label too long") if len(host) > 63 else socket.gaierror("nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    assert await told(running(f"image: '{name}'")) == []


@pytest.mark.parametrize("port", [0, 65536, 99999])
async def test_a_registry_at_a_port_that_is_none_is_no_problem(port: int) -> None:
    assert await told(running(f"image: '127.0.0.1:{port}/team/tools:1'")) == []


async def test_a_registry_that_does_not_answer_is_given_up_after_the_limit() -> None:
    clock = ManualClock()
    async with answering(None) as slow:
        asking = asyncio.create_task(told(running(f"image: '{slow.address}/team/tools:1'"), clock))
        await slow.was_asked.wait()
        assert not asking.done()
        clock.advance(LIMIT_SECONDS)
        assert await asking == []


async def test_a_resolver_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, was_asked, may_answer = ManualClock(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def resolve(*_: object, **__: object) -> list[Any]:
        loop.call_soon_threadsafe(was_asked.set)
        may_answer.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    asking = asyncio.create_task(told(running("image: 'images.test/team/tools:1'"), clock))
    await was_asked.wait()
    clock.advance(LIMIT_SECONDS)
    assert await asking == []
    may_answer.set()


async def test_what_was_answered_before_the_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun = asyncio.Event()

    async def look_for(_: Registries, image: ImageName, __: Credentials | None) -> Answer:
        if image.registry == "slow.test":
            has_begun.set()
            await asyncio.Event().wait()
        return Answer.MISSING

    monkeypatch.setattr(Registries, "look_for", look_for)
    clock = ManualClock()
    asking = asyncio.create_task(told(running("image: fast.test/x", "image: slow.test/x"), clock))
    await has_begun.wait()
    await asyncio.sleep(0)  # the limit begins
    clock.advance(LIMIT_SECONDS)
    (line,) = await asking
    assert "fast.test" in line


async def test_what_comes_from_elsewhere_than_loopback_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def at_home(_: object, *arguments: Any, **more: Any) -> Any:
        return real("127.0.0.1", *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    async with answering(head("404 Not Found")) as plain:
        port = plain.address.rpartition(":")[2]
        who = f"username: me, password: {PASSWORD}"
        assert await told(running(f"registry: 'images.test:{port}', image: 'team/tools:1', {who}")) == []
        assert [request[:2] for request in plain.requests] == [b"\x16\x03"]


@pytest.mark.parametrize(
    "answer",
    [
        head("429 Too Many Requests"),
        head("500 Internal Server Error"),
        head("405 Method Not Allowed"),
        head("401 Unauthorized"),
        head("401 Unauthorized", "WWW-Authenticate: Negotiate"),
        head("401 Unauthorized", "WWW-Authenticate: Bearer"),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="http://images.test/token"'),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="http://127.0.0.2:1/token"'),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="file:///etc/passwd"'),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="https://me:x@127.0.0.1:1/token"'),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="https://[/token"'),
        head("401 Unauthorized", 'WWW-Authenticate: Bearer realm="https://127.0.0.1:99999/token"'),
        head("401 Unauthorized", f"WWW-Authenticate: Bearer {'x' * 60000}"),
        head("307 Temporary Redirect", "Location: http://127.0.0.1:1/v2/team/tools/manifests/1"),
        head("200 OK", f"X: {'x' * 1_000_000}"),
        b"SSH-2.0-server\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"",
    ],
    ids=range(18),
)
async def test_an_answer_that_tells_nothing_is_no_problem(answer: bytes) -> None:
    who = f"username: me, password: {PASSWORD}"
    async with answering(answer) as odd:
        assert await told(running(f"registry: '{odd.address}', image: 'team/tools:1', {who}")) == []
        assert len(odd.requests) == 1


async def test_no_cookie_is_kept_from_one_question_to_another() -> None:
    challenge = 'WWW-Authenticate: Basic realm="images"'
    async with answering(head("401 Unauthorized", challenge, "Set-Cookie: session=1; Path=/")) as odd:
        who = f"username: me, password: {PASSWORD}"
        (line,) = await told(running(f"registry: '{odd.address}', image: 'team/tools:1', {who}"))
        assert "does not show team/tools:1 to this user" in line
        assert [b"authorization: " in request.lower() for request in odd.requests] == [False, True]
        assert not [request for request in odd.requests if b"cookie" in request.lower()]


async def test_loopback_is_asked_by_no_proxy(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with answering(head("404 Not Found")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        assert await told(running(f"image: '{registry.address}/team/tools:1'")) == []
        assert proxy.requests == []


async def test_a_redirect_is_not_followed(registry: Registry) -> None:
    target = f"Location: http://{registry.address}/v2/team/other/manifests/1"
    async with answering(head("302 Found", target)) as odd:
        assert await told(running(f"image: '{odd.address}/team/tools:1'")) == []
    assert registry.requests == []


async def test_a_doorman_without_encryption_on_another_host_than_the_registrys_is_not_asked(guarded: Registry) -> None:
    challenge = f'WWW-Authenticate: Bearer realm="http://{guarded.address}/token"'
    async with answering(head("401 Unauthorized", challenge)) as odd:
        registry = odd.address.replace("127.0.0.1", "localhost")
        who = f"username: me, password: {PASSWORD}"
        assert await told(running(f"registry: '{registry}', image: 'team/tools:1', {who}")) == []
        assert len(odd.requests) == 1
    assert guarded.requests == []


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"no JSON",
        lambda: b"[" * MAX_TOKEN_BYTES,
        lambda: b'["token"]',
        lambda: b"{}",
        lambda: json.dumps({"token": 7}).encode(),
        lambda: json.dumps({"token": "two\r\nlines: x"}).encode(),
        lambda: json.dumps({"token": "t", "more": "x" * MAX_TOKEN_BYTES}).encode(),
    ],
    ids=["no JSON", "deep", "a list", "nothing", "a number", "two lines", "too long"],
)
async def test_an_odd_token_is_not_used(
    body: Callable[[], bytes], image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering(head("200 OK") + body()) as doorman:
        challenge = f'Bearer realm="http://{doorman.address}/token"'
        monkeypatch.setattr(Registry, "challenge", property(lambda _: challenge))
        with Registry(image, has_doorman=True) as served:
            assert await told(running(f"image: '{served.address}/team/tools:1'")) == []
        assert len(doorman.requests) == len(served.requests) == 1


async def test_of_several_ways_to_authenticate_a_token_is_preferred(
    guarded: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f'Basic realm="images", {guarded.challenge}'
    monkeypatch.setattr(Registry, "challenge", property(lambda _: both))
    who = f"username: me, password: {PASSWORD}"
    assert await told(running(f"registry: '{guarded.address}', image: 'team/tools:1', {who}")) == []
    assert len(guarded.requests) == 3


async def test_a_chain_that_cannot_be_reached_is_told_without_waiting_for_registries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    grid = {"rpc": "http://127.0.0.1:1", "chain_id": "7", "meta_scheduler": f"0x{'1' * 40}", "gateway": "http://x:1"}
    configuration = configuration_of(grid, environment={}, folder=tmp_path)
    async with answering(None) as slow, AsyncClient(configuration, clock=ManualClock()) as client:
        text = f"{HEAD}  - run: {{command: x, container: {{image: '{slow.address}/team/tools:1'}}}}\n"
        with pytest.raises(ChainUnreachable):
            await client.prepare(text)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "check images"]
