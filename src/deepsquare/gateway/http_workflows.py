"""The public routes: workflows in, and what anybody may know about this gateway."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from deepsquare.gateway.parameters import customer_of, pins_of
from deepsquare.gateway.parts import Parts, parts_of
from deepsquare.gateway.submission import text_of_body

router = APIRouter()

_Parts = Annotated[Parts, Depends(parts_of)]
_WORKFLOW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A workflow as YAML or JSON, in UTF-8.",
        "content": {kind: {"schema": {"type": "string"}} for kind in ("application/yaml", "application/json")},
    }
}
_SUBMISSION: dict[str, Any] = {
    "parameters": [
        {"name": "customer", "in": "query", "required": False, "schema": {"type": "string"}},
        {"name": "module", "in": "query", "required": False, "schema": {"type": "array", "items": {"type": "string"}}},
    ]
}
_GRAPHQL_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["query"],
                    "properties": {
                        "query": {"type": "string"},
                        "variables": {"type": "object"},
                        "operationName": {"type": "string"},
                    },
                }
            }
        },
    }
}


class Finding(BaseModel):
    """One thing that is wrong or suspicious about a workflow."""

    severity: str
    path: str
    line: int | None
    column: int | None
    message: str
    hint: str


class SubmittedWorkflow(BaseModel):
    """A workflow that was compiled and kept."""

    hash: str
    salt: str
    warnings: list[Finding]
    modules: dict[str, str]


class ValidatedWorkflow(BaseModel):
    """What the language says about a workflow."""

    problems: list[Finding]


class Limits(BaseModel):
    """What one request, one client or one job may be."""

    workflow_bytes: int
    append_bytes: int
    log_bytes_per_job: int
    challenge_seconds: float
    requests_per_second: float
    appends_per_second: float


class About(BaseModel):
    """Which grid this gateway serves, and how."""

    chain_id: int
    contract: str
    version: str
    names: list[str]
    limits: Limits


class Health(BaseModel):
    """That the gateway and its store work."""

    status: str


@router.post(
    "/v1/workflows", summary="Compile a workflow and keep its script", openapi_extra=_WORKFLOW_BODY | _SUBMISSION
)
async def submit(request: Request, parts: _Parts) -> SubmittedWorkflow:
    """The script's hash is what a job on the chain names. All errors of the workflow come at once, located.

    With `customer`, only a job of that account opens the script; without, whoever names the hash first on the chain.
    With `module`, sources of modules stand for these commits; the answer says which ones they stood for.
    """
    text = text_of_body(await request.body())
    accepted = await parts.submissions.submit(text, customer_of(request), pins_of(request))
    warnings = [Finding(**problem.document()) for problem in accepted.warnings]
    return SubmittedWorkflow(
        hash=accepted.script_hash, salt=accepted.salt, warnings=warnings, modules=dict(accepted.modules)
    )


@router.post("/v1/workflows/validate", summary="Check a workflow, keep nothing", openapi_extra=_WORKFLOW_BODY)
async def validate(request: Request, parts: _Parts) -> ValidatedWorkflow:
    """Errors and warnings alike are an answer here, not a refusal."""
    problems = await parts.submissions.validate(text_of_body(await request.body()))
    return ValidatedWorkflow(problems=[Finding(**problem.document()) for problem in problems])


@router.post("/graphql", summary="submit and validate as published clients call them", openapi_extra=_GRAPHQL_BODY)
async def graphql(request: Request, parts: _Parts) -> dict[str, Any]:
    """One GraphQL request; errors stand in `errors`, as GraphQL has it."""
    return await parts.graphql.answer(await request.body(), request.state.request_id)


@router.get("/v1/about", summary="Which grid this is")
async def about(request: Request, parts: _Parts) -> About:
    """The chain and the contract that signatures must name, and this gateway's limits."""
    settings = parts.settings
    return About(
        chain_id=parts.domain.chain_id,
        contract=parts.domain.contract,
        version=request.app.version,
        names=list(settings.names),
        limits=Limits(**{name: getattr(settings, name) for name in Limits.model_fields}),
    )


@router.get("/healthz", summary="Whether the gateway and its store work")
async def healthz(parts: _Parts) -> Health:
    """Answers 503 where the database does not."""
    await parts.database.cursor()
    return Health(status="ok")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """The description of all routes."""
    app: FastAPI = request.app
    return app.openapi()
