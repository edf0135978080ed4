"""The GraphQL door: `submit` and `validate` as published clients call them, one POST, no other transport.

The documents that clients send are tiny; whatever is large, deep or has many aliases is refused before it
is executed. Scripts are not handed out here: that takes a proof of who asks, over plain HTTP.
"""

import functools
import json
import logging
from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import (
    DisableIntrospection,
    MaskErrors,
    MaxAliasesLimiter,
    QueryDepthLimiter,
)
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from deepsquare.gateway import graphql_types, submission
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.nesting import is_document_beyond, is_json_deeper
from deepsquare.gateway.refusal import refusal_of
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.submission import Submissions
from deepsquare.web.refusal import Refusal
from deepsquare.workflow import Problem, Severity

MAX_NESTING = 200
"""How deep a request or its document may be nested; the deepest job of the language needs less."""

MAX_SPREADS = 10
"""Fragments that a document may spread: validating takes time exponential in this, and no answer here has parts."""

_log = logging.getLogger(__name__)


def _version() -> str:
    return "1"


async def _submit(info: strawberry.Info["GraphQLDoor"], job: graphql_types.Job) -> str:
    accepted = await info.context.submissions.submit(graphql_types.plain(job))
    return accepted.script_hash


async def _validate(info: strawberry.Info["GraphQLDoor"], module: graphql_types.Module) -> str:
    _refuse_errors(await info.context.submissions.validate(_as_job(module)))
    return module.name


async def _validate_job(info: strawberry.Info["GraphQLDoor"], job: graphql_types.Job) -> list[str]:
    problems = await info.context.submissions.validate(graphql_types.plain(job))
    _refuse_errors(problems)
    return [problem.describe("job") for problem in problems]


@strawberry.type
class Query:
    """Reading needs a signature, so there is nothing to read here but the version."""

    version: str = strawberry.field(resolver=_version, description="The version of this interface.")


@strawberry.type
class Mutation:
    """What published clients call."""

    submit: str = strawberry.mutation(
        resolver=_submit, description="Compile a job, keep its script, answer with the script's hash."
    )
    validate: str = strawberry.mutation(
        resolver=_validate, description="Check the steps of a module; the answer is its name, or the errors."
    )
    validate_job: list[str] = strawberry.mutation(
        resolver=_validate_job, description="Check a job and keep nothing; the answer is its warnings."
    )


class GraphQLDoor:
    """Executes GraphQL documents within the settings' limits."""

    def __init__(self, settings: GatewaySettings, submissions: Submissions) -> None:
        self.submissions = submissions
        self._tokens = settings.graphql_tokens
        self.schema = _schema(settings.graphql_depth, settings.graphql_aliases, settings.graphql_introspection)

    async def answer(self, body: bytes, request_id: str) -> dict[str, Any]:
        """The GraphQL answer to one request. Raises `Refusal` for a body that is no GraphQL request."""
        request = _request(body)
        if is_document_beyond(request["query"], levels=MAX_NESTING, tokens=self._tokens, spreads=MAX_SPREADS):
            message = (
                f"the document is longer than {self._tokens} tokens, deeper than {MAX_NESTING} levels "
                f"or spreads more than {MAX_SPREADS} fragments"
            )
            raise Refusal(ErrorCode.INVALID_REQUEST, message)
        try:
            result = await self.schema.execute(
                request["query"],
                variable_values=request.get("variables"),
                operation_name=request.get("operationName"),
                context_value=self,
                allowed_operation_types=(OperationType.QUERY, OperationType.MUTATION),
            )
        except InvalidOperationTypeError:
            raise Refusal(ErrorCode.INVALID_REQUEST, "only queries and mutations are served here") from None
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(error, request_id) for error in result.errors]
        return answer


class _Schema(strawberry.Schema):
    """Strawberry's schema without its log: errors quote the document, and a document holds secrets."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:  # noqa: ARG002
        for error in errors:
            if error.original_error is not None and _is_unforeseen(error):
                _log.error("a GraphQL request failed: %s", type(error.original_error).__name__)


@functools.cache
def _schema(depth: int, aliases: int, introspection: bool) -> _Schema:
    """The schema within these limits. It holds nothing of a gateway, and building it takes long."""
    extensions: list[Any] = [
        lambda: QueryDepthLimiter(max_depth=depth),
        lambda: MaxAliasesLimiter(max_alias_count=aliases),
        lambda: MaskErrors(should_mask_error=_is_unforeseen, error_message="the gateway failed"),
    ]
    if not introspection:
        extensions.append(DisableIntrospection)
    return _Schema(Query, Mutation, extensions=extensions)


def _request(body: bytes) -> dict[str, Any]:
    if is_json_deeper(body, MAX_NESTING):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"the request is nested deeper than {MAX_NESTING} levels")
    try:
        request = json.loads(body)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_JSON, "the body is no JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("query"), str) or not request["query"]:
        raise Refusal(ErrorCode.INVALID_REQUEST, 'expected a JSON object with a "query" of text')
    if not isinstance(request.get("variables"), dict | None):
        raise Refusal(ErrorCode.INVALID_REQUEST, "variables must be an object")
    if not isinstance(request.get("operationName"), str | None):
        raise Refusal(ErrorCode.INVALID_REQUEST, "operationName must be text")
    return request


def _as_job(module: graphql_types.Module) -> Mapping[str, Any]:
    """A job that consists of the module's steps: what the language says of steps is checked on it."""
    given = graphql_types.plain(module)
    least = {"tasks": 1, "cpusPerTask": 1, "memPerCpu": 1, "gpus": 0}
    return {"resources": given.get("minimumResources", least), "steps": given["steps"]}


def _refuse_errors(problems: tuple[Problem, ...]) -> None:
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise submission.refusal(problems)


def _is_unforeseen(error: GraphQLError) -> bool:
    original = error.original_error
    return original is not None and not isinstance(original, GraphQLError) and refusal_of(original) is None


def _formatted(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """A GraphQL error with our code, hint and request id among its extensions."""
    refusal = refusal_of(error.original_error) if isinstance(error.original_error, Exception) else None
    if refusal is None:
        is_ours = error.message == "the gateway failed"
        code = ErrorCode.INTERNAL_ERROR if is_ours else ErrorCode.INVALID_REQUEST
        refusal = Refusal(code, error.message)
    ours = refusal.body(request_id)["error"]
    formatted: dict[str, Any] = {"message": ours.pop("message"), "extensions": ours}
    if error.path:
        formatted["path"] = error.path
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    return formatted
