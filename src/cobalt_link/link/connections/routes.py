"""The end user's own pages (S-125): sign in at the EHR, see which apps use that account, and end what should end.

The way there is a link session like any other, whose panes and refusals `hosted.py` serves; here it begins and ends.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from cobalt_link.link.pages import connection_list
from cobalt_link.link.pages.access import PageAccess
from cobalt_link.link.pages.connection_list import Connection
from cobalt_link.link.pages.texts import LOCALES
from cobalt_link.link.session.sessions import LinkSession
from cobalt_link.web import Call, Rate, Routes, Tenant
from cobalt_link.web.problems import NotFound

routes = Routes("own pages")


class Begin(msgspec.Struct, frozen=True):
    lang: Annotated[str, Meta(max_length=20)] = ""


class Ending(msgspec.Struct, frozen=True):
    csrf: str = ""


@routes.page(
    "/connections", tenant=Tenant.NONE, rate=Rate.PUBLIC, audit=None, csrf=False, audience="end user",
    summary="Begin the way to one's own connections: bound to this browser, over in 15 minutes.",
)  # fmt: skip
async def begin(room: PageAccess, call: Call, body: Begin) -> Response:
    visit = await room.visits.open_own(body.lang if body.lang in LOCALES else None)
    response = RedirectResponse(f"/link/{visit.session_id}", 303, room.headers())
    room.keep(response, visit)
    return response


@routes.page(
    "/link/{session_id}/connections/{account_id}", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False,
    audience="end user", errors=(NotFound,), summary="Ask whether to disconnect an app.",
)  # fmt: skip
async def ask(room: PageAccess, call: Call, session_id: str, account_id: str) -> Response:
    session = await _own(room, call, session_id, account_id)
    if isinstance(session, Response):
        return session
    scene = await room.scene(call, session)
    found = [each for each in await _connections(room, session) if each.id == account_id]
    if not found:
        return _listed_again(room, session)
    return await room.page(session, connection_list.asked(scene, found[0], session.ehr_user_name or ""))


@routes.page(
    "/link/{session_id}/connections/{account_id}", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE,
    audit="disconnected", csrf=True, audience="end user", errors=(NotFound,),
    summary="Disconnect an app: its access tokens end at once, what was stored for it never opens again.",
)  # fmt: skip
async def end(room: PageAccess, call: Call, body: Ending, session_id: str, account_id: str) -> Response:
    session = await _own(room, call, session_id, account_id)
    if isinstance(session, Response):
        return session
    await room.finding.disconnect(session, account_id)
    return _listed_again(room, session, "?ended=1")


async def _own(room: PageAccess, call: Call, session_id: str, account_id: str) -> LinkSession | Response:
    """The link session if this browser may see it and this account was found for it; raises NotFound for any other."""
    session = await room.own(call, session_id)
    if isinstance(session, LinkSession) and account_id not in session.accounts:
        raise NotFound
    return session


async def _connections(room: PageAccess, session: LinkSession) -> list[Connection]:
    return connection_list.rows(await room.finding.connections(session))


def _listed_again(room: PageAccess, session: LinkSession, more: str = "") -> Response:
    return RedirectResponse(f"/link/{session.id}{more}", 303, room.headers())
