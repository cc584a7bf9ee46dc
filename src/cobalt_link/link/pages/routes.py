"""The hosted pages' routes: open a link token, see the open pane, answer it, leave, and go back to the app.

Every page works without a script: an answer is a form post, its page shows the worker's steps as they happen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
import structlog
from msgspec import Meta
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from cobalt_link.connector.panes import ConsentAnswer, Message, Picker, Waiting
from cobalt_link.developers.clients import Client
from cobalt_link.link.flow.answers import NotOpened, NotOpenedReason, SessionOpened, is_working
from cobalt_link.link.pages import connection_list, forms, render
from cobalt_link.link.pages.access import PageAccess
from cobalt_link.link.pages.context import Framed, PageContext, ShownStep
from cobalt_link.link.pages.loading import locale_of
from cobalt_link.link.pages.texts import LOCALES
from cobalt_link.link.session.sessions import LinkSession
from cobalt_link.web import Call, Rate, Routes, Tenant

log = structlog.get_logger()

routes = Routes("link pages")

AT_ONCE = 0.4  # seconds in which an answer may still come without a page in between
STREAMED = 25.0
SCRIPT_HEADER = "Cobalt-Script"  # the page's own script asks


class OpenQuery(msgspec.Struct, frozen=True):
    """`origin`: the page that opens Link in a frame, which the client must have registered. `closed`: why a token that
    was here before opened nothing."""

    token: Annotated[str, Meta(max_length=200)] = ""
    closed: NotOpenedReason | Literal[""] = ""
    lang: str | None = None
    origin: Annotated[str, Meta(max_length=500)] = ""


class PageQuery(msgspec.Struct, frozen=True):
    """`q` searches the picker, `manual` shows its address form with `ehr` chosen, `stale` says that it was answered,
    `ended` that a connection was ended, `stayed` that the page was kept open."""

    q: Annotated[str, Meta(max_length=200)] = ""
    manual: str = ""
    ehr: str = ""
    stale: str = ""
    ended: str = ""
    stayed: str = ""
    lang: str | None = None
    origin: Annotated[str, Meta(max_length=500)] = ""


class EventsQuery(msgspec.Struct, frozen=True):
    after: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class PaneForm(msgspec.Struct, frozen=True):
    """Every field that a pane's form may send."""

    pane: str = ""
    csrf: str = ""
    username: Annotated[str, Meta(max_length=500)] = ""
    password: Annotated[str, Meta(max_length=1000)] = ""
    code: Annotated[str, Meta(max_length=100)] = ""
    resend: str = ""
    pick: Annotated[str, Meta(max_length=500)] = ""
    ehr: Annotated[str, Meta(max_length=100)] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""
    agree: str = ""
    action: str = ""
    stop: str = ""


@routes.page(
    "/", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="Open a link token: binds the link session to this browser and takes the token out of the address bar.",
)  # fmt: skip
async def enter(room: PageAccess, call: Call, body: OpenQuery) -> Response:
    if body.closed and not body.token:
        return room.closed(call, body.closed)
    visit = await room.visits.enter(body.token, room.cookies(call))
    if isinstance(visit, NotOpened):
        if not body.origin:
            # A token that opens nothing leaves the address bar too (S-009).
            return _see_other("/?" + urlencode({"closed": visit.why} | _language(body.lang)), room.headers())
        client = await room.stage.clients.by_id(visit.client) if visit.client else None
        return room.closed(call, visit.why, client=client)
    if body.origin and not _in_window(call):
        return await _framed(room, call, visit, body.origin)
    language = urlencode(_language(body.lang))
    response = _see_other(f"/link/{visit.session_id}{'?' if language else ''}{language}", room.headers())
    room.keep(response, visit)
    return response


@routes.page(
    "/link/{session_id}", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="The open pane of a link session, or the steps of the sign-in while it works.",
)  # fmt: skip
async def look(room: PageAccess, call: Call, body: PageQuery, session_id: str) -> Response:
    if body.origin and not _in_window(call):
        return await _framed_again(room, call, session_id)
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    if body.lang:
        await room.visits.speak(session, locale_of(None, None, body.lang))
        return _see_other(f"/link/{session_id}", room.headers())
    if is_working(session) and session.pane is None:
        session = await room.visits.settled_down(session_id, AT_ONCE) or session
        if session.state == "expired":
            return _back(room, session_id)
    scene = await room.scene(call, session)
    if is_working(session) and session.pane is None:
        slow = await room.visits.is_slow(session)
        return await _streamed(room, session, _steps(room, scene, session_id, slow))
    html = await _shown(room, scene, session, body)
    if isinstance(session.pane, Waiting) and session.pane.problem is None:
        return await _streamed(room, session, _held(room, html, session))
    return await room.page(session, html)


@routes.page(
    "/link/{session_id}", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Answer the open pane.",
)  # fmt: skip
async def answer(room: PageAccess, call: Call, body: PaneForm, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    form = {name: value for name, value in msgspec.structs.asdict(body).items() if value}
    if session.pane is None or body.pane != str(session.pane_n):
        return await _next(room, call, session_id, _back(room, session_id, "?stale=1"))
    return await _next(room, call, session_id, await _answered(room, call, session, form))


@routes.page(
    "/link/{session_id}/exit", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="Ask whether to stop.",
)  # fmt: skip
async def ask_to_leave(room: PageAccess, call: Call, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    if session.settled_at is not None:
        return _back(room, session_id)
    return await room.page(session, render.leaving(await room.scene(call, session)))


@routes.page(
    "/link/{session_id}/exit", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Stop: what was typed no longer opens.",
)  # fmt: skip
async def leave(room: PageAccess, call: Call, body: PaneForm, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    await room.visits.leave(session)
    return _back(room, session_id)


@routes.page(
    "/link/{session_id}/stay", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Keep the page open for as long again, once.",
)  # fmt: skip
async def stay(room: PageAccess, call: Call, body: PaneForm, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    return _back(room, session_id, "?stayed=1" if await room.visits.stay(session) else "")


@routes.page(
    "/link/{session_id}/done", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit="link.handed_over",
    csrf=True, audience="end user", summary="Go back to the app with a public token.",
)  # fmt: skip
async def finish(room: PageAccess, call: Call, body: PaneForm, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    if session.granted is None:
        return _back(room, session_id)
    client = await room.stage.clients.by_id(session.client)
    public_token, callback = await room.visits.finish(session, client.env)
    if "application/json" in (call.header("Accept") or "") and client.origins:
        return JSONResponse({"public_token": public_token}, headers=await room.headers_of(session))
    if callback:
        return _see_other(callback, room.headers(callback))
    scene = await room.scene(call, session)
    # Only a test client's page shows the token: a live one without an address learns it by link/token/get.
    shown = public_token if client.test else None
    unregistered = client.client_id if public_token else None
    return await room.page(session, render.after(scene, public_token=shown, client_id=unregistered))


@routes.page(
    "/link/{session_id}/events", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False,
    audience="end user",
    summary="The events of a session after a number, as JSON for the page's script.",
)  # fmt: skip
async def events(room: PageAccess, call: Call, body: EventsQuery, session_id: str) -> Response:
    session = await room.own(call, session_id)
    if isinstance(session, Response):
        return session
    found = [each for each in await room.visits.events(session) if each.seq > body.after]
    return Response(msgspec.json.encode(found), 200, room.headers(), "application/json")


def _language(asked: str | None) -> dict[str, str]:
    """What to add to an address so that the chosen language stays."""
    return {"lang": asked} if asked in LOCALES else {}


def _in_window(call: Call) -> bool:
    """Whether the browser says that the page is no frame: there only its cookie counts, for an address with a secret in
    its fragment can be sent to somebody else (S-024)."""
    return call.header("Sec-Fetch-Dest") == "document"


async def _framed(room: PageAccess, call: Call, visit: SessionOpened, origin: str) -> Response:
    """In a frame: the first pane at once, and with it the secret for its script, as there may be no cookie.

    A redirect would cost one way over the network, and the pane another two: the script takes the token out of the
    frame's address, and nothing can be pressed before it is there.
    """
    client = await room.stage.clients.by_id(visit.client)
    if client.disabled_at is not None or origin not in client.origins:
        return room.closed(call, "not_registered", status=403)
    session = await room.visits.find(visit.session_id)
    assert session is not None
    secret = visit.secret or room.visits.secret_in(session, room.cookies(call)) or ""
    framed = Framed(origin, f"/link/{visit.session_id}", secret)
    head, shell = render.begun(_shell(room, call, client, framed, session))

    async def parts() -> AsyncIterator[str]:
        yield head  # the browser fetches style and script while the worker is at it
        try:
            yield await _first(room, call, session, framed) or shell
        except Exception as error:
            # Half a page is sent: with the other half its script asks again, and says what is wrong.
            log.warning("first_pane_failed", session=session.id, error=type(error).__name__)
            yield shell

    response = StreamingResponse(parts(), media_type="text/html", headers=await room.headers_of(session))
    room.keep(response, visit, framed=True)
    return response


async def _first(room: PageAccess, call: Call, session: LinkSession, framed: Framed) -> str | None:
    """The rest of the page with the first pane, if that is there soon and still this browser's."""
    opened = await room.visits.settled_down(session.id, AT_ONCE)
    if opened is None or opened.pane is None or isinstance(opened.pane, Waiting) or opened.browser != session.browser:
        return None
    scene = msgspec.structs.replace(await room.scene(call, opened), framed=framed)
    return render.begun(await _shown(room, scene, opened, PageQuery()))[1]


async def _framed_again(room: PageAccess, call: Call, session_id: str) -> Response:
    """A frame that is loaded anew: its script has the secret in the fragment, which no server and no log ever sees."""
    session = await room.visits.find(session_id)
    client = await room.client(session)
    parent = room.parent(call, client)
    if client is None or parent is None:
        return room.closed(call, "not_registered", status=403)
    html = _shell(room, call, client, Framed(parent, f"/link/{session_id}"), session)
    return HTMLResponse(html, 200, room.headers(frame_ancestors=client.origins))


def _shell(room: PageAccess, call: Call, client: Client, framed: Framed, session: LinkSession | None) -> str:
    """An empty page for a frame; its script fetches the pane."""
    locale = locale_of(session, call.header("Accept-Language"))
    operator = room.stage.settings.operator or client.name
    accent = client.branding.get("accent")
    return render.shell(locale=locale, operator=operator, app_name=client.name, framed=framed, accent=accent)


async def _shown(room: PageAccess, scene: PageContext, session: LinkSession, look: PageQuery) -> str:
    """The page of a link session that waits for the person, or is over."""
    if session.state == "granted":
        return render.done(scene, session.ehr_user_name or "")
    if session.state == "left":
        return render.left(scene, await room.visits.back_url(session))
    if session.state == "signed_in":
        found = connection_list.rows(await room.finding.connections(session))
        return connection_list.listed(scene, found, session.ehr_user_name or "", ended=bool(look.ended))
    pane = session.pane
    assert pane is not None
    if not isinstance(pane, Picker):
        return render.pane(scene, pane, stale=bool(look.stale), stayed=bool(look.stayed))
    if look.manual == "1":
        pane = Picker(manual=True, ehr=look.ehr or pane.ehr, address=pane.address)
    elif look.q or look.manual == "0":
        pane = Picker()
    search = await room.stage.search(session, look.q)
    return render.pane(scene, pane, search=search, stale=bool(look.stale), stayed=bool(look.stayed))


async def _answered(room: PageAccess, call: Call, session: LinkSession, form: dict[str, str]) -> Response:
    pane, n = session.pane, session.pane_n or 0
    assert pane is not None
    read = forms.read(pane, form)
    if isinstance(read, forms.Picked):
        read = await room.stage.resolve(session, read)
        if isinstance(read, str):
            return _back(room, session.id, f"?manual=1&ehr={read}")
    if isinstance(read, dict):
        return await _asked_again(room, call, session, form, read)
    if isinstance(read, forms.AskFor):
        return _back(room, session.id, "" if await room.requests.ask(session) else "?stale=1")
    if isinstance(read, forms.Change) or isinstance(pane, Message):
        taken = await room.visits.again(session, n, elsewhere=isinstance(read, forms.Change))
    elif isinstance(read, ConsentAnswer) and not read.agree:
        return _back(room, session.id, "/exit")
    else:
        room.brake(call, session, read)
        taken = await room.visits.answer(session, n, read)
    return _back(room, session.id, "" if taken else "?stale=1")


async def _next(room: PageAccess, call: Call, session_id: str, answered: Response) -> Response:
    """For a script the page that an answer leads to, at once: a redirect costs it one more way over the network."""
    here, _, query = answered.headers.get("location", "").partition("?")
    if call.header(SCRIPT_HEADER) and here == f"/link/{session_id}" and query in ("", "stale=1"):
        return await look(room, call, PageQuery(stale="1" if query else ""), session_id)
    return answered


async def _asked_again(
    room: PageAccess, call: Call, session: LinkSession, form: dict[str, str], errors: dict[str, str]
) -> Response:
    scene, pane = await room.scene(call, session), session.pane
    assert pane is not None
    search = None
    if isinstance(pane, Picker):
        pane = Picker(manual=True, ehr=form.get("ehr"), address=form.get("url")) if "pick" not in errors else pane
        search = await room.stage.search(session, "")
    html = render.pane(scene, pane, search=search, errors=errors, typed=forms.typed(form))
    return await room.page(session, html, 422)


async def _steps(room: PageAccess, scene: PageContext, session_id: str, slow: bool) -> AsyncIterator[str]:
    """The working page: each step is sent when it starts; the last thing sent leads on (pages §8)."""
    head, step, tail = render.working(scene, slow=slow)
    yield head
    async for name in room.visits.steps(session_id, STREAMED):
        yield step(ShownStep(name, "now"))
    yield tail(scene.path)


async def _held(room: PageAccess, html: str, session: LinkSession) -> AsyncIterator[str]:
    """A page that waits for something outside: it stays open and goes on by itself."""
    head, tail = render.held_open(html)
    yield head
    await room.visits.moved_on(session, STREAMED)
    yield tail(f"/link/{session.id}")


async def _streamed(room: PageAccess, session: LinkSession, parts: AsyncIterator[str]) -> Response:
    headers = {**await room.headers_of(session), "Cobalt-Streamed": "1"}
    return StreamingResponse(parts, media_type="text/html", headers=headers)


def _back(room: PageAccess, session_id: str, more: str = "") -> Response:
    return _see_other(f"/link/{session_id}{more}", room.headers())


def _see_other(url: str, headers: Mapping[str, str]) -> Response:
    # 303, never 307: a form with a password must not be posted on (S-034).
    return RedirectResponse(url, 303, dict(headers))
