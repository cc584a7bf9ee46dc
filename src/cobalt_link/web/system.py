"""The routes that operators and tools expect of a server: OpenAPI document, liveness, readiness, and metrics."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.client_address import hops, is_in, networks
from cobalt_link.web.metrics import MEDIA, Metrics
from cobalt_link.web.problems import NotFound, Unavailable

Ready = Callable[[], Awaitable[None]]

routes = Routes("system")


class System(msgspec.Struct, frozen=True):
    """What the routes below need.

    `document` gives the OpenAPI document, as what JSON is made from or as JSON (`msgspec.Raw`). `ready` returns if the
    server can work, and raises if it cannot. `readers` are the networks that may read the metrics.
    """

    document: Callable[[], Any]
    ready: Ready
    metrics: Metrics
    readers: tuple[str, ...]


class OpenApi(msgspec.Struct, rename="camel"):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class HealthStatus(msgspec.Struct):
    """The server is up."""

    success: bool = True
    status: str = "ok"


class ClientAddress(msgspec.Struct):
    """`address` is the caller's. `forwarded` counts the addresses in `X-Forwarded-For` when the request arrives."""

    address: str
    forwarded: int
    success: bool = True


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
    return system.document()


@routes.get(
    "/healthz",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Check that the process is up",
)
async def healthy(system: System, call: Call) -> HealthStatus:
    return HealthStatus()


@routes.get(
    "/readyz",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(Unavailable,),
    summary="Check that the server can work: its database answers",
)
async def ready(system: System, call: Call) -> HealthStatus:
    try:
        await system.ready()
    except Exception as error:
        raise Unavailable("Not ready: the database does not answer. Try again in a few seconds.") from error
    return HealthStatus(status="ready")


@routes.get(
    "/client-address",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="The caller's own address, as this server sees it behind its proxies",
)
async def seen_address(system: System, call: Call) -> ClientAddress:
    return ClientAddress(address=call.address, forwarded=len(hops(call.request.scope)))


@routes.get(
    "/metrics",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.SYSTEM,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(NotFound,),
    summary="Metrics in the Prometheus text format",
    media="text/plain",
)
async def numbers(system: System, call: Call) -> Response:
    if not is_in(call.address, networks(system.readers)):
        raise NotFound
    return Response(system.metrics.text(), media_type=MEDIA)
