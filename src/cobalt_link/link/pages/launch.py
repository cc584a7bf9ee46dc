"""The route of an EHR launch: an EHR opens it in the browser of its user, with its own address and a launch."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from cobalt_link.link.flow.ehr_launches import NotLaunched
from cobalt_link.link.pages.access import PageClosed, is_visit
from cobalt_link.link.pages.closed import FrameRefusal
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.web import Call, Rate, Routes, Tenant, Verbatim

routes = Routes("EHR launch page")
IN_A_WINDOW = FrameRefusal("An EHR launch opens in a window of its own. Register the app at the EHR that way.")


class LaunchQuery(msgspec.Struct, frozen=True):
    """What the EHR sends (SMART App Launch 2.2, EHR launch). Anything else is ignored."""

    iss: Annotated[str, Meta(max_length=2000), Verbatim()] = ""
    launch: Annotated[str, Meta(max_length=8000), Verbatim()] = ""


@routes.page(
    "/launch", tenant=Tenant.NONE, rate=Rate.PUBLIC, audit=None, csrf=False, audience="end user", changes=True,
    summary="Start a link session for a user who opens the app inside their EHR, bound to this browser.",
)  # fmt: skip
async def launch(room: HostedPages, call: Call, body: LaunchQuery) -> Response:
    if not is_visit(call):
        raise PageClosed("launch_framed", refusal=IN_A_WINDOW)
    opened = await room.launches.open(body.iss, body.launch, room.access.cookies(call))
    if isinstance(opened, NotLaunched):
        raise PageClosed(opened.why)
    response = RedirectResponse(f"/link/{opened.session_id}", 303, room.access.headers())
    room.access.keep(response, opened)
    return response
