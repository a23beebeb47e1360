"""The OpenAPI 3.1 document, from the same types that parse the requests and shape the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from ..config import Settings
from .operation import Operation
from .problems import MEDIA_TYPE, Problem
from .streaming.change import JobChange

REF = "#/components/schemas/{name}"
MEANINGS = {
    200: "As asked.",
    201: "Made, and durable.",
    400: "The body is not JSON.",
    401: "The token is missing or wrong.",
    403: "A web page of another origin may not do this.",
    404: "There is no such job; what is no UUID names none.",
    408: "The body did not come in time.",
    409: "The state of the job does not allow it, or the key was used for something else.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "Something does not fit: `path` names it.",
    429: "Too many at once. Try again after the given seconds.",
    503: "Something that duly needs is away. Try again after the given seconds.",
}

Schema = dict[str, Any]


def describe(operations: Sequence[Operation], settings: Settings) -> bytes:
    """The document for `operations`, as JSON."""
    shown = [operation for operation in operations if operation.documented]
    schema_of, components = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for operation in shown:
        is_guarded = settings.token is not None and not operation.open
        described = _operation(operation, schema_of, is_guarded=is_guarded)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "duly",
            "version": version("duly"),
            "description": "An asynchronous job engine on PostgreSQL: submit jobs, look at them,"
            " and follow every change as it happens.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _schemas(operations: Iterable[Operation]) -> tuple[Callable[[Any], Schema], Schema]:
    """How each type is written down where it is used, and the types with a name."""
    types: list[Any] = [Problem, JobChange]
    for operation in operations:
        types += [*operation.answers.values(), *operation.bodies.values()]
        types += [*operation.also.values(), *operation.request_headers.values()]
        if operation.query is not None:
            types += [field.type for field in msgspec.structs.fields(operation.query)]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    written = list(zip(types, schemas, strict=True))

    def schema_of(kind: Any) -> Schema:
        return next(schema for known, schema in written if known is kind or known == kind)

    return schema_of, components


def _operation(
    operation: Operation, schema_of: Callable[[Any], Schema], *, is_guarded: bool
) -> Schema:
    described: Schema = {
        "operationId": _name(operation),
        "summary": operation.summary,
        "responses": _responses(operation, schema_of, is_guarded=is_guarded),
    }
    if parameters := [
        *_path(operation),
        *_query(operation, schema_of),
        *_headers(operation, schema_of),
    ]:
        described["parameters"] = parameters
    if operation.bodies:
        described["requestBody"] = {
            "required": operation.body_needed,
            "content": _content(operation.bodies, schema_of),
        }
    if is_guarded:
        described["security"] = [{"token": []}]
    return described


def _name(operation: Operation) -> str:
    words = operation.path.strip("/").replace("{", "").replace("}", "").replace(".", "_")
    return f"{operation.method.lower()}_{words.replace('/', '_')}"


def _responses(
    operation: Operation, schema_of: Callable[[Any], Schema], *, is_guarded: bool
) -> Schema:
    success: Schema = {
        "description": MEANINGS[operation.status],
        "content": _content(operation.answers, schema_of),
    }
    if operation.answer_headers:
        success["headers"] = {
            name: {"description": about, "schema": {"type": "string"}}
            for name, about in operation.answer_headers.items()
        }
    responses = {str(operation.status): success}
    refusals = set(operation.refusals)
    if not operation.open:
        refusals |= {403, 422} | ({401} if is_guarded else set())
    for status in sorted(refusals):
        content = _content({MEDIA_TYPE.decode(): Problem}, schema_of)
        responses[str(status)] = {"description": MEANINGS[status], "content": content}
    for status, kind in operation.also.items():
        content = _content(dict.fromkeys(operation.answers, kind), schema_of)
        responses[str(status)] = {"description": MEANINGS[status], "content": content}
    return responses


def _content(types: Mapping[str, Any], schema_of: Callable[[Any], Schema]) -> Schema:
    return {media_type: {"schema": schema_of(kind)} for media_type, kind in types.items()}


def _path(operation: Operation) -> list[Schema]:
    if "{job_id}" not in operation.path:
        return []
    schema = {"type": "string", "format": "uuid"}
    return [{"name": "job_id", "in": "path", "required": True, "schema": schema}]


def _query(operation: Operation, schema_of: Callable[[Any], Schema]) -> list[Schema]:
    if operation.query is None:
        return []
    parameters: list[Schema] = []
    for field in msgspec.structs.fields(operation.query):
        schema = _without_null(schema_of(field.type))
        if field.default not in (None, msgspec.NODEFAULT):
            schema = {**schema, "default": field.default}
        parameters.append({"name": field.encode_name, "in": "query", "schema": schema})
    return parameters


def _headers(operation: Operation, schema_of: Callable[[Any], Schema]) -> list[Schema]:
    return [
        {"name": name, "in": "header", "schema": schema_of(kind)}
        for name, kind in operation.request_headers.items()
    ]


def _without_null(schema: Schema) -> Schema:
    """A parameter is given or not; it is never null."""
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice != {"type": "null"}]
    return choices[0]
