"""Workflows come in over plain HTTP and over GraphQL as published clients speak it; what is wrong is located."""

import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deepsquare import compiler, workflow
from deepsquare.gateway import graphql_types
from deepsquare.gateway.errors import InvalidWorkflow
from deepsquare.gateway.graphql import GraphQLDoor
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.modules import GitModules, ModuleSettings, pins_of
from deepsquare.workflow import Severity
from deepsquare.workflow.shapes import Model, keys_of
from tests.gateway.conftest import WORKFLOW, Accounts, Gateway, running
from tests.gateway.knocking import code
from tests.support.git_server import GitRepository
from tests.support.programs import PROGRAMS

SUBMIT = "mutation Submit($job: Job!) { submit(job: $job) }"
JOB: dict[str, Any] = {
    "resources": {"tasks": 1, "cpusPerTask": 1, "memPerCpu": 64, "gpus": 0},
    "steps": [{"name": "hello", "run": {"command": "echo hello"}}],
}


async def graphql(gateway: Gateway, query: str, **variables: Any) -> dict[str, Any]:
    answer = await gateway.http.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def errors(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["extensions"]["code"], error["message"]) for error in answer["errors"]]


async def test_a_submitted_workflow_is_kept_under_the_hash_of_its_script(gateway: Gateway) -> None:
    submission = await gateway.client.submit(WORKFLOW)
    stored = await gateway.parts.scripts.get(submission.script_hash)
    assert stored is not None
    assert hashlib.sha256(stored.text.encode()).hexdigest() == submission.script_hash


async def test_the_customer_compiles_the_same_script_at_home(gateway: Gateway) -> None:
    submission = await gateway.client.submit(WORKFLOW)
    at_home = compiler.compile(workflow.load(WORKFLOW).require(), salt=submission.salt)
    assert at_home.hash == submission.script_hash


async def test_json_is_a_workflow_too(gateway: Gateway) -> None:
    assert (await gateway.client.submit(json.dumps(JOB))).script_hash


async def test_the_same_workflow_twice_gives_two_hashes_that_nobody_can_foresee(gateway: Gateway) -> None:
    first, second = await gateway.client.submit(WORKFLOW), await gateway.client.submit(WORKFLOW)
    assert first.script_hash != second.script_hash


async def test_broken_yaml_gives_problems_with_their_places(gateway: Gateway) -> None:
    with pytest.raises(InvalidWorkflow) as invalid:
        await gateway.client.submit("resources: {tasks: 0}\nsteps:\n  - run: {shell: /bin/fish}\n")
    places = {(problem.path, problem.line) for problem in invalid.value.problems}
    assert ("resources.tasks", 1) in places
    assert any(path.startswith("steps[0].run") and line == 3 for path, line in places)


async def test_text_that_is_no_utf8_is_an_invalid_workflow(gateway: Gateway) -> None:
    assert code(await gateway.http.post("/v1/workflows", content=b"\xff\xfe")) == "invalid_workflow"


async def test_unknown_keys_of_a_file_are_warnings(gateway: Gateway) -> None:
    submission = await gateway.client.submit(WORKFLOW + "colour: green\n")
    assert [(warning.severity, warning.path) for warning in submission.warnings] == [(Severity.WARNING, "colour")]


async def test_validating_keeps_nothing_and_refuses_nothing(gateway: Gateway) -> None:
    assert await gateway.client.validate(WORKFLOW) == []
    assert await gateway.client.validate("[") != []


async def test_workflows_that_wait_to_be_compiled_are_bounded(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings.model_copy(update={"compile_threads": 1, "compile_queue": 2}), accounts) as gateway:
        queue = gateway.parts.submissions
        with queue._place(), queue._place(), queue._place():
            assert code(await gateway.http.post("/v1/workflows", content=WORKFLOW)) == "too_busy"
        assert (await gateway.http.post("/v1/workflows", content=WORKFLOW)).status_code == 200


async def test_published_clients_submit_by_graphql_and_get_the_hash(gateway: Gateway) -> None:
    answer = await graphql(gateway, SUBMIT, job=JOB)
    assert "errors" not in answer
    assert await gateway.parts.scripts.get(answer["data"]["submit"]) is not None


async def test_published_clients_write_null_for_what_they_leave_out(gateway: Gateway) -> None:
    step = {**JOB["steps"][0], "dependsOn": None, "if": None, "for": None, "use": None, "catch": None, "finally": None}
    answer = await graphql(gateway, SUBMIT, job={**JOB, "env": None, "input": None, "steps": [step]})
    assert "errors" not in answer


async def test_a_job_may_stand_in_the_document_itself(gateway: Gateway) -> None:
    document = """mutation { submit(job: {
        resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}, steps: [{run: {command: "true"}}]}) }"""
    assert "errors" not in await graphql(gateway, document)


async def test_an_unknown_field_is_an_error_by_graphql(gateway: Gateway) -> None:
    (found,) = errors(await graphql(gateway, SUBMIT, job={**JOB, "colour": "green"}))
    assert found[0] == "invalid_request"
    assert "colour" in found[1]


async def test_what_the_language_refuses_comes_back_with_every_path(gateway: Gateway) -> None:
    job = {**JOB, "resources": {**JOB["resources"], "tasks": 0}, "steps": [{"run": {"command": "x", "shell": "fish"}}]}
    answer = await graphql(gateway, SUBMIT, job=job)
    extensions = answer["errors"][0]["extensions"]
    assert extensions["code"] == "invalid_workflow"
    paths = [problem["path"] for problem in extensions["details"]["problems"]]
    assert "resources.tasks" in paths
    assert "steps[0].run.shell" in paths
    assert extensions["request_id"]
    assert answer["data"] is None


async def test_modules_and_jobs_can_be_validated_by_graphql(gateway: Gateway) -> None:
    validate = "mutation Validate($module: Module!) { validate(module: $module) }"
    module = {"name": "greeting", "description": "greets", "steps": JOB["steps"]}
    assert (await graphql(gateway, validate, module=module))["data"] == {"validate": "greeting"}
    broken = {**module, "steps": [{"run": {"command": "x", "shell": "fish"}}]}
    assert errors(await graphql(gateway, validate, module=broken))[0][0] == "invalid_workflow"
    validate_job = "mutation Validate($job: Job!) { validateJob(job: $job) }"
    assert (await graphql(gateway, validate_job, job=JOB))["data"] == {"validateJob": []}


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { types { name } } }",
        "{ a: version b: version c: version d: version e: version f: version }",
        "{ version " * 20,
        "{ version " + "# " * 50_000 + "version " * 25_000 + "}",
        "mutation { submit(job: " + "{steps: [" * 3_000 + "]}" * 3_000 + ") }",
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
        + " fragment F40 on Query { version }",
        "subscription { version }",
        "nonsense",
        "",
    ],
    ids=["introspection", "aliases", "unclosed", "tokens", "nesting", "fragments", "subscription", "nonsense", "empty"],
)
async def test_documents_beyond_the_limits_are_refused(gateway: Gateway, document: str) -> None:
    answer = await gateway.http.post("/graphql", json={"query": document})
    value = answer.json()
    assert answer.status_code < 500
    refused = [code(answer)] if "error" in value else [name for name, _ in errors(value)]
    assert set(refused) == {"invalid_request"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"query": 1}',
        b'{"query": "{version}", "variables": []}',
        b'{"query": "x", "operationName": 1}',
        b"[" * 100000,
        b'{"query": "{version}", "variables": {"a":' + b"[" * 500 + b"]" * 500 + b"}}",
        b"\xff",
    ],
)
async def test_bodies_that_are_no_graphql_request_are_refused(gateway: Gateway, body: bytes) -> None:
    answer = await gateway.http.post("/graphql", content=body)
    assert code(answer) in ("invalid_json", "invalid_request")


async def test_the_version_can_be_asked_for(gateway: Gateway) -> None:
    assert (await graphql(gateway, "{ version }"))["data"] == {"version": "1"}


async def test_introspection_can_be_switched_on(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings.model_copy(update={"graphql_introspection": True}), accounts) as gateway:
        answer = await graphql(gateway, '{ __type(name: "Job") { inputFields { name } } }')
    names = {field["name"] for field in answer["data"]["__type"]["inputFields"]}
    assert {"resources", "steps", "enableLogging", "continuousOutputSync", "virtualNetworks"} <= names


async def test_graphql_errors_never_show_the_inside(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(type(gateway.parts.submissions), "submit", fail)
    answer = await graphql(gateway, SUBMIT, job=JOB)
    assert errors(answer)[0][0] == "internal_error"
    assert "inside" not in json.dumps(answer)


def test_the_published_names_are_those_of_the_schema(gateway: Gateway) -> None:
    """What `plain` writes is what clients write, for every field of every type."""
    door: GraphQLDoor = gateway.parts.graphql
    for name, kind in vars(graphql_types).items():
        definition = getattr(kind, "__strawberry_definition__", None)
        if definition is None:
            continue
        published = set(door.schema._schema.type_map[definition.name].fields)  # type: ignore[attr-defined]
        assert published == {graphql_types.published_name(field.python_name) for field in definition.fields}, name


@pytest.mark.parametrize(
    ("model", "published"),
    [
        (workflow.Workflow, graphql_types.Job),
        (workflow.JobResources, graphql_types.JobResources),
        (workflow.EnvVar, graphql_types.EnvVar),
        (workflow.Step, graphql_types.Step),
        (workflow.Run, graphql_types.StepRun),
        (workflow.RunResources, graphql_types.StepRunResources),
    ],
)
def test_graphql_and_files_speak_one_language(model: type[Model], published: type) -> None:
    keys = {key.key.name for key in keys_of(model)}
    assert {graphql_types.published_name(field.name) for field in dataclasses.fields(published)} == keys


async def test_the_openapi_description_names_every_route_with_a_summary(gateway: Gateway) -> None:
    description = (await gateway.http.get("/openapi.json")).json()
    assert all(method["summary"] for path in description["paths"].values() for method in path.values())


async def test_about_asks_the_disk_nothing(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", None)
    assert (await gateway.http.get("/v1/about")).json()["version"] == gateway.app.version


async def test_about_tells_which_grid_this_is(gateway: Gateway) -> None:
    info = await gateway.client.about()
    assert (info.chain_id, info.contract) == (gateway.chain.grid.chain_id, gateway.chain.grid.meta_scheduler)
    assert info.limits["workflow_bytes"] == gateway.parts.settings.workflow_bytes


MODULE = "name: m\nsteps: [{run: {command: echo $VERSION}}]\n"
USING = (
    "resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}\nsteps: [{use: {source: git.test/owner/repo@v1}}]\n"
)


@pytest.fixture(params=PROGRAMS)
def mirror(tmp_path: Path) -> GitRepository:
    """A repository in the mirror of the gateway of `with_modules`, whose tag v1 is at its first commit."""
    repository = GitRepository(tmp_path / "mirror" / "git.test" / "owner" / "repo")
    repository.commit({"module.yaml": MODULE.replace("$VERSION", "one")})
    repository.git("tag", "v1")
    return repository


@pytest.fixture
async def with_modules(settings: GatewaySettings, accounts: Accounts, mirror: GitRepository) -> AsyncIterator[Gateway]:
    folder = mirror.folder.parents[2]
    async with running(settings.model_copy(update={"module_mirror": folder}), accounts) as gateway:
        yield gateway


async def test_a_workflow_s_modules_are_fetched_and_the_answer_names_their_commits(
    with_modules: Gateway, mirror: GitRepository
) -> None:
    submission = await with_modules.client.submit(USING)
    assert submission.modules == {"git.test/owner/repo@v1": mirror.git("rev-parse", "v1")}
    script = await with_modules.parts.scripts.get(submission.script_hash)
    assert script is not None
    assert "echo one" in script.text
    assert f"# module: git.test/owner/repo@{mirror.git('rev-parse', 'v1')}" in script.text


async def test_a_tag_that_moves_does_not_change_what_the_customer_has_seen(
    with_modules: Gateway, mirror: GitRepository
) -> None:
    seen = workflow.load(USING, modules=GitModules(ModuleSettings(mirror=mirror.folder.parents[2])))
    mirror.commit({"module.yaml": MODULE.replace("$VERSION", "two")})
    mirror.git("tag", "--force", "v1")
    moved = await with_modules.client.submit(USING)
    assert compiler.compile(seen, salt=moved.salt).hash != moved.script_hash
    pinned = await with_modules.client.submit(USING, modules=pins_of(seen.modules))
    assert compiler.compile(seen, salt=pinned.salt).hash == pinned.script_hash


@pytest.mark.parametrize("pin", ["x", "git.test/owner/repo@v1=v2", "../../x=" + "0" * 40, "=" + "0" * 40])
async def test_a_pin_that_is_none_is_refused(with_modules: Gateway, pin: str) -> None:
    answer = await with_modules.http.post("/v1/workflows", params={"module": pin}, content=USING)
    assert code(answer) == "invalid_request"


async def test_a_module_that_cannot_be_had_is_an_error_of_the_workflow(gateway: Gateway) -> None:
    (problem,) = await gateway.client.validate(USING)
    assert (problem.path, problem.line) == ("steps[0].use.source", 2)
    assert "modules are not fetched from git.test here" in problem.message


async def test_published_clients_use_modules_by_graphql(with_modules: Gateway) -> None:
    answer = await graphql(with_modules, SUBMIT, job={**JOB, "steps": [{"use": {"source": "git.test/owner/repo@v1"}}]})
    assert "errors" not in answer
