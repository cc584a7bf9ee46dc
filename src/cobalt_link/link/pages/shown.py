"""Chooses the page that a link session shows: its open pane, or its last page."""

from __future__ import annotations

from cobalt_link.connector.panes import Picker, Redirect
from cobalt_link.link.pages import connection_list, forms, render
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.queries import PageQuery
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.session.session import LinkSession


async def shown(room: HostedPages, context: PageContext, session: LinkSession, query: PageQuery) -> str:
    """The page of a session that waits for the user, or is over."""
    if session.state == "granted":
        return await _granted(room, context, session)
    if session.state == "left":
        return render.left(context, await room.hand_over.app_address(session), declined=bool(query.declined))
    if session.state == "signed_in":
        rows = connection_list.rows(await room.connections.connections(session))
        return connection_list.list_page(context, rows, session.ehr_user_name or "", ended=bool(query.ended))
    pane = session.pane
    assert pane is not None
    said = {"stale": bool(query.stale), "stayed": bool(query.stayed)}
    if isinstance(pane, Redirect):
        return render.pane(context, pane, window=query.window if context.in_frame else "", **said)
    if not isinstance(pane, Picker):
        return render.pane(context, pane, **said)
    if query.manual == "1":
        pane = Picker(manual=True, ehr=query.ehr or pane.ehr, address=pane.address)
    elif query.q or query.manual == "0":
        pane = Picker()
    return render.pane(context, pane, search=await room.loader.search(session, query.q), **said)


async def _granted(room: HostedPages, context: PageContext, session: LinkSession) -> str:
    """The summary with the way back. Where there is none, a live client's user has nothing more to do."""
    client = await room.deps.clients.by_id(session.asker.client)
    if context.goes_back or client.test:
        return render.done(context, session.ehr_user_name or "")
    return render.after(context, public_token=None, client_id=client.client_id)


async def asked_again(
    room: HostedPages, context: PageContext, session: LinkSession, form: dict[str, str], errors: dict[str, str]
) -> str:
    """The open pane with what was typed, secrets left out, and what is wrong with it."""
    pane, search = session.pane, None
    assert pane is not None
    if isinstance(pane, Picker):
        pane = Picker(manual=True, ehr=form.get("ehr"), address=form.get("url")) if "pick" not in errors else pane
        search = await room.loader.search(session, "")
    return render.pane(context, pane, search=search, errors=errors, typed=forms.typed(form))
