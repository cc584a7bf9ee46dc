"""The end user's own pages (S-125): sign in at the EHR, see which apps use that account, and end what should end.

The way there is an attempt like any other, whose panes and refusals `hosted.py` serves; here it begins and ends.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from cobalt_link.link.pages import connection_list
from cobalt_link.link.pages.access import Hosted
from cobalt_link.link.pages.connection_list import Connection
from cobalt_link.link.pages.texts import LOCALES
from cobalt_link.link.session.sessions import Attempt
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
async def begin(room: Hosted, call: Call, body: Begin) -> Response:
    visit = await room.visits.open_own(body.lang if body.lang in LOCALES else None)
    response = RedirectResponse(f"/link/{visit.attempt_id}", 303, room.headers())
    room.keep(response, visit)
    return response


@routes.page(
    "/link/{attempt_id}/connections/{account_id}", tenant=Tenant.ATTEMPT, rate=Rate.PAGE, audit=None, csrf=False,
    audience="end user", errors=(NotFound,), summary="Ask whether to disconnect an app.",
)  # fmt: skip
async def ask(room: Hosted, call: Call, attempt_id: str, account_id: str) -> Response:
    attempt = await _own(room, call, attempt_id, account_id)
    if isinstance(attempt, Response):
        return attempt
    scene = await room.scene(call, attempt)
    found = [each for each in await _connections(room, attempt) if each.id == account_id]
    if not found:
        return _listed_again(room, attempt)
    return await room.page(attempt, connection_list.asked(scene, found[0], attempt.person or ""))


@routes.page(
    "/link/{attempt_id}/connections/{account_id}", method="POST", tenant=Tenant.ATTEMPT, rate=Rate.PAGE,
    audit="disconnected", csrf=True, audience="end user", errors=(NotFound,),
    summary="Disconnect an app: its access tokens end at once, what was stored for it never opens again.",
)  # fmt: skip
async def end(room: Hosted, call: Call, body: Ending, attempt_id: str, account_id: str) -> Response:
    attempt = await _own(room, call, attempt_id, account_id)
    if isinstance(attempt, Response):
        return attempt
    await room.finding.disconnect(attempt, account_id)
    return _listed_again(room, attempt, "?ended=1")


async def _own(room: Hosted, call: Call, attempt_id: str, account_id: str) -> Attempt | Response:
    """The attempt if this browser may see it and this account was found for it; raises NotFound for any other."""
    attempt = await room.own(call, attempt_id)
    if isinstance(attempt, Attempt) and account_id not in attempt.accounts:
        raise NotFound
    return attempt


async def _connections(room: Hosted, attempt: Attempt) -> list[Connection]:
    return connection_list.rows(await room.finding.connections(attempt))


def _listed_again(room: Hosted, attempt: Attempt, more: str = "") -> Response:
    return RedirectResponse(f"/link/{attempt.id}{more}", 303, room.headers())
