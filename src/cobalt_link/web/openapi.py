"""The table of routes as an OpenAPI 3.1 document: the canonical description of the public API.

It tells the truth about tolerance where a schema can (`"3"` for 3), so that a fuzzer finds no contradiction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cobalt_link.web.problems import (
    InternalError,
    InvalidRequest,
    MissingField,
    NotFound,
    Problem,
    RateLimited,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnknownField,
    default_message,
)
from cobalt_link.web.schemas import REFERENCE, Schema, Schemas
from cobalt_link.web.table import Auth, Idempotency, Route, members, parameters

SECURITY: dict[Auth, list[dict[str, list[str]]]] = {
    Auth.NONE: [],
    Auth.CLIENT: [{"ClientCredentials": [], "ClientSecret": []}],
    Auth.ACCOUNT: [{"ClientCredentials": [], "ClientSecret": [], "AccessToken": []}],
}
Always = Mapping[Auth, tuple[type[Problem], ...]]


def document(
    rows: Iterable[Route], *, title: str = "Cobalt API", version: str, server: str, always: Always | None = None
) -> dict[str, Any]:
    """The public routes, each under every one of its paths. `always`: problems that authenticating itself can raise."""
    public = [row for row in rows if row.auth is not Auth.PAGE]
    answers = [kind for row in public for kind in _structs(row)]
    schemas = Schemas([row.body for row in public if row.body], answers)
    paths: dict[str, Any] = defaultdict(dict)
    for row in public:
        for number, path in enumerate(row.paths):
            paths[path][row.method.lower()] = _operation(row, number, schemas, always or {})
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "tags": [{"name": room} for room in dict.fromkeys(row.room for row in public)],
        "paths": dict(paths),
        "components": {"schemas": {**schemas.components, "Problem": _problem_schema()}, "securitySchemes": _schemes()},
    }


def errors_of(row: Route, always: Always) -> list[type[Problem]]:
    """Everything that a route can refuse with: what it declares, and what its declaration brings along."""
    implied: list[type[Problem]] = [TooLarge, InternalError, Unavailable]
    if row.body:
        implied += [InvalidRequest, MissingField]
        implied += [UnknownField] if row.body.__struct_config__.forbid_unknown_fields else []
    if row.auth in (Auth.CLIENT, Auth.ACCOUNT):
        implied += [Unauthorized, InvalidRequest]
    if row.idempotency is Idempotency.KEY:
        implied.append(InvalidRequest)
    if row.rate.per_minute:
        implied.append(RateLimited)
    if parameters(row.path):
        implied.append(NotFound)
    found = {*implied, *row.errors, *always.get(row.auth, ())}
    return sorted(found, key=lambda kind: (kind.status, kind.code))


def _operation(row: Route, number: int, schemas: Schemas, always: Always) -> dict[str, Any]:
    operation: dict[str, Any] = {
        # The first path has the plain name; the others, which do the same, are numbered.
        "operationId": f"{row.room}_{row.handler.__name__}{f'_{number + 1}' if number else ''}",
        "summary": row.summary,
        "tags": [row.room],
        "security": SECURITY[row.auth],
        "parameters": [*_path_parameters(row), *_query_parameters(row, schemas), *_header_parameters(row)],
        "responses": {str(row.status): _answer(row, schemas), **_refusals(errors_of(row, always))},
    }
    if row.body and row.method != "GET":
        operation["requestBody"] = _request_body(row, schemas)
    return operation


def _structs(row: Route) -> tuple[type[msgspec.Struct], ...]:
    return members(row.answer) if row.media == "application/json" else ()


def _path_parameters(row: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if row.arguments.get(name) is int else {"type": "string"},
        }
        for name in sorted(parameters(row.path))
    ]


def _query_parameters(row: Route, schemas: Schemas) -> list[dict[str, Any]]:
    if not row.body or row.method != "GET":
        return []
    sent = schemas.sent(row.body)
    required = sent.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, **_described(schema)}
        for name, schema in sent["properties"].items()
    ]


def _described(schema: Schema) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"schema": rest, **({"description": schema["description"]} if "description" in schema else {})}


def _header_parameters(row: Route) -> list[dict[str, Any]]:
    if row.idempotency is Idempotency.NONE:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"}
    told = "The same key again answers what the first request answered and does nothing twice."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": told}]


def _request_body(row: Route, schemas: Schemas) -> dict[str, Any]:
    assert row.body
    schema = schemas.request(row.body)
    kinds = ("application/json", "application/x-www-form-urlencoded")
    if any(field.get("format") == "binary" for field in schemas.sent(row.body)["properties"].values()):
        kinds = ("multipart/form-data",)
    needed = bool(schemas.sent(row.body).get("required"))
    return {"required": needed, "content": {kind: {"schema": schema} for kind in kinds}}


def _answer(row: Route, schemas: Schemas) -> dict[str, Any]:
    kinds = _structs(row)
    found = [schemas.answer(kind) for kind in kinds]
    schema: Schema = {"type": "string"} if not kinds else found[0] if len(found) == 1 else {"anyOf": found}
    return {"description": "Done", "headers": _headers(), "content": {row.media: {"schema": schema}}}


def _refusals(kinds: list[type[Problem]]) -> dict[str, Any]:
    by_status: dict[int, list[type[Problem]]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind)
    return {str(status): _refusal(same) for status, same in by_status.items()}


def _refusal(kinds: list[type[Problem]]) -> dict[str, Any]:
    told = "\n\n".join(f"`{kind.code}`: {default_message(kind)}" for kind in kinds)
    codes = {"properties": {"error": {"enum": [kind.code for kind in kinds]}}}
    waits = any(kind.status in (429, 503) for kind in kinds)
    schema = {"allOf": [{"$ref": f"{REFERENCE}Problem"}, codes]}
    return {"description": told, "headers": _headers(waits), "content": {"application/json": {"schema": schema}}}


def _headers(waits: bool = False) -> dict[str, Any]:
    headers = {"X-Request-Id": {"schema": {"type": "string"}, "description": "Names this request in our logs."}}
    if waits:
        headers["Retry-After"] = {"schema": {"type": "string", "pattern": r"^\d+$"}, "description": "Seconds to wait."}
    return headers


def _problem_schema() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "A refusal. `error` is stable; `message` says what to do next.",
        "required": ["success", "error", "message", "request_id"],
        "properties": {"success": {"const": False}, "error": text, "message": text, "request_id": text},
    }


def _schemes() -> dict[str, Any]:
    names = {"ClientCredentials": "client_id", "ClientSecret": "client_secret", "AccessToken": "access_token"}
    return {scheme: {"type": "apiKey", "in": "header", "name": name} for scheme, name in names.items()}
