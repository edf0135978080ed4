"""Each attack in every field of a workflow at once: where it may stand it is text, everywhere else it is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepsquare import compiler
from deepsquare.workflow import Workflow, from_data
from deepsquare.workflow.shapes import ListOf, Model, RecordOf, Text, keys_of
from tests.support.internet import ConnectedSite, Internet
from tests.support.modules import MemoryModules
from tests.support.runtimes import RuntimeStandIn
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ENDS_OF_HEREDOCS = [f"{word}\ntouch {CANARY}\n{word}" for word in ("END", "EOT", "'EOF'", "_EOF_", "}")]
ALL_ATTACKS = [*ATTACKS, *ENDS_OF_HEREDOCS]
ROUNDS = 6
TAKE_ANY_TEXT = {"command", "name", "value", "item", "network", "secret", "password", "argument", "s3 key", "s3 secret"}

FIELDS = {
    "command": "true",
    "name": "a step",
    "value": "x",
    "key": "A",
    "item": "one",
    "network": "net",
    "gateway": "10.0.0.1/24",
    "member": "10.0.0.2/24",
    "handle": "h",
    "region": "r",
    "bucket": "s3://b",
    "path": "/p",
    "s3 key": "k",
    "s3 secret": "s",
    "endpoint": "https://e.test",
    "url": "https://a.test/x",
    "shell": "/bin/sh",
    "kind": "slirp4netns",
    "dns": "1.1.1.1",
    "private key": KEY,
    "public key": KEY,
    "shared key": KEY,
    "allowed": "10.9.0.0/24",
    "peer": "a.test:1",
    "address": "10.9.0.2/24",
    "bore": "b.test:1",
    "secret": "s",
    "folder": "/",
    "mpi": "none",
    "image": "a/b:1",
    "registry": "r.test",
    "user": "u",
    "password": "p",
    "user of Enroot": "u",
    "password of Enroot": "p",
    "argument": "x",
    "exported": "M",
    "source": "git.test/owner/repo",
}
"""A good value for every place at which a workflow has a text."""


def workflow_with(values: dict[str, str]) -> dict[str, Any]:
    """A job that has every one of these fields; no step of it fails the job."""
    text = {**FIELDS, **values}
    image = {name: text[name] for name in ("image", "registry")}
    of_apptainer = {**image, "username": text["user"], "password": text["password"], "apptainer": True}
    of_enroot = {**image, "username": text["user of Enroot"], "password": text["password of Enroot"]}
    peer = {"publicKey": text["public key"], "preSharedKey": text["shared key"], "allowedIPs": [text["allowed"]]}
    interfaces = [
        {
            "wireguard": {
                "privateKey": text["private key"],
                "address": [text["address"]],
                "peers": [{**peer, "endpoint": text["peer"]}],
            }
        },
        {"bore": {"boreAddress": text["bore"], "targetPort": 1, "secret": text["secret"]}},
        {"vnet": {"name": text["network"], "address": text["member"]}},
    ]
    network = {"network": text["kind"], "dns": [text["dns"]], "customNetworkInterfaces": interfaces}
    variables = [{"key": text["key"], "value": text["value"]}]
    run = {"command": text["command"], "env": variables, "mpi": text["mpi"]}
    s3 = {
        "region": text["region"],
        "bucketUrl": text["bucket"],
        "path": text["path"],
        "accessKeyId": text["s3 key"],
        "secretAccessKey": text["s3 secret"],
        "endpointUrl": text["endpoint"],
    }
    steps: list[dict[str, Any]] = [
        {"launch": {"handleName": text["handle"], "steps": [{"run": run}]}},
        {"run": {**run, "workDir": text["folder"], "shell": text["shell"]}, "dependsOn": [text["handle"]]},
        {"run": {**run, **network}},
        {"run": {**run, **network, "container": of_apptainer}},
        {"run": {**run, "container": of_enroot}},
        {"for": {"parallel": True, "items": [text["item"]], "steps": [{"name": text["name"], "run": run}]}},
        {
            "use": {
                "source": text["source"],
                "args": [{"key": "A", "value": text["argument"]}],
                "exportEnvAs": text["exported"],
            }
        },
    ]
    traps = {"catch": [{"run": {"command": "true"}}], "finally": [{"run": run}]}
    return {
        "enableLogging": True,
        "resources": {"tasks": 4, "cpusPerTask": 1, "memPerCpu": 100, "gpus": 0},
        "env": variables,
        "input": {"http": {"url": text["url"]}},
        "output": {"s3": s3},
        "virtualNetworks": [{"name": text["network"], "gatewayAddress": text["gateway"]}],
        "steps": [{"name": text["name"], **step, **({} if "launch" in step else traps)} for step in steps],
    }


MODULES = MemoryModules(
    {
        FIELDS["source"]: """\
name: m
description: d
inputs: [{key: A, description: d}]
outputs: [{key: O, description: d}]
steps: [{run: {command: 'printf "%s\\n" "$A"'}}]
"""
    }
)


def loaded(values: dict[str, str]) -> Any:
    return from_data(workflow_with(values), modules=MODULES)


ELSEWHERE = {"if", "hostDir", "containerDir"}
"""Fields with tests of their own: a condition is bash, and what is mounted must be there."""


def texts_of(model: type[Model], seen: set[type[Model]]) -> Iterator[str]:
    """The keys of all texts of a model and of what it holds."""
    if model in seen:
        return
    seen.add(model)
    for field in keys_of(model):
        shape = field.key.shape.of if isinstance(field.key.shape, ListOf) else field.key.shape
        if isinstance(shape, RecordOf):
            yield from texts_of(shape.model(), seen)
        elif isinstance(shape, Text):
            yield field.key.name


def test_a_job_with_every_text_of_the_language_is_good() -> None:
    assert loaded({}).problems == ()
    given = json.dumps(workflow_with({field: f"<{field}>" for field in FIELDS}))
    assert [field for field in FIELDS if f"<{field}>" not in given] == []
    assert {key for key in texts_of(Workflow, set()) if f'"{key}": ' not in given} == ELSEWHERE


def forms(attack: str) -> list[str]:
    """The attack, and as fields of some form would need it."""
    return [attack, f"/{attack}", f"s3://{attack}", f"https://a.test/{attack}", f"a{attack}", f"{KEY}{attack}"]


def attacked(number: int) -> dict[str, str]:
    """The fields that take an attack, each another one, in the first form in which they take it."""
    found: dict[str, str] = {}
    for place, field in enumerate(FIELDS):
        attack = ALL_ATTACKS[(place + number * ROUNDS) % len(ALL_ATTACKS)]
        taken = [text for text in forms(attack) if loaded({field: text}).workflow is not None]
        assert attack in taken[:1] or field not in TAKE_ANY_TEXT
        if taken:
            found[field] = taken[0]
    return found


def program(path: Path, text: str) -> str:
    """The path of a program of these tests."""
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.system
@pytest.mark.parametrize("number", range(ROUNDS))
def test_attacks_in_all_fields_are_text_or_refused(world: Internet, tmp_path: Path, number: int) -> None:
    values = attacked(number)
    script = compiler.compile(loaded(values), salt="0" * 32).text
    assert complaints(script) == ""
    settings = {
        "CURL": program(tmp_path / "curl", 'while [ "$1" != --output ]; do shift; done; echo data >"$2"'),
        "RCLONE": program(tmp_path / "rclone", "exit 0"),
        "APPTAINER": str(RuntimeStandIn(tmp_path / "a").path),
        "ENROOT": str(RuntimeStandIn(tmp_path / "e", name="enroot").path),
    }
    site = ConnectedSite(tmp_path / "site", world, record_only=True)
    outcome = site.run(script, {f"DEEPSQUARE_SITE_{name}": value for name, value in settings.items()})
    assert outcome.exit_code == 0, outcome.stderr
    assert not list(tmp_path.rglob(CANARY))
    assert not Path(CANARY).exists()
    assert [call.program[-1] for call in outcome.calls].count(values["command"]) > 5
    assert values["name"] in [call.options.get("--job-name") for call in outcome.calls]
    for name, field in (("A", "value"), ("A", "argument"), ("item", "item")):
        assert values[field] in [call.environment.get(name) for call in outcome.calls], field
