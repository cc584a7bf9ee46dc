"""Link in a frame: where there may be no cookie, the page brings the session's secret for its script."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import structlog
from starlette.responses import HTMLResponse, Response, StreamingResponse

from cobalt_link.connector.panes import Waiting
from cobalt_link.developers.clients import Client
from cobalt_link.link.flow.opening import SessionOpened
from cobalt_link.link.pages import render
from cobalt_link.link.pages.access import PageClosed, locale_of
from cobalt_link.link.pages.context import Framed
from cobalt_link.link.pages.queries import PageQuery
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.pages.shown import shown
from cobalt_link.link.session.session import LinkSession
from cobalt_link.web import Call

log = structlog.get_logger()

AT_ONCE = 0.4  # seconds in which the first pane may still be part of the first answer


async def opened(room: HostedPages, call: Call, opened: SessionOpened, origin: str) -> Response:
    """The first pane at once, and with it the secret for its script. Raises PageClosed for an unknown origin.

    A redirect would cost one way over the network, and the pane another two: the script takes the token out of the
    frame's address, and nothing can be pressed before it is there.
    """
    client = await room.deps.clients.by_id(opened.client or "")
    if client.disabled_at is not None or origin not in client.origins:
        raise PageClosed("not_registered")
    session = await room.progress.find(opened.session_id)
    assert session is not None
    secret = opened.secret or room.browsers.secret_in(session, room.access.cookies(call)) or ""
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
        raise PageClosed("not_registered")
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
    now = await room.progress.settled_down(session.id, AT_ONCE)
    if now is None or now.pane is None or isinstance(now.pane, Waiting) or now.browser != session.browser:
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
