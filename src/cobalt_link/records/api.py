"""The routes of the unified EHR API, made from the endpoints of `records/resources`."""

from __future__ import annotations

import inspect
from typing import Any

from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.resource import ResourceRoute
from cobalt_link.records.resources import endpoints
from cobalt_link.web import Auth, Call, Routes, Tenant
from cobalt_link.web.table import parameters

routes = Routes("records")
METHODS = {"GET": routes.get, "POST": routes.post, "PATCH": routes.patch}


def _handler(endpoint: ResourceRoute) -> Any:
    """A handler with the signature that the route table reads."""

    async def handler(engine: RecordsEngine, call: Call, body: Any = None, **path: str) -> Any:
        return await endpoint.run(engine, call.account, body, **path)

    annotations: dict[str, Any] = {"body": endpoint.asked} if endpoint.asked else {}
    annotations |= dict.fromkeys(sorted(parameters(endpoint.path)), str) | {"return": endpoint.answer}
    handler.__name__ = handler.__qualname__ = endpoint.name
    handler.__annotations__ = annotations
    given = ["engine", "call", *(name for name in annotations if name != "return")]
    handler.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in given]
    )
    return handler


for each in endpoints():
    METHODS[each.method](
        each.path,
        auth=Auth.ACCOUNT,
        tenant=Tenant.ACCOUNT,
        rate=each.rate,
        idempotency=each.idempotency,
        audit=each.audit,
        errors=each.errors,
        summary=each.summary,
        also=each.also,
        media=each.media,
    )(_handler(each))
