"""What every request passes through: the EHR is started, the response gets its headers, a large body is refused."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox_ehr import refusals
from sandbox_ehr.ehr import Ehr
from sandbox_ehr.requests import max_body_bytes
from sandbox_ehr.responses import refusal_response

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
)


class EnsureStarted:
    """Starts the EHR before the first request, because not every ASGI server runs the lifespan."""

    def __init__(self, app: ASGIApp, ehr: Ehr) -> None:
        self.app = app
        self.ehr = ehr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.ehr.start()
        await self.app(scope, receive, send)


class ResponseHeaders:
    """Forbids caching, sniffing, framing and scripts, for JSON and pages alike, unless the response has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                # A page that has to send the browser to an app states what it allows itself.
                names = {name for name, _ in own}
                message["headers"] = [*own, *(header for header in HEADERS if header[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses a body by the length that its header states, before a byte of it is read.

    A body without that header is counted while it is read, see `requests.limited_body`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            length = dict(scope["headers"]).get(b"content-length", b"0")
            limit = max_body_bytes(scope["path"])
            if not length.isdigit() or int(length) > limit:
                return await refusal_response(refusals.too_large(limit))(scope, receive, send)
        await self.app(scope, receive, send)
