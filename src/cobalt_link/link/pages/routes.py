"""The routes of the hosted pages: open a link token, show the open pane, answer it, stop, and return to the app.

Every page works without a script. An answer is a form post, and the next page shows the steps of the sign-in as they
run. Access is decided before a handler runs (`PageAccess.admit`): `call.session` is the session, and this browser's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

import msgspec
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from cobalt_link.connector.panes import ConsentAnswer, Message, Waiting
from cobalt_link.link.flow.opening import NotOpened
from cobalt_link.link.pages import forms, frames, render
from cobalt_link.link.pages.access import SCRIPT_HEADER, PageClosed, is_in_window, is_visit, locale_of
from cobalt_link.link.pages.context import PageContext, ShownStep
from cobalt_link.link.pages.headers import can_follow_a_form
from cobalt_link.link.pages.home import home_page
from cobalt_link.link.pages.queries import CallbackQuery, EventsQuery, OpenQuery, PageQuery, PaneForm, RedirectForm
from cobalt_link.link.pages.questions import WARNED
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.pages.shown import asked_again, shown
from cobalt_link.link.pages.texts import LOCALES
from cobalt_link.link.session.browser import seen_by
from cobalt_link.link.session.session import LinkSession, is_working
from cobalt_link.store.database import DatabaseUnavailable
from cobalt_link.web import Call, Rate, Routes, Tenant

routes = Routes("link pages")

AT_ONCE = 0.4  # seconds to wait for the next pane before the working page is shown
STREAMED = 25.0  # seconds that a streamed page stays open
HELD = 300.0  # seconds that a page stays open that waits for something outside
STILL_THERE = 20.0  # seconds between two line breaks on it: proxies close a silent connection after a minute


@routes.page(
    "/", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="end user", changes=True,
    summary="Open a link token: bind the link session to this browser and remove the token from the address bar."
    " Without a token, say what this server is.",
)  # fmt: skip
async def enter(room: HostedPages, call: Call, body: OpenQuery) -> Response:
    if not (body.closed or body.origin or "token" in call.request.query_params):
        return await _home(room, call, body)
    if body.closed and not body.token:
        raise PageClosed(body.closed)
    opened = await room.opening.open(body.token, room.access.cookies(call), frames.around(call, body))
    if isinstance(opened, NotOpened):
        return await _not_opened(room, opened, body)
    if body.origin and not is_in_window(call):
        return await frames.opened(room, call, opened, body.origin)
    language = urlencode(_language(body.lang))
    response = _see_other(room, f"/link/{opened.session_id}{'?' if language else ''}{language}")
    room.access.keep(response, opened)
    return response


async def _home(room: HostedPages, call: Call, body: OpenQuery) -> Response:
    settings = room.deps.settings
    try:
        works = await room.deps.db.one("SELECT 1") is not None
    except DatabaseUnavailable:
        works = False
    html = home_page(
        locale=locale_of(None, call.header("Accept-Language"), body.lang),
        operator=settings.run_by,
        works=works,
        privacy_url=settings.privacy_url,
        help_url=settings.help_url,
    )
    return HTMLResponse(html, 200, room.access.headers())


async def _not_opened(room: HostedPages, why: NotOpened, body: OpenQuery) -> Response:
    if not body.origin:
        # A token that opens nothing is removed from the address bar too (S-009).
        return _see_other(room, "/?" + urlencode({"closed": why.why} | _language(body.lang)))
    client = await room.deps.clients.by_id(why.client) if why.client else None
    raise PageClosed(why.why, client=client, refusal=await frames.refusal(room, why, body))


@routes.page(
    "/link/{session_id}", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    changes=True, summary="Show the open pane of a link session, or the steps of the sign-in while it runs.",
)  # fmt: skip
async def look(room: HostedPages, call: Call, body: PageQuery) -> Response:
    session: LinkSession | None = call.session
    if session is None:
        return await frames.reloaded(room, call)
    if body.lang:
        await room.answers.set_locale(session, locale_of(None, None, body.lang))
        return _back(room, session)
    if _is_running(session):
        found = await room.progress.settled_down(session.id, AT_ONCE) or session
        if (session := seen_by(found, session.browser)) is None:
            return _back(room, found)
        if session.state == "expired":
            return _back(room, session)
    if is_visit(call) and await room.flows[session.purpose].returns_by_itself(session):
        return _back(room, session, "/return")
    return await _look(room, session, await room.context(call, session), body)


async def _look(room: HostedPages, session: LinkSession, context: PageContext, query: PageQuery) -> Response:
    if _is_running(session):
        slow = await room.progress.is_slow(session)
        return await _streamed(room, session, _steps(room, context, session, slow))
    html = await shown(room, context, session, query)
    waits = isinstance(session.pane, Waiting) and session.pane.problem is None
    if waits or query.window == "away" or await room.redirects.is_away(session):
        return await _streamed(room, session, _held(room, html, session))
    return await room.access.page(session, html)


@routes.page(
    "/link/{session_id}", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Answer the open pane.",
)  # fmt: skip
async def answer(room: HostedPages, call: Call, body: PaneForm) -> Response:
    session: LinkSession = call.session
    form = {name: value for name, value in msgspec.structs.asdict(body).items() if value}
    if session.pane is None or body.pane != str(session.pane_n):
        return await _next(room, call, _back(room, session, "?stale=1"))
    return await _next(room, call, await _answered(room, call, session, form))


@routes.page(
    "/link/{session_id}/exit", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="Ask whether to stop.",
)  # fmt: skip
async def ask_to_leave(room: HostedPages, call: Call) -> Response:
    session: LinkSession = call.session
    if session.settled_at is not None:
        return _back(room, session)
    return await room.access.page(session, render.leaving(await room.context(call, session)))


@routes.page(
    "/link/{session_id}/exit", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Stop the link session. What the user typed can no longer be opened.",
)  # fmt: skip
async def leave(room: HostedPages, call: Call, body: PaneForm) -> Response:
    await room.answers.leave(call.session)
    # A script cannot follow to another site: it lets the browser send this form.
    app = (
        await room.hand_over.app_address(call.session)
        if body.stop == "back" and not call.header(SCRIPT_HEADER)
        else None
    )
    return _see_other(room, app, app) if app else _back(room, call.session)


@routes.page(
    "/link/{session_id}/stay", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Extend the link session by its whole lifetime, once.",
)  # fmt: skip
async def stay(room: HostedPages, call: Call, body: PaneForm) -> Response:
    return _back(room, call.session, "?stayed=1" if await room.answers.stay(call.session) else "")


@routes.page(
    "/link/{session_id}/done", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit="link.handed_over",
    csrf=True, audience="end user", summary="Return to the app with a public token.",
)  # fmt: skip
async def finish(room: HostedPages, call: Call, body: PaneForm) -> Response:
    session: LinkSession = call.session
    if session.granted is None:
        return _back(room, session)
    if not await room.answers.own(session):
        return _back(room, session)
    client = await room.deps.clients.by_id(session.asker.client)
    public_token, callback = await room.hand_over.finish(session, client.env)
    if "application/json" in (call.header("Accept") or "") and client.origins:
        return JSONResponse({"public_token": public_token}, headers=await room.access.headers_of(session))
    if callback:
        return await _to_app(room, call, session, callback)
    context = await room.context(call, session)
    # Only the page of a test client shows the token. A live app without a callback gets it from link/token/get.
    token = public_token if client.test else None
    unregistered = client.client_id if public_token else None
    return await room.access.page(session, render.after(context, public_token=token, client_id=unregistered))


@routes.page(
    "/link/{session_id}/return", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit="link.handed_over", csrf=False,
    audience="end user", changes=True,
    summary="Return to the app with a public token, the first time that a browser comes here.",
)  # fmt: skip
async def return_to_app(room: HostedPages, call: Call) -> Response:
    session: LinkSession = call.session
    if not is_visit(call) or not await room.flows[session.purpose].returns_by_itself(session):
        return _back(room, session)
    client = await room.deps.clients.by_id(session.asker.client)
    _, callback = await room.hand_over.finish(session, client.env, first=True)
    return await _to_app(room, call, session, callback) if callback else _back(room, session)


@routes.page(
    "/link/{session_id}/events", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False,
    audience="end user", summary="List the events of a session after a number, as JSON for the page's script.",
)  # fmt: skip
async def events(room: HostedPages, call: Call, body: EventsQuery) -> Response:
    await room.answers.expire(call.session)
    found = [each for each in await room.progress.events(call.session) if each.seq > body.after]
    return Response(msgspec.json.encode(found), 200, room.access.headers(), "application/json")


@routes.page(
    "/link/{session_id}/redirect", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Go from the open pane to the EHR's own sign-in page.",
)  # fmt: skip
async def go_to_ehr(room: HostedPages, call: Call, body: RedirectForm) -> Response:
    # A window that a frame has opened has no cookie yet.
    session: LinkSession = call.session or await room.access.in_new_window(call, body.secret)
    is_open = body.pane == str(session.pane_n)
    trip = await room.redirects.go(session, framed=bool(body.framed)) if is_open else None
    if trip is None:
        return _back(room, session, "?stale=1")
    context = await room.context(call, session)
    return room.access.with_departure(await room.access.page(session, render.going(context, trip.url)), trip.departure)


@routes.page(
    "/oauth/callback/{registration}", tenant=Tenant.NONE, rate=Rate.PAGE, audit="link.redirected", csrf=False,
    audience="end user", changes=True, summary="Come back from the EHR's own sign-in page.",
)  # fmt: skip
async def come_back(room: HostedPages, call: Call, registration: str, body: CallbackQuery) -> Response:
    arrival = await room.redirects.come_back(registration, body.state, body.answer, room.access.cookies(call))
    if arrival is None:
        is_trial = await room.trials.take(registration, body.state, body.answer)
        raise PageClosed("tested" if is_trial else "not_sent")
    if arrival.framed:
        raise PageClosed("returned")
    found = await room.progress.find(arrival.link_session)
    session = seen_by(found, arrival.owner) if found else None
    if session is None:
        raise PageClosed("link_unknown")
    # A page, and no redirect: Chromium holds the redirects after the EHR's own form to the policy of the EHR's page,
    # which names us and not the app that Link may send the browser back to.
    return await room.access.page(session, render.back(await room.context(call, session)))


def _language(chosen: str | None) -> dict[str, str]:
    """The query parameters that keep the chosen language."""
    return {"lang": chosen} if chosen in LOCALES else {}


def _is_running(session: LinkSession) -> bool:
    return is_working(session) and session.pane is None


async def _answered(room: HostedPages, call: Call, session: LinkSession, form: dict[str, str]) -> Response:
    pane, n = session.pane, session.pane_n or 0
    assert pane is not None
    read = forms.read(pane, form)
    if isinstance(read, forms.Picked):
        read = await room.loader.resolve(session, read)
        if isinstance(read, str):
            return _back(room, session, f"?manual=1&ehr={read}")
    if isinstance(read, dict):
        html = await asked_again(room, await room.context(call, session), session, form, read)
        return await room.access.page(session, html, 422)
    if isinstance(read, forms.AskFor):
        return _back(room, session, "" if await room.requests.ask(session) else "?stale=1")
    if isinstance(read, forms.Change) or isinstance(pane, Message):
        taken = await room.answers.again(session, n, elsewhere=isinstance(read, forms.Change))
    elif isinstance(read, ConsentAnswer) and not read.agree:
        await room.answers.leave(session)
        return _back(room, session, "?declined=1")
    else:
        room.flows[session.purpose].take(call.address, session, read)
        taken = await room.answers.answer(session, n, read)
    return _back(room, session, "" if taken else "?stale=1")


async def _next(room: HostedPages, call: Call, answered: Response) -> Response:
    """Answers a script with the next page itself, because a redirect would cost it another round trip."""
    here, _, query = answered.headers.get("location", "").partition("?")
    if not (call.header(SCRIPT_HEADER) and here == f"/link/{call.session.id}" and query in _FLAGS):
        return answered
    await room.access.admit(call)  # reads the session again, and checks that it still belongs to this browser
    return await look(room, call, _FLAGS[query])


_FLAGS = {"": PageQuery(), "stale=1": PageQuery(stale="1"), "declined=1": PageQuery(declined="1")}


async def _steps(room: HostedPages, context: PageContext, session: LinkSession, slow: bool) -> AsyncIterator[str]:
    """The working page. It sends each step when the step starts, and ends with a refresh to the next page (pages
    §8)."""
    head, step, tail = render.working(context, slow=slow)
    yield head
    async for name in room.progress.steps(session.id, STREAMED):
        yield step(ShownStep(name, "now"))
    yield tail(context.path)


async def _held(room: HostedPages, html: str, session: LinkSession) -> AsyncIterator[str]:
    """A page that stays open while the session waits for something outside, and then goes on to the next page."""
    head, tail = render.held_open(html)
    yield head
    # The next page has the notice that the session ends soon (WCAG 2.2, 2.2.1), also without a script.
    left = (session.expires_at - room.deps.clock.now()).total_seconds() - WARNED
    async for _ in room.progress.pauses(session, max(STREAMED, min(HELD, left)), STILL_THERE):
        yield "\n"
    yield tail(f"/link/{session.id}")


async def _streamed(room: HostedPages, session: LinkSession, parts: AsyncIterator[str]) -> Response:
    headers = {**await room.access.headers_of(session), "Cobalt-Streamed": "1"}
    return StreamingResponse(parts, media_type="text/html", headers=headers)


def _back(room: HostedPages, session: LinkSession, more: str = "") -> Response:
    return _see_other(room, f"/link/{session.id}{more}")


async def _to_app(room: HostedPages, call: Call, session: LinkSession, callback: str) -> Response:
    """Sends the browser to the callback address. Where a policy cannot allow that to a form, by way of a page."""
    if can_follow_a_form(callback):
        return _see_other(room, callback, callback)
    return await room.access.page(session, render.returning(await room.context(call, session), callback))


def _see_other(room: HostedPages, url: str, callback: str | None = None) -> Response:
    # 303, never 307: a form with a password must not be posted on (S-034).
    headers: Mapping[str, str] = room.access.headers(callback)
    return RedirectResponse(url, 303, dict(headers))
