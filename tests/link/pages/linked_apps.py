"""The connections that the gallery shows, and when it is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from cobalt_link.link.pages.connection_list import Connection

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

CONNECTIONS = (
    Connection(
        id="a1",
        app="Acme Scribe",
        mark="AS",
        practice="Riverside Family Practice",
        since=datetime(2026, 3, 3, tzinfo=UTC),
        last_used=NOW - timedelta(hours=2),
    ),
    Connection(
        id="b2",
        app="The Very Long Name of a Scheduling Assistant",
        mark="TV",
        practice=None,
        since=datetime(2025, 12, 31, tzinfo=UTC),
        last_used=datetime(2026, 3, 20, tzinfo=UTC),
    ),
    Connection(
        id="c3", app="Rival Notes", mark="RN", practice=None, since=datetime(2026, 3, 3, tzinfo=UTC), last_used=None
    ),
)

RECENT = tuple(
    msgspec.structs.replace(CONNECTIONS[0], id=name, last_used=NOW - ago)
    for name, ago in (("d4", timedelta(hours=30)), ("e5", timedelta(seconds=20)))
)
