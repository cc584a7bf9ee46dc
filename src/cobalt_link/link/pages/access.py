"""Which browser may see which link session, decided before a page's handler runs, and the headers of every page."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from cobalt_link.developers.clients import Client
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flow, Flows
from cobalt_link.link.flow.opening import SessionOpened
from cobalt_link.link.pages import render, texts
from cobalt_link.link.pages.closed import Ended, FrameRefusal
from cobalt_link.link.pages.headers import is_origin, page_headers
from cobalt_link.link.pages.texts import monogram
from cobalt_link.link.session.browser import Browsers, cookie_name
from cobalt_link.link.session.redirects import Departure, cookie_of
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.web import Call
from cobalt_link.web.problems import Forbidden, Problem

# In a frame there may be no cookie: there the script holds the link session's secret and sends it.
SECRET_HEADER = "Cobalt-Session"  # noqa: S105 - the name of a header
PARENT_HEADER = "Cobalt-Parent"
SCRIPT_HEADER = "Cobalt-Script"  # the page's own script sends it
AWAY = 24 * 3600  # seconds: no link session stays open for longer
CLOSED_STATUS = {"link_unknown": 404, "link_expired": 410, "link_used": 410, "other_browser": 403, "not_found": 404,
                 "connections_expired": 410, "returned": 200, "launch_used": 410}  # fmt: skip


class PageClosed(Forbidden):
    """This page is not for this browser, or no longer open."""

    def __init__(
        self,
        why: str,
        *,
        client: Client | None = None,
        back_url: str | None = None,
        ended: Ended | None = None,
        refusal: FrameRefusal | None = None,
    ) -> None:
        """`why` names the page to show (closed.CLOSED). `client`: whose origins may frame that page. `ended`: the
        session, only for the browser that owned it. With `refusal` any page may frame it, so that its developer learns
        the reason."""
        super().__init__()
        self.why = why
        self.ended = ended
        self.client = client
        self.back_url = back_url
        self.refusal = refusal


class PageAccess:
    """Decides which browser may see which session, and answers the others with a closed page."""

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable, flows: Flows, browsers: Browsers) -> None:
        self._deps = deps
        self._sessions = sessions
        self._flows = flows
        self._browsers = browsers
        public_url = deps.settings.public_url
        self.https = public_url.startswith("https:")
        # Browsers that give a frame a cookie at all take a secure one from their own machine too.
        self.loopback = urlsplit(public_url).hostname in ("127.0.0.1", "localhost", "::1")

    async def admit(self, call: Call, secret: str | None = None) -> None:
        """For every route of a link session: sets `call.session`, or raises PageClosed.

        A frame that loads itself again cannot show its secret yet: it has it in the fragment, which browsers do not
        send. `call.session` then stays None, and the handler may answer with an empty page only. It stays None too for
        the form of a frame that opens a window: there the handler asks `in_new_window`.
        """
        if secret is None and (is_frame_reload(call) or self._is_new_window(call)):
            return
        session_id = str(call.request.path_params["session_id"])
        session = await self._sessions.by_id(session_id)
        if session is None:
            raise PageClosed("link_unknown")
        flow = self._flows[session.purpose]
        client = await flow.client(session)
        if client is None and not flow.asks_for_itself:
            raise PageClosed("link_unknown")
        secrets = {**self.secrets(call, session_id), **({cookie_name(session_id): secret} if secret else {})}
        seen = self._browsers.seen(session, secrets)
        if seen is None:
            raise PageClosed("other_browser" if secrets or call.request.cookies else "no_cookies", client=client)
        if flow.expired(session, call.now) and not _asks_for_its_end(call, flow):
            why = "connections_expired" if flow.asks_for_itself else "link_expired"
            ended = await self._ended(flow, session, client)
            raise PageClosed(why, client=client, back_url=await flow.way_back(session), ended=ended)
        call.session = seen

    async def in_new_window(self, call: Call, secret: str) -> LinkSession:
        """The session of a window that a frame has just opened. The form of the frame brought its secret: that form is
        our own page's (`csrf`), so nobody is sent here with the secret of another (S-024). Raises PageClosed."""
        await self.admit(call, secret)
        return call.session

    def _is_new_window(self, call: Call) -> bool:
        session_id = str(call.request.path_params["session_id"])
        names = {cookie_name(session_id), cookie_name(session_id, secure=True)}  # it may have those of other trips
        return call.route.path == "/link/{session_id}/redirect" and names.isdisjoint(self.secrets(call, session_id))

    async def _ended(self, flow: Flow, session: LinkSession, client: Client | None) -> Ended:
        subject = await flow.subject(session, client)
        account = subject.account
        connector = self._deps.connectors.get(session.connector or (account.connector if account else "") or "")
        return Ended(
            app_name=subject.name,
            app_mark=subject.mark or monogram(subject.name),
            ehr_name=connector.manifest.name if connector else None,
            ehr_mark=connector.manifest.mark if connector else None,
            accent=subject.accent,
            locale=session.locale,
            open_for=session.expires_at - session.created_at,
        )

    async def framed_client(self, session_id: str) -> tuple[LinkSession | None, Client | None]:
        """A session by its id alone, and the client that may frame it: for an empty page only."""
        session = await self._sessions.by_id(session_id)
        client = await self._flows[session.purpose].client(session) if session else None
        return session, client

    def secrets(self, call: Call, session_id: str) -> Mapping[str, str]:
        """The cookies of a request, and the secret that a script sent instead of one."""
        sent = call.header(SECRET_HEADER)
        return {**self.cookies(call), **({cookie_name(session_id): sent} if sent else {})}

    def cookies(self, call: Call) -> Mapping[str, str]:
        """Over https only those that no neighbor under the same domain can have set (`__Host-`)."""
        found = call.request.cookies
        return {name: found[name] for name in found if name.startswith("__Host-")} if self.https else found

    def closed(self, call: Call, why: PageClosed, *, status: int | None = None) -> Response:
        """A page with nothing of any session on it. It may be framed by the client's origins, so that users see it."""
        chosen = call.request.query_params.get("lang") or (why.ended.locale if why.ended else None)
        html = render.closed(
            why.why,
            ended=why.ended,
            locale=locale_of(None, call.header("Accept-Language"), chosen),
            operator=self._deps.settings.run_by,
            back_url=why.back_url,
            parent=_claimed_parent(call) if why.refusal else self.parent(call, why.client),
            refusal=why.refusal,
        )
        ancestors = why.client.origins if why.client else ()
        headers = page_headers(https=self.https, frame_ancestors=ancestors, anywhere=why.refusal is not None)
        return HTMLResponse(html, status or CLOSED_STATUS.get(why.why, 403), headers)

    def parent(self, call: Call, client: Client | None) -> str | None:
        """The origin that the request says frames this page, if the client has registered it."""
        origin = call.request.query_params.get("origin") or call.header(PARENT_HEADER)
        return origin if client and origin in client.origins else None

    def keep(self, response: Response, opened: SessionOpened, *, framed: bool = False) -> None:
        """Gives the browser the secret of a session that it has just opened."""
        if opened.secret is None:
            return
        # A frame of another site gets a cookie only if it is partitioned, and that takes `Secure` (pages §10).
        secure = self.https or (framed and self.loopback)
        site = "None; Secure; Partitioned" if secure and framed else "Lax; Secure" if secure else "Lax"
        name = cookie_name(opened.session_id, secure=secure)
        response.headers.append("Set-Cookie", f"{name}={opened.secret}; Path=/; HttpOnly; SameSite={site}")

    def with_departure(self, response: Response, departure: Departure) -> Response:
        """Gives the window that goes to the EHR the secret by which it is known when it comes back (S-024)."""
        name = cookie_of(departure.state, secure=self.https)
        kept = f"Path=/; HttpOnly; SameSite=Lax; Max-Age={AWAY}{'; Secure' if self.https else ''}"
        response.headers.append("Set-Cookie", f"{name}={departure.secret}; {kept}")
        # The window that opened this one is out of reach for the EHR's page.
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response

    async def page(self, session: LinkSession, html: str, status: int = 200) -> Response:
        return HTMLResponse(html, status, await self.headers_of(session))

    async def headers_of(self, session: LinkSession) -> dict[str, str]:
        """For a page of a session: its forms may lead to the callback, its client's origins may frame it."""
        flow = self._flows[session.purpose]
        client = await flow.client(session)
        return self.headers(await flow.callback(session), client.origins if client else ())

    def headers(self, callback: str | None = None, frame_ancestors: tuple[str, ...] = ()) -> dict[str, str]:
        targets = [callback] if callback else []
        return page_headers(https=self.https, form_targets=targets, frame_ancestors=frame_ancestors)

    async def problem(self, call: Call, problem: Problem) -> Response:
        """A refused request as a page."""
        if isinstance(problem, PageClosed):
            return self.closed(call, problem)
        why = {"foreign_form": "cross_site", "rate_limited": "rate_limited", "not_found": "not_found"}
        why |= {"prefetched": "only_looked", "previewed": "only_looked"}
        closed = PageClosed(why.get(problem.code, "unavailable"))
        # For an office program, an error means that it must not open the link in the browser.
        response = self.closed(call, closed, status=200 if problem.code == "previewed" else problem.status)
        response.headers.update(problem.headers)
        return response

    async def form_token(self, call: Call, fields: Mapping[str, object]) -> bool:
        """Whether a form carries its session's token: for browsers that do not say where a form comes from."""
        session_id = str(call.request.path_params.get("session_id", ""))
        session = await self._sessions.by_id(session_id)
        token = fields.get("csrf")
        if session is None or not isinstance(token, str):
            return False
        return self._browsers.is_form_token(session, self.secrets(call, session_id), token)


def _claimed_parent(call: Call) -> str | None:
    """The origin that says it frames this page, registered or not: for pages that tell nothing but the reason."""
    origin = call.request.query_params.get("origin", "")
    return origin if is_origin(origin) else None


def is_in_window(call: Call) -> bool:
    """Whether the browser says that the page is no frame. There only its cookie counts: somebody can be sent an
    address with a secret in its fragment (S-024)."""
    return call.header("Sec-Fetch-Dest") == "document"


def is_visit(call: Call) -> bool:
    """Whether a browser loads this page to show it in a window: not a script and not a frame. Prefetches and previews
    reach no page that `changes` anything (web/looking.py)."""
    return (
        call.request.method == "GET"
        and not call.header(SCRIPT_HEADER)
        and call.header("Sec-Fetch-Dest") in (None, "document")
        and call.header("Sec-Fetch-Mode") in (None, "navigate")
    )


def is_frame_reload(call: Call) -> bool:
    """A frame asks for its session's page itself, not by its script."""
    is_look = call.request.method == "GET" and call.route.path == "/link/{session_id}"
    return is_look and bool(call.request.query_params.get("origin")) and not is_in_window(call)


def _asks_for_its_end(call: Call, flow: Flow) -> bool:
    """The page of a session whose time is over still asks for its last event, which the app's page waits for."""
    return call.route.path == "/link/{session_id}/events" and not flow.asks_for_itself


def locale_of(session: LinkSession | None, accept: str | None, chosen: str | None = None) -> str:
    """The language of a page: the one chosen on the page, else that of the session, else that of the browser."""
    return texts.choose(accept, chosen or (session.locale if session else None))
