"""The route table. Each room declares its routes, `mount` serves them, and OpenAPI and the matrix tests read them.

    routes = Routes("link")

    @routes.post("/link/token/create", also=("/v1/link/token/create",), auth=Auth.CLIENT, tenant=Tenant.CLIENT,
                 rate=Rate.TOKEN, idempotency=Idempotency.NONE, audit=None, errors=(UnknownEhr,), summary="…")
    async def create(room: Link, call: Call, body: CreateLinkToken) -> LinkTokenCreated: ...

A handler takes the room and the call, then `body` if it needs one, then any path parameters by name.
"""

from cobalt_link.web.call import Call
from cobalt_link.web.conversion import Alias, Cleaned, Verbatim
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.csrf import ForeignForm, FormToken
from cobalt_link.web.serving import Authenticate, PageProblem, mount
from cobalt_link.web.table import Auth, Handler, Idempotency, Rate, Route, RouteDeclarationError, Routes, Tenant

__all__ = [
    "Alias",
    "Auth",
    "Authenticate",
    "Call",
    "CallerCredentials",
    "Cleaned",
    "ForeignForm",
    "FormToken",
    "Handler",
    "Idempotency",
    "PageProblem",
    "Rate",
    "Route",
    "RouteDeclarationError",
    "Routes",
    "Tenant",
    "Verbatim",
    "mount",
]
