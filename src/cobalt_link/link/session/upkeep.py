"""Expires link sessions that were not finished in time, and deletes old ones."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events
from cobalt_link.link.session.ehr_requests import EhrRequests
from cobalt_link.link.session.exchange import Exchanges
from cobalt_link.link.session.journal import delete_journals
from cobalt_link.link.session.launches import LinkLaunches
from cobalt_link.link.session.redirects import LinkRedirects
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.store import erase
from cobalt_link.store.database import Database
from cobalt_link.store.partitions import BY_DAY, Partitions

NOTICE_KEPT = timedelta(hours=1)  # how long an expired page of `/connections` can still say that it has expired
LATE = timedelta(days=2)  # a day that is over is dropped as a whole. What is left then is deleted row by row


class LinkTables(msgspec.Struct, frozen=True, kw_only=True):
    """What the upkeep works on."""

    sessions: LinkSessionTable
    tokens: Tokens
    exchanges: Exchanges
    requests: EhrRequests
    redirects: LinkRedirects
    launches: LinkLaunches


class LinkUpkeep:
    """Chores that any worker may run at any time. `kept` is COBALT_RETENTION_DAYS, `life` how long a user has."""

    def __init__(self, db: Database, clock: Clock, tables: LinkTables, *, kept: timedelta, life: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._tables = tables
        self._kept = kept
        self._life = life

    async def expire(self) -> None:
        """Ends link sessions that are past their time, and erases their keys."""
        now, sessions, more = self._clock.now(), self._tables.sessions, True
        while more:
            async with self._db.transaction() as tx:
                ended = await sessions.expire(tx, now)
                for each in ended:
                    await events.note(tx, each, "expired", now)
            more = len(ended) > 0
        async with self._db.transaction() as tx:
            await delete_journals(tx, await sessions.empty_connections(tx, "expired", now, None))

    async def prune(self) -> None:
        """Deletes what ended more than COBALT_RETENTION_DAYS ago (S-098): days of link sessions as a whole, within a
        day, and the rest in batches."""
        await self.expire()  # nothing is dropped that has not settled
        now = self._clock.now()
        before = now - self._kept
        # The last session of a day may settle after twice its life, because a user may extend it once.
        past = (before - 2 * self._life).date()
        for table in BY_DAY:
            await Partitions(self._db, table).keep_days(now.date(), past)
        await self._tables.exchanges.prune(now)
        await self._tables.tokens.prune(now, before)
        await self._tables.requests.prune(before)
        await self._tables.redirects.prune(now)
        await self._tables.launches.prune(now)
        while await self._prune_sessions(before - LATE):
            pass
        async with self._db.transaction() as tx:
            await events.delete(tx, await self._tables.sessions.prune_connections(tx, now - NOTICE_KEPT))

    async def _prune_sessions(self, before: datetime) -> int:
        async with self._db.transaction() as tx:
            gone = await self._tables.sessions.prune(tx, before)
            ids = [each.id for each in gone]
            await delete_journals(tx, ids)
            await self._tables.tokens.delete_public(tx, ids)
            await events.delete(tx, [each.link_token for each in gone])
        return len(gone)

    async def shred(self) -> bool:
        """Removes the keys of settled link sessions from heap and WAL, within twenty minutes of settling (S-064).

        Returns False if no link session has settled since the last round, or if a long transaction still sees a key.
        The next round then tries again. Replicas and backups keep the keys until they expire.
        """
        last = await self._tables.sessions.last_erased_key()
        if not last or not await erase.rewrite(self._db.dsn, ["link_session_keys"]):
            return False
        await self._tables.sessions.delete_erased_keys(last)
        return True
