"""What the operator may see of a link session: its state, events, and journal, without the contents of the entries."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.kit.ids import reference
from cobalt_link.link.session import events, journal
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.store.database import Database
from cobalt_link.web.problems import NotFound

SHOWN = ("id", "state", "client", "user_id", "connector", "address", "practice", "granted", "created_at", "expires_at")


async def inspected(db: Database, sessions: LinkSessionTable, name: str) -> dict[str, Any]:
    """`name` is the session's id or the reference on its pages. Raises NotFound."""
    session = await _find(sessions, name)
    found = msgspec.structs.asdict(session)
    return {
        **{key: found[key] for key in SHOWN},
        "reference": reference(session.id),
        "pane": session.pane.name if session.pane else None,
        "events": [msgspec.structs.asdict(each) for each in await events.listed(db, session)],
        "journal": await journal.lines(db, session.id),
    }


async def _find(sessions: LinkSessionTable, name: str) -> LinkSession:
    session = await sessions.by_id(name) or await sessions.by_reference(name)
    if session is None:
        raise NotFound(f"There is no link session {name}. Give its id, or the reference that its pages show.")
    return session
