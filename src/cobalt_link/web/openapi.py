"""The route table as an OpenAPI 3.1 document: the canonical description of the public API.

The schemas include what the server tolerates, such as `"3"` for 3, so that a fuzzer finds no contradiction.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
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
    """The document of all public routes, each under its own path. An operation names the other paths that it has.

    auth_problems: what `authenticate` can raise, by the kind of authentication.
    """
    public = [route for route in routes if route.auth is not Auth.PAGE]
    responses = [kind for route in public for kind in _structs(route)]
    schemas = Schemas([route.body for route in public if route.body], responses)
    refusals = Refusals()
    paths: dict[str, Any] = defaultdict(dict)
    for route in public:
        # OpenAPI knows no path parameter with slashes in it: `{path:path}` is written without its kind.
        path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
        paths[path][route.method.lower()] = _operation(route, schemas, refusals, auth_problems or {})
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "tags": [{"name": room} for room in dict.fromkeys(route.room for route in public)],
        "paths": dict(paths),
        "components": {
            "schemas": {**schemas.components, **refusals.schemas},
            "responses": refusals.components,
            "securitySchemes": _schemes(),
        },
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


class Refusals:
    """The answers of problems: those with the same codes are one component, which operations refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}
        self.schemas: dict[str, Schema] = {}
        self._names: dict[tuple[str, ...], str] = {}

    def of(self, kinds: list[type[Problem]]) -> dict[str, Any]:
        by_status: dict[int, list[type[Problem]]] = defaultdict(list)
        for kind in kinds:
            by_status[kind.status].append(kind)
        return {
            str(status): {"$ref": f"#/components/responses/{self._name(same)}"} for status, same in by_status.items()
        }

    def _name(self, kinds: list[type[Problem]]) -> str:
        codes = tuple(kind.code for kind in kinds)
        if codes not in self._names:
            phrase = "".join(word.capitalize() for word in HTTPStatus(kinds[0].status).phrase.split())
            taken = sum(name.rstrip("0123456789") == phrase for name in self.components)
            name = f"{phrase}{taken + 1}" if taken else phrase
            self._names[codes] = name
            self.schemas[f"{name}Problem"] = _problem_schema(kinds)
            self.components[name] = _problem_response(kinds, f"{REFERENCE}{name}Problem")
        return self._names[codes]


def _operation(route: Route, schemas: Schemas, refusals: Refusals, auth_problems: AuthProblems) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.room}_{route.handler.__name__}",
        "summary": route.summary,
        **({"description": f"Also at {', '.join(f'`{path}`' for path in route.also)}."} if route.also else {}),
        "tags": [route.room],
        "security": SECURITY[route.auth],
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas), *_header_parameters(route)],
        "responses": {
            str(route.status): _response(route, schemas),
            **refusals.of(problems_of(route, auth_problems)),
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
    raw: Schema = {"type": "string"} if route.media.startswith("text/") else {"type": "string", "format": "binary"}
    schema: Schema = raw if not kinds else found[0] if len(found) == 1 else {"anyOf": found}
    return {"description": "Done", "headers": _headers(), "content": {route.media: {"schema": schema}}}


def _problem_response(kinds: list[type[Problem]], schema: str) -> dict[str, Any]:
    text = "\n\n".join(f"`{kind.code}`: {default_message(kind)}" for kind in kinds)
    waits = any(kind.status in (429, 503) for kind in kinds)
    return {
        "description": text,
        "headers": _headers(waits),
        "content": {"application/json": {"schema": {"$ref": schema}}},
    }


def _headers(waits: bool = False) -> dict[str, Any]:
    headers = {
        "X-Request-Id": {"schema": {"type": "string"}, "description": "The id of this request in the server's log."}
    }
    if waits:
        headers["Retry-After"] = {"schema": {"type": "string", "pattern": r"^\d+$"}, "description": "Seconds to wait."}
    return headers


def _problem_schema(kinds: list[type[Problem]]) -> Schema:
    text = {"type": "string"}
    codes = {"type": "string", "enum": [kind.code for kind in kinds]}
    never = {"type": "boolean", "const": False}
    return {
        "type": "object",
        "description": "An error. `error` is a stable code. `message` says what to do next.",
        "required": ["success", "error", "message", "request_id"],
        "properties": {
            "success": never,
            "error": codes,
            "message": text,
            "request_id": text,
        },
    }


def _schemes() -> dict[str, Any]:
    names = {"ClientCredentials": "client_id", "ClientSecret": "client_secret", "AccessToken": "access_token"}
    return {scheme: {"type": "apiKey", "in": "header", "name": name} for scheme, name in names.items()}
