"""The routes of `/connections` (S-125): start a session, ask before an app is disconnected, and disconnect it.

The sign-in in between is a link session like any other: the hosted pages' routes serve it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from cobalt_link.link.pages import connection_list
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.pages.texts import LOCALES
from cobalt_link.link.session.session import LinkSession
from cobalt_link.web import Call, Rate, Routes, Tenant
from cobalt_link.web.problems import NotFound

routes = Routes("connections pages")


class BeginQuery(msgspec.Struct, frozen=True):
    lang: Annotated[str, Meta(max_length=20)] = ""


class DisconnectForm(msgspec.Struct, frozen=True):
    csrf: str = ""


@routes.page(
    "/connections", tenant=Tenant.NONE, rate=Rate.PUBLIC, audit=None, csrf=False, audience="end user", changes=True,
    summary="Start a session that lists the user's connections, bound to this browser for 15 minutes.",
)  # fmt: skip
async def begin(room: HostedPages, call: Call, body: BeginQuery) -> Response:
    opened = await room.opening.open_connections(body.lang if body.lang in LOCALES else None)
    response = RedirectResponse(f"/link/{opened.session_id}", 303, room.access.headers())
    room.access.keep(response, opened)
    return response


@routes.page(
    "/link/{session_id}/connections/{account_id}", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE, audit=None, csrf=False,
    audience="end user", errors=(NotFound,), summary="Ask whether to disconnect an app.",
)  # fmt: skip
async def ask(room: HostedPages, call: Call, account_id: str) -> Response:
    session = _session_with(call, account_id)
    context = await room.context(call, session)
    rows = connection_list.rows(await room.connections.connections(session))
    found = [each for each in rows if each.id == account_id]
    if not found:
        return _listed_again(room, session)
    html = connection_list.disconnect_page(context, found[0], session.ehr_user_name or "")
    return await room.access.page(session, html)


@routes.page(
    "/link/{session_id}/connections/{account_id}", method="POST", tenant=Tenant.LINK_SESSION, rate=Rate.PAGE,
    audit="disconnected", csrf=True, audience="end user", errors=(NotFound,),
    summary="Disconnect an app. Its access tokens end at once, and its stored data can never be opened again.",
)  # fmt: skip
async def end(room: HostedPages, call: Call, body: DisconnectForm, account_id: str) -> Response:
    session = _session_with(call, account_id)
    await room.connections.disconnect(session, account_id)
    return _listed_again(room, session, "?ended=1")


def _session_with(call: Call, account_id: str) -> LinkSession:
    """The call's session. Raises NotFound for an account that was not found for it."""
    if account_id not in call.session.accounts:
        raise NotFound
    return call.session


def _listed_again(room: HostedPages, session: LinkSession, more: str = "") -> Response:
    return RedirectResponse(f"/link/{session.id}{more}", 303, room.access.headers())
