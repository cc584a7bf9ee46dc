"""Lets a test register apps, and end what users gave them."""

from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr import refusals
from sandbox_ehr.grants import apps, tokens
from sandbox_ehr.grants.apps import App, Method
from sandbox_ehr.lab.ehr_under_test import EhrUnderTest
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import json_body
from sandbox_ehr.responses import json_response


class AppChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is, or gets its default in a new app."""

    name: str | None = None
    redirect_uris: list[str] | None = None
    method: Method | None = None
    secret: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_url: str | None = None
    scopes: list[str] | None = None
    scope_version: Literal["any", "v1", "v2"] | None = None
    offline: bool | None = None
    launch_url: str | None = None
    enabled: bool | None = None


async def every_app(request: Request) -> Response:
    return json_response({"apps": await _ehr_of(request).database.run(apps.every)})


async def app(request: Request) -> Response:
    """PUT changes or registers an app, DELETE removes it, GET shows it."""
    ehr, client_id = _ehr_of(request), request.path_params["client_id"]
    if request.method == "DELETE":
        return json_response({"removed": await ehr.database.run(apps.remove, client_id)})
    found = await ehr.database.run(apps.find, client_id)
    if request.method == "PUT":
        change = await json_body(request, AppChange)
        values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        values |= {name: tuple(values[name]) for name in ("redirect_uris", "scopes") if name in values}
        found = msgspec.structs.replace(found or App(client_id=client_id), **values)
        await ehr.database.run(apps.save, found)
    if found is None:
        raise RequestRefused(refusals.not_found("app"))
    return json_response(found)


async def grants(request: Request) -> Response:
    """DELETE ends every grant, or with ?username= and ?client_id= those that match."""
    username, client_id = (request.query_params.get(name, "") for name in ("username", "client_id"))
    database = _ehr_of(request).database
    return json_response({"revoked": await database.run(tokens.revoke, username=username, client_id=client_id)})


async def access_tokens(request: Request) -> Response:
    """DELETE ends every access token. Refresh tokens stay."""
    return json_response({"ended": await _ehr_of(request).database.run(tokens.end_access_tokens)})


def _ehr_of(request: Request) -> EhrUnderTest:
    return request.app.state.ehr
