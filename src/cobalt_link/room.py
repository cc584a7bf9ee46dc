"""How a room opens itself: from `Deps`, which the app makes once, to a `Room`, which the app joins to the others.

A room has `open(deps, …)` in its `room.py`. It returns the room's own kind of `Room`, whose further fields are the few
objects that other rooms work with.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from cobalt_link.connector.connector import Connector
from cobalt_link.kit.clock import Clock
from cobalt_link.settings import Settings
from cobalt_link.store.database import Database
from cobalt_link.store.signals import Signals
from cobalt_link.vault import Vault
from cobalt_link.web import Routes


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """What rooms are opened with. `connectors` has every installed connector by its key. `trust` is the certificates
    that requests to other servers accept."""

    settings: Settings
    clock: Clock
    db: Database
    vault: Vault
    signals: Signals
    connectors: Mapping[str, Connector]
    trust: ssl.SSLContext


class Chore(msgspec.Struct, frozen=True):
    """Repeated every `seconds` by every worker. Another worker may do it at the same time."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]


async def nothing() -> None:
    """What most rooms do when the app starts or ends."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """An open room. Each of its route tables stands beside the object that its handlers are called with.

    The app awaits `start` once all rooms are open. When it ends, it awaits `close`, the last room first.
    """

    routes: tuple[tuple[Routes, object], ...] = ()
    chores: tuple[Chore, ...] = ()
    start: Callable[[], Awaitable[object]] = nothing
    close: Callable[[], Awaitable[object]] = nothing
