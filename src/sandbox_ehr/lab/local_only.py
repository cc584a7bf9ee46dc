"""Keeps the lab closed to everybody but programs on the EHR's own machine: it can reset data and open accounts."""

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox_ehr.refusals import Refusal
from sandbox_ehr.responses import refusal_response

PROXY_HEADERS = {b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"}


class LocalOnly:
    """Lets a request in only if its peer is this machine, no proxy is in between, and no other site's page sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_local(scope):
            refusal = Refusal("local_only", 403, "The lab answers only to programs on the EHR's own machine.")
            return await refusal_response(refusal)(scope, receive, send)
        await self.app(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    address = headers.get(b"host", b"").decode("latin-1")
    host = address.rpartition(":")[0] or address
    return (
        _is_loopback((scope["client"] or ("",))[0])
        # The peer alone is not enough: a page can make this machine's browser call a name that resolves to loopback.
        and (host == "localhost" or _is_loopback(host.strip("[]")))
        and not headers.keys() & PROXY_HEADERS
        and headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
