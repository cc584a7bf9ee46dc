"""What operators and tools ask of any server: its description, whether it lives, whether it is ready, its numbers."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.metrics import MEDIA, Metrics
from cobalt_link.web.problems import Unavailable

Ready = Callable[[], Awaitable[None]]

routes = Routes("system")


class System(msgspec.Struct, frozen=True):
    """What the routes below answer from. `ready` returns when the server can work and raises when it cannot."""

    document: dict[str, Any]
    ready: Ready
    metrics: Metrics


class OpenApi(msgspec.Struct, rename="camel"):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class Fine(msgspec.Struct):
    """All is well."""

    success: bool = True
    status: str = "ok"


@routes.get(
    "/openapi.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="This API as an OpenAPI 3.1 document",
)
async def describe(system: System, call: Call) -> OpenApi:
    return msgspec.convert(system.document, OpenApi)


@routes.get(
    "/healthz",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Whether the process is up",
)
async def healthy(system: System, call: Call) -> Fine:
    return Fine()


@routes.get(
    "/readyz",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(Unavailable,),
    summary="Whether the server can work: its database answers",
)
async def ready(system: System, call: Call) -> Fine:
    try:
        await system.ready()
    except Exception as error:
        raise Unavailable("Not ready: the database does not answer. Try again in a few seconds.") from error
    return Fine(status="ready")


@routes.get(
    "/metrics",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Numbers for monitoring, in the Prometheus text format",
    media="text/plain",
)
async def numbers(system: System, call: Call) -> Response:
    return Response(system.metrics.text(), media_type=MEDIA)
