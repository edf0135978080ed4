"""The rules of containers, networks, transports, loops, launches and modules: what each field accepts and refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from deepsquare.workflow import FetchedModule, ModuleSource, Severity, from_data

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
RESOURCES = {"tasks": 4, "gpus": 2, "cpusPerTask": 2, "memPerCpu": 100}


def job(**changes: Any) -> dict[str, Any]:
    return {
        "resources": RESOURCES,
        "steps": [],
        "virtualNetworks": [{"name": "net", "gatewayAddress": "10.0.0.1/24"}],
        **changes,
    }


def in_step(**changes: Any) -> dict[str, Any]:
    return job(steps=[{"launch": {"handleName": "before", "steps": []}}, changes])


def in_run(**changes: Any) -> dict[str, Any]:
    return in_step(run={"command": "true", "network": "pasta", **changes})


def in_container(**changes: Any) -> dict[str, Any]:
    return in_run(container={"image": "debian:12", **changes})


def in_private(**changes: Any) -> dict[str, Any]:
    return in_container(registry="a", apptainer=True, **changes)


def in_mount(**changes: Any) -> dict[str, Any]:
    return in_container(mounts=[{"hostDir": "/a", "containerDir": "/b", **changes}])


def in_interface(**interface: Any) -> dict[str, Any]:
    return in_run(customNetworkInterfaces=[interface])


def in_peer(**changes: Any) -> dict[str, Any]:
    return in_interface(wireguard={"privateKey": KEY, "peers": [{"publicKey": KEY, **changes}]})


def in_bore(**changes: Any) -> dict[str, Any]:
    return in_interface(bore={"boreAddress": "example.com:2200", "targetPort": 80, **changes})


def in_loop(**changes: Any) -> dict[str, Any]:
    return in_step(**{"for": {"parallel": False, "steps": [], **changes}})


def in_launch(**changes: Any) -> dict[str, Any]:
    return in_step(launch={"steps": [], **changes})


def in_use(**changes: Any) -> dict[str, Any]:
    return in_step(use={"source": "github.com/owner/repo", **changes})


def in_s3(**changes: Any) -> dict[str, Any]:
    s3 = {
        "region": "r",
        "bucketUrl": "s3://b",
        "path": "/",
        "accessKeyId": "a",
        "secretAccessKey": "s",
        "endpointUrl": "https://e",
    }
    return job(output={"s3": {**s3, **changes}})


@dataclass(frozen=True)
class Rule:
    """One field: where it stands, what it accepts, what it refuses and with which words."""

    put: Callable[..., dict[str, Any]]
    key: str
    at: str
    """The path of what holds the field, or of the value where the path does not end with the field's own key."""
    accepts: tuple[Any, ...]
    refuses: tuple[Any, ...]
    message: str


STEP = "steps[1]"
RUN = f"{STEP}.run"
BOX = f"{RUN}.container"
FACE = f"{RUN}.customNetworkInterfaces[0]"
NETWORKS = ("10.0.0.2/24", "0.0.0.0/0", "fd00::1/64", "10.1.2.3/32")
NO_NETWORKS = (
    "10.0.0.2",
    "10.0.0.2/33",
    "10.0.0.256/8",
    "x/24",
    "10.0.0.0/24\n",
    "10.0.0.0/ 24",
    "10.0.0.0/255.0.0.0",
    "",
)
NO_KEYS = ("", "short", KEY[:-1], f"{KEY}\n", f"{KEY}\nPostUp = touch PWNED", KEY + "AAAA", "é" * 44)
HOSTS = ("example.com:2200", "10.0.0.1:1", "[fd00::1]:65535", "a:80")
NO_HOSTS = ("example.com", ":80", "a:0", "a:65536", "a:b", "a b:80", "a:80\n", "-a:80", "a:80:90", "http://a:80")
NO_MOUNTS = ("a", "", "/a/../b", "/..", "/a:b", "/a,b", "/a\0")
NO_HANDLES = ("", "a b", "a-b", "a\n", "é", "a;b", "$a")
NO_IDS = (-1, 4294967295, "0", 1.5)

RULES = [
    # -- transports
    Rule(
        lambda **url: job(input={"http": url}),
        "url",
        "input.http",
        ("http://a", "https://example.com:8443/x?y=z#w"),
        ("", "ftp://a", "a", "http://", "https://a b", "https://a\n", "http://a:x", "//a", "file:///etc/passwd"),
        "expected an http or https address",
    ),
    Rule(
        in_s3,
        "bucketUrl",
        "output.s3",
        ("s3://b", "s3://my-bucket.x"),
        ("", "b", "s3://", "s3://b/", "https://b", "s3://a b", "s3://b\n"),
        "expected s3://",
    ),
    Rule(in_s3, "path", "output.s3", ("/", "/a b/c"), ("", "a", "./a"), "starts with `/`"),
    Rule(
        in_s3,
        "endpointUrl",
        "output.s3",
        ("https://s3.example.com", "http://127.0.0.1:9000"),
        ("", "s3.example.com", "s3://x"),
        "expected an http or https address",
    ),
    Rule(in_s3, "region", "output.s3", ("us-east-2", "", "any text"), (None, 1, []), "expected a text"),
    Rule(in_s3, "accessKeyId", "output.s3", ("any text",), (None, 1, {}), "expected a text"),
    Rule(in_s3, "secretAccessKey", "output.s3", ("any text",), (None, 1, "a\0"), ""),
    Rule(in_s3, "deleteSync", "output.s3", (True, False, None), ("yes", 1), "expected true or false"),
    Rule(job, "inputMode", "", (0, 493, 511, None), (-1, 512, "493", 1.5), ""),
    Rule(job, "continuousOutputSync", "", (True, False, None), ("true", 0), "expected true or false"),
    # -- virtual networks
    Rule(
        lambda **more: job(virtualNetworks=[{"name": "a", "gatewayAddress": "10.0.0.1/24", **more}]),
        "gatewayAddress",
        "virtualNetworks[0]",
        NETWORKS,
        NO_NETWORKS,
        "",
    ),
    Rule(
        lambda **more: job(virtualNetworks=[{"name": "a", "gatewayAddress": "10.0.0.1/24", **more}]),
        "name",
        "virtualNetworks[0]",
        ("any text",),
        ("", None),
        "",
    ),
    # -- steps
    Rule(
        in_step,
        "if",
        STEP,
        ("1 -eq 1", "any text", None),
        (1, [], "a\0", "1 ]]; touch PWNED; [[ 1"),
        "ends before its end",
    ),
    Rule(
        lambda **given: in_step(dependsOn=[given["dependsOn"]]),
        "dependsOn",
        f"{STEP}.dependsOn[0]",
        ("before", "BEFORE"),
        NO_HANDLES,
        "a handle has letters",
    ),
    Rule(in_launch, "handleName", f"{STEP}.launch", ("a", "A_1", "9", None), NO_HANDLES, "a handle has letters"),
    Rule(in_launch, "signalOnParentStepExit", f"{STEP}.launch", (0, 2, 15, 64), (-1, 65, "TERM", True), ""),
    Rule(in_launch, "steps", f"{STEP}.launch", ([], [{}]), (None, {}, "x"), "expected a list"),
    Rule(in_step, "catch", STEP, ([], [{}], None), ({}, "x"), "expected a list"),
    Rule(in_step, "finally", STEP, ([], [{}], None), ({}, "x"), "expected a list"),
    Rule(
        lambda **more: in_loop(items=[], **more),
        "parallel",
        f"{STEP}.for",
        (True, False),
        (None, "yes", 1),
        "expected true or false",
    ),
    Rule(in_loop, "items", f"{STEP}.for", ([], ["a", ""], ["a\nb"]), ([1], ["a\0"], [None]), ""),
    Rule(
        lambda **more: in_loop(range={"begin": 1, "end": 2, **more}),
        "begin",
        f"{STEP}.for.range",
        (0, -(2**31), 1),
        (None, "1", 2**31),
        "",
    ),
    Rule(
        lambda **more: in_loop(range={"begin": 1, "end": 2, **more}),
        "end",
        f"{STEP}.for.range",
        (2, 2**31 - 1),
        (None, "1", -(2**31) - 1),
        "",
    ),
    Rule(
        lambda **more: in_loop(range={"begin": 1, "end": 1, **more}),
        "increment",
        f"{STEP}.for.range",
        (1, -1, 7, None),
        (0, "1"),
        "",
    ),
    Rule(
        in_use,
        "source",
        f"{STEP}.use",
        ("github.com/o/r", "git.example.com:8443/o/r/a/b@v1.2", "h.x/o/r@0123456789abcdef", "h/o/r@feature/x"),
        (
            "",
            "github.com/o",
            "https://github.com/o/r",
            "h/o/r@",
            "h/o/../r",
            "h/o/r a",
            "-h/o/r",
            "h/o/r@-x",
            "h/o/r@v1\n",
            "/o/r/x",
            "h/o/r;x",
        ),
        "expected where a module lies",
    ),
    Rule(
        in_use,
        "exportEnvAs",
        f"{STEP}.use",
        ("MY_MODULE", "_", None),
        ("", "1A", "A-B", "SLURM", "LD", "DEEPSQUARE", "ENROOT", "A\n"),
        "",
    ),
    Rule(
        lambda key: in_use(args=[{"key": key, "value": "x"}]),
        "key",
        f"{STEP}.use.args[0].key",
        ("A",),
        ("PATH", "LD_PRELOAD", "a b"),
        "",
    ),
    # -- containers
    Rule(
        in_container,
        "image",
        BOX,
        (
            "debian",
            "debian:12",
            "a/b/c:V1.0",
            "ghcr.io/a/b",
            "localhost:5000/a",
            "a@sha256:" + "0" * 64,
            "a:b@sha256:" + "f" * 64,
            "/images/my.sif",
            "m1k1o/neko:firefox",
        ),
        (
            "",
            "-a",
            "--help",
            "a b",
            "A",
            "a:",
            "a:b:c",
            "a//b",
            "a@sha256:0",
            "docker://a",
            "a\n",
            "a:b\n",
            "/a/../b",
            "/a:b",
            "/a,b",
            "a'b",
            "$(a)",
            "../a",
            "a/../b",
        ),
        "",
    ),
    Rule(
        in_container,
        "registry",
        BOX,
        ("docker.io", "127.0.0.1:5000", "localhost", None),
        ("", "https://a", "a/b", "a:0", "a:65536", "-a", "a b", "a\n", "u@a"),
        "expected a registry's host",
    ),
    Rule(
        lambda **more: in_container(registry="a", apptainer=True, **more),
        "username",
        BOX,
        ("any text", None),
        ("a\0", 1),
        "",
    ),
    Rule(
        lambda **more: in_container(registry="a", apptainer=True, **more),
        "password",
        BOX,
        ("any text", None),
        ("a\0", 1),
        "",
    ),
    *(
        Rule(in_container, key, BOX, (True, False, None), ("true", 1), "expected true or false")
        for key in ("apptainer", "deepsquareHosted", "x11", "mountHome", "readOnlyRootFS")
    ),
    Rule(in_mount, "hostDir", f"{BOX}.mounts[0]", ("/", "/a b/c..d"), NO_MOUNTS, ""),
    Rule(in_mount, "containerDir", f"{BOX}.mounts[0]", ("/", "/a b/c"), NO_MOUNTS, ""),
    Rule(
        in_mount,
        "options",
        f"{BOX}.mounts[0]",
        ("rw", "ro", None),
        ("", "rw,suid", "exec", "ro\n"),
        "expected one of rw, ro",
    ),
    Rule(
        in_run,
        "shell",
        RUN,
        ("/bin/sh", "/bin/bash", "/bin/ash"),
        ("sh", "/bin/zsh", "", "/bin/sh -c x"),
        "expected one of",
    ),
    # -- networks of steps
    Rule(in_run, "network", RUN, ("host", "slirp4netns", "pasta"), ("bridge", "", "Host"), "expected one of host"),
    Rule(
        lambda dns: in_run(dns=[dns]),
        "dns",
        f"{RUN}.dns[0]",
        ("1.1.1.1", "fd00::1"),
        ("", "one.one", "1.1.1", "1.1.1.1\n", "fe80::1%eth0", "1.1.1.1,2.2.2.2"),
        "",
    ),
    Rule(in_run, "mapUid", RUN, (0, 4294967294, None), NO_IDS, ""),
    Rule(in_run, "mapGid", RUN, (0, 4294967294, None), NO_IDS, ""),
    Rule(
        lambda **more: in_interface(wireguard={"privateKey": KEY, **more}),
        "privateKey",
        f"{FACE}.wireguard",
        (KEY,),
        NO_KEYS,
        "",
    ),
    Rule(
        lambda address: in_interface(wireguard={"privateKey": KEY, "address": [address]}),
        "address",
        f"{FACE}.wireguard.address[0]",
        NETWORKS,
        NO_NETWORKS,
        "",
    ),
    Rule(in_peer, "publicKey", f"{FACE}.wireguard.peers[0]", (KEY,), NO_KEYS, ""),
    Rule(in_peer, "preSharedKey", f"{FACE}.wireguard.peers[0]", (KEY, None), NO_KEYS, ""),
    Rule(
        lambda **given: in_peer(allowedIPs=[given["allowedIPs"]]),
        "allowedIPs",
        f"{FACE}.wireguard.peers[0].allowedIPs[0]",
        NETWORKS,
        NO_NETWORKS,
        "",
    ),
    Rule(in_peer, "endpoint", f"{FACE}.wireguard.peers[0]", (*HOSTS, None), NO_HOSTS, "expected a host and a port"),
    Rule(in_peer, "persistentKeepalive", f"{FACE}.wireguard.peers[0]", (0, 25, 65535, None), (-1, 65536, "25"), ""),
    Rule(in_bore, "boreAddress", f"{FACE}.bore", HOSTS, NO_HOSTS, "expected a host and a port"),
    Rule(in_bore, "targetPort", f"{FACE}.bore", (1, 65535), (0, 65536, "80", None), ""),
    Rule(in_bore, "secret", f"{FACE}.bore", ("any text", None), (1, "a\0"), ""),
    Rule(
        lambda **more: in_interface(bore={"targetPort": 80, "port": 80, **more}),
        "address",
        f"{FACE}.bore",
        ("example.com", "10.0.0.1", "fd00::1"),
        ("a b", "-a", "a:1", "a\n"),
        "expected a host",
    ),
    Rule(
        lambda **more: in_interface(bore={"targetPort": 80, "address": "a", **more}),
        "port",
        f"{FACE}.bore",
        (1, 65535),
        (0, 65536, "80"),
        "",
    ),
    Rule(
        lambda **more: in_interface(vnet={"name": "net", "address": "10.0.0.2/24", **more}),
        "address",
        f"{FACE}.vnet",
        NETWORKS,
        NO_NETWORKS,
        "",
    ),
    Rule(
        lambda **more: in_interface(vnet={"name": "net", "address": "10.0.0.2/24", **more}),
        "name",
        f"{FACE}.vnet",
        ("net",),
        ("other", "", "NET"),
        "no virtual network of this name",
    ),
]


class OneModule:
    """The same module at every place."""

    def fetch(self, source: ModuleSource) -> FetchedModule:
        del source
        return FetchedModule(
            "name: m\ndescription: d\ninputs: [{key: A, description: d, default: x}]\nsteps: []\n", "0" * 40
        )


def errors(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Paths and messages of what is wrong."""
    problems = from_data(data, modules=OneModule()).problems
    return [(problem.path, problem.message) for problem in problems if problem.severity is Severity.ERROR]


def cases(which: str) -> list[Any]:
    return [
        pytest.param(rule, value, id=f"{rule.at}-{rule.key}-{number}")
        for rule in RULES
        for number, value in enumerate(rule.accepts if which == "accepts" else rule.refuses)
    ]


@pytest.mark.parametrize(("rule", "value"), cases("accepts"))
def test_a_good_value_is_accepted(rule: Rule, value: Any) -> None:
    assert errors(rule.put(**{rule.key: value})) == []


@pytest.mark.parametrize(("rule", "value"), cases("refuses"))
def test_a_bad_value_is_refused_at_its_place(rule: Rule, value: Any) -> None:
    found = errors(rule.put(**{rule.key: value}))
    is_whole = rule.at.endswith(f".{rule.key}") or f".{rule.key}[" in rule.at
    path = rule.at if is_whole else f"{rule.at}.{rule.key}".lstrip(".")
    ((place, message),) = found
    assert place in {path, f"{path}[0]"}
    assert rule.message in message or not isinstance(value, str) or "\0" in value


S3 = in_s3()["output"]["s3"]
HTTP = {"url": "https://a"}
RANGE = {"begin": 1, "end": 2}
WIREGUARD = {"privateKey": KEY}
BORE = {"boreAddress": "a:1", "targetPort": 1}


def launched(handle: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"launch": {"handleName": handle, "steps": list(steps)}}


def awaits(*handles: str, **more: Any) -> dict[str, Any]:
    return {"dependsOn": list(handles), **more}


BETWEEN_FIELDS = {
    "a transport of two kinds": (job(input={"http": HTTP, "s3": S3}), "input.s3", "only one of http, s3"),
    "a transport of no kind": (job(output={}), "output", "expected one of http, s3"),
    "deleteSync of an input": (job(input={"s3": {**S3, "deleteSync": True}}), "input.s3.deleteSync", "only an output"),
    "two networks of one name": (
        job(virtualNetworks=[{"name": "a", "gatewayAddress": "10.0.0.1/24"}] * 2),
        "virtualNetworks[1].name",
        "has this name already",
    ),
    **{
        f"{one} and {other} in a step": (
            in_step(**{one: value, other: more}),
            f"{STEP}.{other}",
            "only one of steps, run",
        )
        for (one, value), (other, more) in [
            (("steps", []), ("run", {"command": ""})),
            (("run", {"command": "x"}), ("for", {"parallel": True, "items": [], "steps": []})),
            (("for", {"parallel": True, "items": [], "steps": []}), ("launch", {"steps": []})),
            (("launch", {"steps": []}), ("use", {"source": "h/o/r"})),
        ]
    },
    "items and range": (in_loop(items=[], range=RANGE), f"{STEP}.for.range", "only one of items, range"),
    "neither items nor range": (in_loop(), f"{STEP}.for", "expected one of items, range"),
    "two kinds of interface": (in_interface(wireguard=WIREGUARD, bore=BORE), f"{FACE}.bore", "only one of wireguard"),
    "no kind of interface": (in_interface(), FACE, "expected one of wireguard, bore, vnet"),
    "two addresses of a tunnel": (in_bore(address="b"), f"{FACE}.bore.address", "boreAddress says it already"),
    "two ports of a tunnel": (in_bore(port=1), f"{FACE}.bore.port", "boreAddress says it already"),
    "no address of a tunnel": (in_interface(bore={"targetPort": 1}), f"{FACE}.bore.boreAddress", "required"),
    "half an address of a tunnel": (
        in_interface(bore={"targetPort": 1, "address": "a"}),
        f"{FACE}.bore.boreAddress",
        "required",
    ),
    "a step in a network that is wrong itself": (
        job(
            virtualNetworks=[{"name": "net", "gatewayAddress": "10.0.0.1"}],
            steps=in_interface(vnet={"name": "net", "address": "10.0.0.2/24"})["steps"],
        ),
        "virtualNetworks[0].gatewayAddress",
        "expected an address with its network's length",
    ),
    "a user name for no registry": (in_container(username="u"), f"{BOX}.username", "for a registry, and none is named"),
    "a password for no registry": (in_container(password="p"), f"{BOX}.password", "for a registry, and none is named"),
    "a handle that nobody has": (job(steps=[awaits("a")]), "steps[0].dependsOn[0]", "no step before this one"),
    "a handle of a later step": (job(steps=[awaits("a"), launched("a")]), "steps[0].dependsOn[0]", "no step before"),
    "a handle of its own": (
        job(steps=[launched("a", awaits("a"))]),
        "steps[0].launch.steps[0].dependsOn[0]",
        "no step before",
    ),
    "a handle of an inner step": (
        job(steps=[{"steps": [launched("a")]}, awaits("a")]),
        "steps[1].dependsOn[0]",
        "no step before this one",
    ),
    "two steps of one handle": (job(steps=[launched("a"), launched("A")]), "steps[1].launch.handleName", "already"),
    "an inner step of an outer one's handle": (
        job(steps=[launched("a"), {"steps": [launched("a")]}]),
        "steps[1].steps[0].launch.handleName",
        "already",
    ),
}

GOOD_BETWEEN_FIELDS = {
    "a boreAddress": in_bore(),
    "address and port": in_interface(bore={"targetPort": 1, "address": "a", "port": 2}),
    "ENTRYPOINT in a container": in_step(run={"command": "x", "container": {"image": "a"}, "shell": "ENTRYPOINT"}),
    "an empty command in a container": in_run(container={"image": "a"}, command=""),
    "a user of a registry": in_container(registry="r", username="u", password="p"),
    "deleteSync of an output": in_s3(deleteSync=True),
    "a null beside the one kind": in_step(run={"command": "x"}, steps=None),
    "handles awaited further in": job(
        steps=[
            launched("a"),
            launched("b", awaits("a")),
            {"steps": [awaits("a", "B"), {"for": {"parallel": True, "items": [], "steps": [awaits("b")]}}]},
            {"catch": [awaits("a")], "finally": [awaits("a")]},
        ]
    ),
    "one handle in two scopes": job(steps=[{"steps": [launched("a")]}, {"steps": [launched("a"), awaits("a")]}]),
}

WARNINGS = {
    "mounts": (in_mount(), f"{BOX}.mounts", "deprecated"),
    "address and port": (GOOD_BETWEEN_FIELDS["address and port"], f"{FACE}.bore.address", "deprecated"),
    "interfaces on the host network": (
        in_step(run={"command": "x", "customNetworkInterfaces": [{"bore": BORE}]}),
        f"{RUN}.customNetworkInterfaces",
        "no effect on the host network",
    ),
    "a range that leads away": (in_loop(range={"begin": 2, "end": 1}), f"{STEP}.for.range.increment", "empty"),
    "an empty condition": (in_step(**{"if": " "}), f"{STEP}.if", "always holds"),
    "an empty command on the host": (in_step(run={"command": ""}), f"{RUN}.command", "does nothing on the host"),
    "a mode of no input": (job(inputMode=493), "inputMode", "no effect without an input"),
    "continuous sync of no output": (job(continuousOutputSync=True), "continuousOutputSync", "no effect without"),
}


@pytest.mark.parametrize("name", BETWEEN_FIELDS)
def test_fields_that_do_not_go_together_are_refused_at_their_place(name: str) -> None:
    data, path, message = BETWEEN_FIELDS[name]
    ((place, said),) = errors(data)
    assert place == path
    assert message in said


@pytest.mark.parametrize("name", GOOD_BETWEEN_FIELDS)
def test_fields_that_go_together_are_accepted(name: str) -> None:
    assert errors(GOOD_BETWEEN_FIELDS[name]) == []


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_deprecated_or_has_no_effect_is_a_warning(name: str) -> None:
    data, path, message = WARNINGS[name]
    warnings = [problem for problem in from_data(data).problems if problem.severity is Severity.WARNING]
    assert [problem.path for problem in warnings] == [path]
    assert message in warnings[0].message


def test_no_secret_is_in_a_message_or_in_what_python_shows_of_a_model() -> None:
    secret = "s3cret-" * 3
    bad = job(
        input={"s3": {**S3, "secretAccessKey": f"{secret}\0"}},
        steps=[
            {"run": {"command": "x", "container": {"image": "a", "password": secret}}},
            {"run": {"command": "x", "customNetworkInterfaces": [{"wireguard": {"privateKey": secret}}]}},
        ],
    )
    assert len(errors(bad)) == 3
    assert "s3cret" not in str(from_data(bad).problems)
