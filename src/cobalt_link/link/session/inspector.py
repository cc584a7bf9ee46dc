"""An attempt as the operator may see it: its state, events and journal, never what the journal holds."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.kit.ids import reference
from cobalt_link.link.session import events, journal
from cobalt_link.link.session.sessions import Attempt, Attempts
from cobalt_link.store.database import Database
from cobalt_link.web.problems import NotFound

SHOWN = ("id", "state", "client", "user_id", "connector", "address", "practice", "granted", "created_at", "expires_at")


async def inspected(db: Database, attempts: Attempts, name: str) -> dict[str, Any]:
    """By id or by the reference that its pages show; raises NotFound."""
    attempt = await _find(attempts, name)
    found = msgspec.structs.asdict(attempt)
    return {
        **{key: found[key] for key in SHOWN},
        "reference": reference(attempt.id),
        "pane": attempt.pane.name if attempt.pane else None,
        "events": [msgspec.structs.asdict(each) for each in await events.listed(db, attempt.link_token)],
        "journal": await journal.lines(db, attempt.id),
    }


async def _find(attempts: Attempts, name: str) -> Attempt:
    attempt = await attempts.by_id(name)
    if attempt is None:
        named = [each for each in await attempts.recent() if reference(each) == name.upper()]
        attempt = await attempts.by_id(named[0]) if named else None
    if attempt is None:
        raise NotFound(f"There is no attempt {name}. Its id or reference stands at the foot of its pages.")
    return attempt
