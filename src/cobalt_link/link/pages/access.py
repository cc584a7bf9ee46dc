"""The door of the hosted pages: which browser may see which link_session, and the headers that every page goes out
with."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from cobalt_link.connector.panes import CodeAnswer, CredentialsAnswer
from cobalt_link.developers.clients import Client
from cobalt_link.link.flow.answers import SessionAnswers, SessionOpened, cookie_name
from cobalt_link.link.flow.connections import ConnectionLookup
from cobalt_link.link.pages import render
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.headers import page_headers
from cobalt_link.link.pages.loading import ContextLoader, locale_of
from cobalt_link.link.session.ehr_requests import EhrRequests
from cobalt_link.link.session.sessions import LinkSession
from cobalt_link.web import Call
from cobalt_link.web.problems import Problem
from cobalt_link.web.rates import RateLimits, address_key

# In a frame no cookie may be had: there the script holds the link session's secret and sends it.
SECRET_HEADER = "Cobalt-Session"  # noqa: S105 - the name of a header
PARENT_HEADER = "Cobalt-Parent"
CLOSED_STATUS = {"link_unknown": 404, "link_expired": 410, "link_used": 410, "other_browser": 403, "not_found": 404,
                 "connections_expired": 410}  # fmt: skip

# Passwords and codes per minute that may be typed at /connections: a person's own, not a guesser's.
TRIES_FROM_ONE_PLACE, TRIES_FOR_ONE_ACCOUNT = 10, 3


class PageAccess:
    """What the pages' routes answer from."""

    def __init__(
        self, stage: ContextLoader, visits: SessionAnswers, finding: ConnectionLookup, requests: EhrRequests
    ) -> None:
        self.stage = stage
        self.visits = visits
        self.finding = finding
        self.requests = requests
        self._brake = RateLimits(off=not stage.settings.rate_limits)
        self.https = stage.settings.public_url.startswith("https:")
        # Browsers that give a frame a cookie at all take a secure one from their own machine too.
        self.loopback = urlsplit(stage.settings.public_url).hostname in ("127.0.0.1", "localhost", "::1")

    def secrets(self, call: Call, session_id: str) -> Mapping[str, str]:
        """The cookies of a request, and the secret that a script sent instead of one."""
        sent = call.header(SECRET_HEADER)
        return {**self.cookies(call), **({cookie_name(session_id): sent} if sent else {})}

    def cookies(self, call: Call) -> Mapping[str, str]:
        """Over https only those that no neighbor under the same domain can have set (`__Host-`)."""
        found = call.request.cookies
        return {name: found[name] for name in found if name.startswith("__Host-")} if self.https else found

    async def own(self, call: Call, session_id: str) -> LinkSession | Response:
        """The link session if this browser may see it, else the page that says why not."""
        session = await self.visits.find(session_id)
        client = await self.client(session)
        if session is None or (client is None and not session.is_own):
            return self.closed(call, "link_unknown")
        secrets = self.secrets(call, session_id)
        if not self.visits.is_own(session, secrets):
            has_some = secrets or call.request.cookies
            return self.closed(call, "other_browser" if has_some else "no_cookies", client=client)
        if session.is_own and session.expires_at <= call.now:
            return self.closed(call, "connections_expired", back_url=f"{self.stage.settings.public_url}/connections")
        if session.state == "expired" or (session.settled_at is None and session.expires_at <= call.now):
            return self.closed(call, "link_expired", client=client, back_url=await self.visits.back_url(session))
        return session

    async def client(self, session: LinkSession | None) -> Client | None:
        """The client of a link session, unless it was disabled meanwhile."""
        client = await self.stage.clients.by_id(session.client) if session and not session.is_own else None
        return client if client and client.disabled_at is None else None

    def closed(
        self,
        call: Call,
        why: str,
        *,
        status: int | None = None,
        back_url: str | None = None,
        client: Client | None = None,
    ) -> Response:
        """A page with nothing of any link session on it. Origins of `client` may frame it, so that it can be read
        there."""
        locale = locale_of(None, call.header("Accept-Language"), call.request.query_params.get("lang"))
        operator = self.stage.settings.operator or "Cobalt Link"
        parent = self.parent(call, client)
        html = render.closed(why, locale=locale, operator=operator, back_url=back_url, parent=parent)
        headers = self.headers(frame_ancestors=client.origins if client else ())
        return HTMLResponse(html, status or CLOSED_STATUS.get(why, 403), headers)

    def parent(self, call: Call, client: Client | None) -> str | None:
        """The origin that frames this page, by its own word, if it is one that the client registered."""
        origin = call.request.query_params.get("origin") or call.header(PARENT_HEADER)
        return origin if client and origin in client.origins else None

    def keep(self, response: Response, visit: SessionOpened, *, framed: bool = False) -> None:
        """Gives the browser the secret of a link session that it has just entered."""
        if visit.secret is None:
            return
        # A frame of another site gets a cookie only if it is partitioned, and that takes `Secure` (pages §10).
        secure = self.https or (framed and self.loopback)
        site = "None; Secure; Partitioned" if secure and framed else "Lax; Secure" if secure else "Lax"
        name = cookie_name(visit.session_id, secure=secure)
        response.headers.append("Set-Cookie", f"{name}={visit.secret}; Path=/; HttpOnly; SameSite={site}")

    def brake(self, call: Call, session: LinkSession, answer: object) -> None:
        """Raises RateLimited when somebody types too many passwords or codes where no app has let them in: by their
        address, and by whose account it is, however many addresses they have."""
        if session.is_own and isinstance(answer, CredentialsAnswer | CodeAnswer):
            self._brake.take(address_key(call.address), "own secrets", TRIES_FROM_ONE_PLACE)
        if session.is_own and isinstance(answer, CredentialsAnswer):
            account = f"{session.connector} {session.address} {answer.username.strip().casefold()}"
            self._brake.take(account, "own secrets of one", TRIES_FOR_ONE_ACCOUNT)

    async def page(self, session: LinkSession, html: str, status: int = 200) -> Response:
        return HTMLResponse(html, status, await self.headers_of(session))

    async def headers_of(self, session: LinkSession) -> dict[str, str]:
        """For a page of a link session: its forms may lead to the callback, its client's origins may frame it."""
        if session.is_own:
            return self.headers()
        client = await self.stage.clients.by_id(session.client)
        return self.headers(await self.visits.callback(session), client.origins)

    def headers(self, callback: str | None = None, frame_ancestors: tuple[str, ...] = ()) -> dict[str, str]:
        targets = [callback] if callback else []
        return page_headers(https=self.https, form_targets=targets, frame_ancestors=frame_ancestors)

    async def scene(self, call: Call, session: LinkSession) -> PageContext:
        return await self.stage.scene(session, locale_of(session, call.header("Accept-Language")))

    async def problem(self, call: Call, problem: Problem) -> Response:
        """A refused request as a page."""
        why = {"foreign_form": "cross_site", "rate_limited": "rate_limited", "not_found": "not_found"}
        response = self.closed(call, why.get(problem.code, "unavailable"), status=problem.status)
        response.headers.update(problem.headers)
        return response

    async def form_token(self, call: Call, fields: Mapping[str, object]) -> bool:
        """Whether a form carries its link session's token: for browsers that do not say where a form comes from."""
        session_id = str(call.request.path_params.get("session_id", ""))
        session = await self.visits.find(session_id)
        if session is None or not self.visits.is_own(session, self.secrets(call, session_id)):
            return False
        return fields.get("csrf") == self.visits.form_token(session)
