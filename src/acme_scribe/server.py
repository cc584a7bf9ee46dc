"""The server and the pages of the app. It links with the EHR of the practice and stores the access token."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from acme_scribe.api import Cobalt, CobaltProblem

HERE = Path(__file__).parent
COOKIE = "acme_session"
pages = Jinja2Templates(HERE / "templates")


@dataclass
class Visitor:
    """One clinician's session with this app. A real app would store it in its database and encrypt the token."""

    user_id: str
    state: str | None = None
    access_token: str | None = None


@dataclass
class Scribe:
    """The app. `link_address` is the address of Link's pages. `org_id` is the id of this practice in our own system."""

    cobalt: Cobalt
    link_address: str
    org_id: str
    emr_name: str | None
    visitors: dict[str, Visitor] = field(default_factory=dict)

    async def home(self, request: Request) -> Response:
        """Shows the linked schedule, or the button to link."""
        key, visitor = self._visitor(request)
        context: dict[str, object] = {"linked": visitor.access_token is not None, "link": self.link_address}
        if visitor.access_token:
            context |= await self._schedule(visitor)
        response = pages.TemplateResponse(request, "home.html", context)
        response.set_cookie(COOKIE, key, httponly=True, samesite="lax")
        return response

    async def connect(self, request: Request) -> Response:
        """Opens Link in a window."""
        # `state` comes back with the redirect, so that only the browser that started can finish.
        _, visitor = self._visitor(request)
        if request.cookies.get(COOKIE) not in self.visitors:
            return RedirectResponse("/", 303)
        visitor.state = secrets.token_urlsafe(24)
        token = await self._link_token(visitor, state=visitor.state)
        return RedirectResponse(f"{self.link_address}/?{urlencode({'token': token})}", 303)

    async def token(self, request: Request) -> Response:
        """Returns a link token to our page, which opens Link on top of itself."""
        _, visitor = self._visitor(request)
        try:
            return JSONResponse({"token": await self._link_token(visitor)})
        except CobaltProblem as problem:
            return JSONResponse({"message": str(problem)}, 400)

    async def linked_here(self, request: Request) -> Response:
        """Takes the public token from our page."""
        # The SameSite cookie shows that our own page sent it.
        visitor = self.visitors.get(request.cookies.get(COOKIE, ""))
        if visitor is None:
            return JSONResponse({"message": "Load this page again, then connect."}, 403)
        try:
            visitor.access_token = await self.cobalt.exchange(str((await request.form()).get("public_token", "")))
        except CobaltProblem as problem:
            return JSONResponse({"message": str(problem)}, 400)
        return JSONResponse({})

    async def linked(self, request: Request) -> Response:
        """Link sends the user back here with the public token."""
        # Exchanged at once, and the redirect removes it from the address bar.
        visitor = self.visitors.get(request.cookies.get(COOKIE, ""))
        state = request.query_params.get("state", "")
        if visitor is None or visitor.state is None or not secrets.compare_digest(visitor.state, state):
            return _sorry(request, "This window did not start the connection. Go back to the one that did.", 403)
        visitor.state = None
        try:
            visitor.access_token = await self.cobalt.exchange(request.query_params.get("token", ""))
        except CobaltProblem as problem:
            return _sorry(request, str(problem), 400)
        return RedirectResponse("/", 303)

    async def disconnect(self, request: Request) -> Response:
        """Disconnects the account. Link's pages promise the user that the app has a button for this."""
        _, visitor = self._visitor(request)
        if visitor.access_token:
            await self.cobalt.disconnect(visitor.user_id)
            visitor.access_token = None
        return RedirectResponse("/", 303)

    async def _schedule(self, visitor: Visitor) -> dict[str, object]:
        access_token = visitor.access_token or ""
        try:
            practice = (await self.cobalt.get("/v1/settings", access_token))["data"]
            # "Today" at the practice, whatever time zone this server has.
            today = datetime.now(ZoneInfo(practice["timezone"] or "UTC")).date()
            days = {"start_date": today.isoformat(), "end_date": (today + timedelta(days=1)).isoformat()}
            found = await self.cobalt.get("/v1/appointments", access_token, **days)
        except CobaltProblem as problem:
            if problem.code == "unauthorized":  # disconnected in another place, for example at /connections
                visitor.access_token = None
                return {"linked": False}
            return {"problem": str(problem), "repair": problem.code == "login_required"}
        statuses = {each["code"]: each["description"] for each in practice["visit_statuses"]}
        lines = [_line(each, statuses) for each in found["appointments"]]
        return {"appointments": lines, "today": today.strftime("%A, %B %-d")}

    async def _link_token(self, visitor: Visitor, **more: str) -> str:
        if visitor.access_token:
            more["access_token"] = visitor.access_token
        elif self.emr_name:
            more["emr_name"] = self.emr_name
        return await self.cobalt.link_token(visitor.user_id, self.org_id, **more)

    def _visitor(self, request: Request) -> tuple[str, Visitor]:
        key = request.cookies.get(COOKIE, "")
        if key not in self.visitors:
            key = secrets.token_urlsafe(24)
            self.visitors[key] = Visitor(user_id=f"clinician-{len(self.visitors) + 1}")
        return key, self.visitors[key]


def create_app(
    *,
    cobalt: str,
    link: str,
    client_id: str,
    client_secret: str,
    org_id: str = "riverside",
    emr_name: str | None = None,
) -> Starlette:
    """The ASGI app. `cobalt` and `link` are the addresses of the API and of Link's pages."""
    scribe = Scribe(Cobalt(cobalt, client_id, client_secret), link, org_id, emr_name)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await scribe.cobalt.close()

    routes = [
        Route("/", scribe.home),
        Route("/connect", scribe.connect),
        Route("/token", scribe.token, methods=["POST"]),
        Route("/linked", scribe.linked),
        Route("/linked", scribe.linked_here, methods=["POST"]),
        Route("/disconnect", scribe.disconnect, methods=["POST"]),
        Route("/acme.css", _file("acme.css")),
        Route("/acme.js", _file("acme.js")),
        Route("/acme.svg", _file("acme.svg")),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _line(found: dict[str, str], statuses: dict[str, str]) -> dict[str, str]:
    start, code = datetime.fromisoformat(found["datetime"]), found["status"]
    shown = {"day": start.strftime("%a %b %-d"), "time": start.strftime("%-I:%M %p")}
    return {**found, **shown, "status": statuses.get(code, code)}


def _sorry(request: Request, text: str, status: int) -> Response:
    return pages.TemplateResponse(request, "sorry.html", {"text": text}, status_code=status)


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return FileResponse(HERE / name)

    return send
