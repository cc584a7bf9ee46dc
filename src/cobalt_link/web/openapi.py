"""The route table as an OpenAPI 3.1 document: the canonical description of the public API.

The schemas include what the server tolerates, such as `"3"` for 3, so that a fuzzer finds no contradiction.
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
    PackedBody,
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
AuthProblems = Mapping[Auth, tuple[type[Problem], ...]]


def document(
    routes: Iterable[Route],
    *,
    title: str = "Cobalt API",
    version: str,
    server: str,
    auth_problems: AuthProblems | None = None,
) -> dict[str, Any]:
    """The document of all public routes, under each of their paths.

    auth_problems: what `authenticate` can raise, by the kind of authentication.
    """
    public = [route for route in routes if route.auth is not Auth.PAGE]
    responses = [kind for route in public for kind in _structs(route)]
    schemas = Schemas([route.body for route in public if route.body], responses)
    paths: dict[str, Any] = defaultdict(dict)
    for route in public:
        for number, path in enumerate(route.paths):
            paths[path][route.method.lower()] = _operation(route, number, schemas, auth_problems or {})
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "tags": [{"name": room} for room in dict.fromkeys(route.room for route in public)],
        "paths": dict(paths),
        "components": {"schemas": {**schemas.components, "Problem": _problem_schema()}, "securitySchemes": _schemes()},
    }


def problems_of(route: Route, auth_problems: AuthProblems) -> list[type[Problem]]:
    """Every problem that a route can answer: those it declares, and those that follow from its declaration."""
    implied: list[type[Problem]] = [TooLarge, InternalError, Unavailable]
    if route.body:
        implied += [InvalidRequest, MissingField, PackedBody]
        implied += [UnknownField] if route.body.__struct_config__.forbid_unknown_fields else []
    if route.auth in (Auth.CLIENT, Auth.ACCOUNT):
        implied += [Unauthorized, InvalidRequest]
    if route.idempotency is Idempotency.KEY:
        implied.append(InvalidRequest)
    if route.rate.per_minute:
        implied.append(RateLimited)
    if parameters(route.path):
        implied.append(NotFound)
    found = {*implied, *route.errors, *auth_problems.get(route.auth, ())}
    return sorted(found, key=lambda kind: (kind.status, kind.code))


def _operation(route: Route, number: int, schemas: Schemas, auth_problems: AuthProblems) -> dict[str, Any]:
    operation: dict[str, Any] = {
        # An operationId is unique in the document, so the aliases of a path are numbered.
        "operationId": f"{route.room}_{route.handler.__name__}{f'_{number + 1}' if number else ''}",
        "summary": route.summary,
        "tags": [route.room],
        "security": SECURITY[route.auth],
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas), *_header_parameters(route)],
        "responses": {
            str(route.status): _response(route, schemas),
            **_problem_responses(problems_of(route, auth_problems)),
        },
    }
    if route.body and route.method != "GET":
        operation["requestBody"] = _request_body(route, schemas)
    return operation


def _structs(route: Route) -> tuple[type[msgspec.Struct], ...]:
    return members(route.response) if route.media == "application/json" else ()


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if route.arguments.get(name) is int else {"type": "string"},
        }
        for name in sorted(parameters(route.path))
    ]


def _query_parameters(route: Route, schemas: Schemas) -> list[dict[str, Any]]:
    if not route.body or route.method != "GET":
        return []
    sent = schemas.sent(route.body)
    required = sent.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, **_described(schema)}
        for name, schema in sent["properties"].items()
    ]


def _described(schema: Schema) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"schema": rest, **({"description": schema["description"]} if "description" in schema else {})}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if route.idempotency is Idempotency.NONE:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"}
    text = "A request with the same key gets the response of the first one, and nothing is done twice."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": text}]


def _request_body(route: Route, schemas: Schemas) -> dict[str, Any]:
    assert route.body
    schema = schemas.request(route.body)
    kinds = ("application/json", "application/x-www-form-urlencoded")
    if any(field.get("format") == "binary" for field in schemas.sent(route.body)["properties"].values()):
        kinds = ("multipart/form-data",)
    needed = bool(schemas.sent(route.body).get("required"))
    return {"required": needed, "content": {kind: {"schema": schema} for kind in kinds}}


def _response(route: Route, schemas: Schemas) -> dict[str, Any]:
    kinds = _structs(route)
    found = [schemas.response(kind) for kind in kinds]
    schema: Schema = {"type": "string"} if not kinds else found[0] if len(found) == 1 else {"anyOf": found}
    return {"description": "Done", "headers": _headers(), "content": {route.media: {"schema": schema}}}


def _problem_responses(kinds: list[type[Problem]]) -> dict[str, Any]:
    by_status: dict[int, list[type[Problem]]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind)
    return {str(status): _problem_response(same) for status, same in by_status.items()}


def _problem_response(kinds: list[type[Problem]]) -> dict[str, Any]:
    text = "\n\n".join(f"`{kind.code}`: {default_message(kind)}" for kind in kinds)
    codes = {"properties": {"error": {"enum": [kind.code for kind in kinds]}}}
    waits = any(kind.status in (429, 503) for kind in kinds)
    schema = {"allOf": [{"$ref": f"{REFERENCE}Problem"}, codes]}
    return {"description": text, "headers": _headers(waits), "content": {"application/json": {"schema": schema}}}


def _headers(waits: bool = False) -> dict[str, Any]:
    headers = {
        "X-Request-Id": {"schema": {"type": "string"}, "description": "The id of this request in the server's log."}
    }
    if waits:
        headers["Retry-After"] = {"schema": {"type": "string", "pattern": r"^\d+$"}, "description": "Seconds to wait."}
    return headers


def _problem_schema() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "An error. `error` is a stable code. `message` says what to do next.",
        "required": ["success", "error", "message", "request_id"],
        "properties": {"success": {"const": False}, "error": text, "message": text, "request_id": text},
    }


def _schemes() -> dict[str, Any]:
    names = {"ClientCredentials": "client_id", "ClientSecret": "client_secret", "AccessToken": "access_token"}
    return {scheme: {"type": "apiKey", "in": "header", "name": name} for scheme, name in names.items()}
