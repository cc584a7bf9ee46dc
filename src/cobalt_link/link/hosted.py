"""The hosted pages' routes: open a link token, see the open pane, answer it, leave, and go back to the app.

Every page works without a script: an answer is a form post, its page shows the worker's steps as they happen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from cobalt_link.ehr.panes import ConsentAnswer, Message, Picker
from cobalt_link.kit.problems import NotFound, Problem
from cobalt_link.kit.routes import Call, Rate, Routes, Tenant
from cobalt_link.link import assets, forms, pages
from cobalt_link.link.attempts import Attempt
from cobalt_link.link.headers import page_headers
from cobalt_link.link.scene import Scene, Step
from cobalt_link.link.stage import Stage, locale_of
from cobalt_link.link.visits import Entered, Turned, Visits, cookie_name, is_working

routes = Routes("link pages")

AT_ONCE = 0.4  # seconds in which an answer may still come without a page in between
STREAMED = 25.0
CLOSED_STATUS = {"link_unknown": 404, "link_expired": 410, "link_used": 410, "other_browser": 403}


class Opening(msgspec.Struct, frozen=True):
    token: Annotated[str, Meta(max_length=200)] = ""
    lang: str | None = None


class Look(msgspec.Struct, frozen=True):
    """`q` searches the picker, `manual` shows its address form with `ehr` chosen, `stale` says that it was answered."""

    q: Annotated[str, Meta(max_length=200)] = ""
    manual: str = ""
    ehr: str = ""
    stale: str = ""
    lang: str | None = None


class Sent(msgspec.Struct, frozen=True):
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


class Hosted:
    """What the routes below answer from."""

    def __init__(self, stage: Stage, visits: Visits) -> None:
        self.stage = stage
        self.visits = visits
        self.https = stage.settings.public_url.startswith("https:")

    async def own(self, call: Call, attempt_id: str) -> Attempt | Response:
        """The attempt if this browser may see it, else the page that says why not."""
        attempt = await self.visits.find(attempt_id)
        if attempt is None or (await self.stage.clients.by_id(attempt.client)).disabled_at is not None:
            return self.closed(call, "link_unknown")
        if not self.visits.is_own(attempt, call.request.cookies):
            return self.closed(call, "other_browser" if call.request.cookies else "no_cookies")
        if attempt.state == "expired" or (attempt.settled_at is None and attempt.expires_at <= call.now):
            return self.closed(call, "link_expired", back_url=await self.visits.back_url(attempt))
        return attempt

    def closed(self, call: Call, why: str, *, status: int | None = None, back_url: str | None = None) -> Response:
        """A page with nothing of any attempt on it."""
        locale = locale_of(None, call.header("Accept-Language"), call.request.query_params.get("lang"))
        operator = self.stage.settings.operator or "Cobalt Link"
        html = pages.closed(why, locale=locale, operator=operator, back_url=back_url)
        return HTMLResponse(html, status or CLOSED_STATUS.get(why, 403), self.headers())

    async def page(self, attempt: Attempt, html: str, status: int = 200) -> Response:
        return HTMLResponse(html, status, self.headers(await self.visits.callback(attempt)))

    def headers(self, callback: str | None = None) -> dict[str, str]:
        return page_headers(https=self.https, form_targets=[callback] if callback else [])

    async def scene(self, call: Call, attempt: Attempt) -> Scene:
        return await self.stage.scene(attempt, locale_of(attempt, call.header("Accept-Language")))

    async def problem(self, call: Call, problem: Problem) -> Response:
        """A refused request as a page."""
        why = {"foreign_form": "cross_site", "rate_limited": "rate_limited", "not_found": "not_found"}
        response = self.closed(call, why.get(problem.code, "unavailable"), status=problem.status)
        response.headers.update(problem.headers)
        return response

    async def form_token(self, call: Call, fields: Mapping[str, object]) -> bool:
        """Whether a form carries its attempt's token: for browsers that do not say where a form comes from."""
        attempt = await self.visits.find(str(call.request.path_params.get("attempt_id", "")))
        if attempt is None or not self.visits.is_own(attempt, call.request.cookies):
            return False
        return fields.get("csrf") == self.visits.form_token(attempt)


@routes.page(
    "/", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="Open a link token: binds the attempt to this browser and takes the token out of the address bar.",
)  # fmt: skip
async def enter(room: Hosted, call: Call, body: Opening) -> Response:
    visit = await room.visits.enter(body.token, call.request.cookies)
    if isinstance(visit, Turned):
        return room.closed(call, visit.why)
    language = f"?lang={body.lang}" if body.lang in ("en", "es") else ""
    response = _see_other(f"/link/{visit.attempt_id}{language}", room.headers())
    _keep(response, visit, secure=room.https)
    return response


@routes.page(
    "/link/{attempt_id}", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="The open pane of an attempt, or the steps of the sign-in while it works.",
)  # fmt: skip
async def look(room: Hosted, call: Call, body: Look, attempt_id: str) -> Response:
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Response):
        return attempt
    if body.lang:
        await room.visits.speak(attempt, locale_of(None, None, body.lang))
        return _see_other(f"/link/{attempt_id}", room.headers())
    if is_working(attempt) and attempt.pane is None:
        attempt = await room.visits.settled_down(attempt_id, AT_ONCE) or attempt
    scene = await room.scene(call, attempt)
    if is_working(attempt) and attempt.pane is None:
        headers = room.headers(await room.visits.callback(attempt))
        return StreamingResponse(_steps(room, scene, attempt_id), media_type="text/html", headers=headers)
    return await room.page(attempt, await _shown(room, scene, attempt, body))


@routes.page(
    "/link/{attempt_id}", method="POST", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Answer the open pane.",
)  # fmt: skip
async def answer(room: Hosted, call: Call, body: Sent, attempt_id: str) -> Response:
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Response):
        return attempt
    form = {name: value for name, value in msgspec.structs.asdict(body).items() if value}
    if attempt.pane is None or body.pane != str(attempt.pane_n):
        return _back(room, attempt_id, "?stale=1")
    return await _answered(room, call, attempt, form)


@routes.page(
    "/link/{attempt_id}/exit", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    summary="Ask whether to stop.",
)  # fmt: skip
async def ask_to_leave(room: Hosted, call: Call, attempt_id: str) -> Response:
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Response):
        return attempt
    if attempt.settled_at is not None:
        return _back(room, attempt_id)
    return await room.page(attempt, pages.leaving(await room.scene(call, attempt)))


@routes.page(
    "/link/{attempt_id}/exit", method="POST", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit=None, csrf=True,
    audience="end user", summary="Stop: what was typed no longer opens.",
)  # fmt: skip
async def leave(room: Hosted, call: Call, body: Sent, attempt_id: str) -> Response:
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Response):
        return attempt
    await room.visits.leave(attempt)
    return _back(room, attempt_id)


@routes.page(
    "/link/{attempt_id}/done", method="POST", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit="link.handed_over",
    csrf=True, audience="end user", summary="Go back to the app with a public token.",
)  # fmt: skip
async def finish(room: Hosted, call: Call, body: Sent, attempt_id: str) -> Response:
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Response):
        return attempt
    if attempt.granted is None:
        return _back(room, attempt_id)
    client = await room.stage.clients.by_id(attempt.client)
    public_token, callback = await room.visits.finish(attempt, client.env)
    if callback:
        return _see_other(callback, room.headers(callback))
    scene = await room.scene(call, attempt)
    # Only a test client's page shows the token: a live one without an address learns it by link/token/get.
    shown = public_token if client.test else None
    return await room.page(attempt, pages.after(scene, public_token=shown, client_id=client.client_id))


@routes.page(
    "/static/{name}", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    errors=(NotFound,), summary="A style sheet, at a path that holds its hash.",
)  # fmt: skip
async def static(room: Hosted, call: Call, name: str) -> Response:
    try:
        body, media = assets.static(name)
    except KeyError:
        raise NotFound from None
    return Response(body, media_type=media, headers=assets.STATIC_HEADERS)


async def _shown(room: Hosted, scene: Scene, attempt: Attempt, look: Look) -> str:
    """The page of an attempt that waits for the person, or is over."""
    if attempt.state == "granted":
        return pages.done(scene, attempt.person or "")
    if attempt.state == "left":
        return pages.left(scene, await room.visits.back_url(attempt))
    pane = attempt.pane
    assert pane is not None
    if not isinstance(pane, Picker):
        return pages.pane(scene, pane, stale=bool(look.stale))
    if look.manual == "1":
        pane = Picker(manual=True, ehr=look.ehr or pane.ehr, address=pane.address)
    elif look.q or look.manual == "0":
        pane = Picker()
    return pages.pane(scene, pane, search=await room.stage.search(attempt, look.q), stale=bool(look.stale))


async def _answered(room: Hosted, call: Call, attempt: Attempt, form: dict[str, str]) -> Response:
    pane, n = attempt.pane, attempt.pane_n or 0
    assert pane is not None
    read = forms.read(pane, form)
    if isinstance(read, forms.Picked):
        read = await room.stage.resolve(attempt, read)
        if isinstance(read, str):
            return _back(room, attempt.id, f"?manual=1&ehr={read}")
    if isinstance(read, dict):
        return await _asked_again(room, call, attempt, form, read)
    if isinstance(read, forms.Change) or isinstance(pane, Message):
        taken = await room.visits.again(attempt, n, elsewhere=isinstance(read, forms.Change))
    elif isinstance(read, ConsentAnswer) and not read.agree:
        return _back(room, attempt.id, "/exit")
    else:
        taken = await room.visits.answer(attempt, n, read)
    return _back(room, attempt.id, "" if taken else "?stale=1")


async def _asked_again(
    room: Hosted, call: Call, attempt: Attempt, form: dict[str, str], errors: dict[str, str]
) -> Response:
    scene, pane = await room.scene(call, attempt), attempt.pane
    assert pane is not None
    search = None
    if isinstance(pane, Picker):
        pane = Picker(manual=True, ehr=form.get("ehr"), address=form.get("url")) if "pick" not in errors else pane
        search = await room.stage.search(attempt, "")
    html = pages.pane(scene, pane, search=search, errors=errors, typed=forms.typed(form))
    return await room.page(attempt, html, 422)


async def _steps(room: Hosted, scene: Scene, attempt_id: str) -> AsyncIterator[str]:
    """The working page: each step is sent when it starts; the last thing sent leads on (ui.md §8)."""
    head, step, tail = pages.working(scene)
    yield head
    async for name in room.visits.steps(attempt_id, STREAMED):
        yield step(Step(name, "now"))
    yield tail(scene.path)


def _keep(response: Response, visit: Entered, *, secure: bool) -> None:
    if visit.secret is not None:
        name = cookie_name(visit.attempt_id, secure=secure)
        response.set_cookie(name, visit.secret, path="/", httponly=True, samesite="lax", secure=secure)


def _back(room: Hosted, attempt_id: str, more: str = "") -> Response:
    return _see_other(f"/link/{attempt_id}{more}", room.headers())


def _see_other(url: str, headers: Mapping[str, str]) -> Response:
    # 303, never 307: a form with a password must not be posted on (S-034).
    return RedirectResponse(url, 303, dict(headers))
