"""Link in a frame: where there may be no cookie, the page brings the session's secret for its script."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import structlog
from starlette.responses import HTMLResponse, Response, StreamingResponse

from cobalt_link.connector.panes import Waiting
from cobalt_link.developers.clients import Client
from cobalt_link.link.flow.opening import NotOpened, SessionOpened
from cobalt_link.link.pages import render
from cobalt_link.link.pages.access import PageClosed, is_in_window, locale_of
from cobalt_link.link.pages.closed import FrameRefusal
from cobalt_link.link.pages.context import Framed
from cobalt_link.link.pages.queries import OpenQuery, PageQuery
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.pages.shown import shown
from cobalt_link.link.session.browser import cookie_name, seen_by
from cobalt_link.link.session.session import LinkSession
from cobalt_link.web import Call

log = structlog.get_logger()

AT_ONCE = 0.4  # seconds in which the first pane may still be part of the first answer


def around(call: Call, query: OpenQuery) -> list[str]:
    """The origins of the pages around this frame, as the SDK names them. Empty in a window.

    The browser's own check stays: it knows the true ones. Some of them it hides from scripts, as "null".
    """
    if not query.origin or is_in_window(call):
        return []
    return [query.origin, *(each for each in query.ancestors.split(",") if each not in ("", "null"))]


async def refusal(room: HostedPages, why: NotOpened, query: OpenQuery) -> FrameRefusal | None:
    """What the developer of the page around this frame must know, if it is a mistake of theirs."""
    if why.why == "link_unknown":
        server = room.deps.settings.public_url
        return FrameRefusal(f"{server} does not know this link token. It is incomplete, or from another server.")
    if why.why != "origin_not_registered" or why.client is None:
        return None
    strange = " and ".join(why.strange)
    is_are = "are" if len(why.strange) > 1 else "is"
    message = f"Link did not open in this page: {strange} {is_are} not registered."
    if query.origin not in why.strange:
        message = f"Link did not open: this page is in a frame of {strange}, which {is_are} not registered."
    client = await room.deps.clients.by_id(why.client)
    origins = " ".join(f"--origin {each}" for each in (*client.origins, *why.strange))
    return FrameRefusal(f"{message} To register it:", f"cobalt clients update CLIENT {origins}")


async def opened(room: HostedPages, call: Call, opened: SessionOpened, origin: str) -> Response:
    """The first pane at once, and with it the secret for its script.

    A redirect would cost one way over the network, and the pane another two: the script takes the token out of the
    frame's address, and nothing can be pressed before it is there.
    """
    client = await room.deps.clients.by_id(opened.client or "")
    found = await room.progress.find(opened.session_id)
    assert found is not None
    secret = opened.secret or room.browsers.secret_in(found, room.access.cookies(call)) or ""
    session = room.browsers.seen(found, {cookie_name(found.id): secret})
    if session is None:
        raise PageClosed("other_browser", client=client)  # it gave the first answer in this very moment
    framed = Framed(origin, f"/link/{opened.session_id}", secret)
    parts = _parts(room, call, session, framed, _shell(room, call, client, framed, session))
    response = StreamingResponse(parts, media_type="text/html", headers=await room.access.headers_of(session))
    room.access.keep(response, opened, framed=True)
    return response


async def reloaded(room: HostedPages, call: Call) -> Response:
    """An empty page for a frame that loads itself again: its script has the secret in the fragment, which browsers send
    to no server. Raises PageClosed for an unknown origin."""
    session_id = str(call.request.path_params["session_id"])
    session, client = await room.access.framed_client(session_id)
    parent = room.access.parent(call, client)
    if client is None or parent is None:
        raise PageClosed("origin_not_registered")
    html = _shell(room, call, client, Framed(parent, f"/link/{session_id}"), session)
    return HTMLResponse(html, 200, room.access.headers(frame_ancestors=client.origins))


async def _parts(room: HostedPages, call: Call, session: LinkSession, framed: Framed, shell: str) -> AsyncIterator[str]:
    head, rest = render.begun(shell)
    yield head  # the browser fetches style and script while the worker runs
    try:
        yield await _first_pane(room, call, session, framed) or rest
    except Exception as error:
        # Half a page is sent. With the other half its script asks again, and shows what is wrong.
        log.warning("first_pane_failed", session=session.id, error=type(error).__name__)
        yield rest


async def _first_pane(room: HostedPages, call: Call, session: LinkSession, framed: Framed) -> str | None:
    """The rest of the page with the first pane, if that is there soon and still this browser's."""
    found = await room.progress.settled_down(session.id, AT_ONCE)
    now = seen_by(found, session.browser) if found else None
    if now is None or now.pane is None or isinstance(now.pane, Waiting):
        return None
    context = msgspec.structs.replace(await room.context(call, now), framed=framed)
    return render.begun(await shown(room, context, now, PageQuery()))[1]


def _shell(room: HostedPages, call: Call, client: Client, framed: Framed, session: LinkSession | None) -> str:
    """An empty page for a frame. Its script fetches the pane."""
    return render.shell(
        locale=locale_of(session, call.header("Accept-Language")),
        operator=room.deps.settings.run_by,
        app_name=client.name,
        framed=framed,
        accent=client.branding.get("accent"),
    )
