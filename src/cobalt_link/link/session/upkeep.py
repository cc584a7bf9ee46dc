"""Expires link sessions that were not finished in time, and deletes old ones."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import ehr_requests, events
from cobalt_link.link.session.exchange import Exchanges
from cobalt_link.link.session.journal import delete_journals
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.store import erase
from cobalt_link.store.database import Database

NOTICE_KEPT = timedelta(hours=1)  # how long an expired page of `/connections` can still say that it has expired


class LinkUpkeep:
    """Chores that any worker may run at any time."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        sessions: LinkSessionTable,
        tokens: Tokens,
        exchanges: Exchanges,
        kept: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sessions = sessions
        self._tokens = tokens
        self._exchanges = exchanges
        self._kept = kept

    async def expire(self) -> None:
        """Ends link sessions that are past their time, and erases their keys."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            for link_token in await self._sessions.expire(tx, now):
                await events.note(tx, link_token, "expired", now)
            await delete_journals(tx, await self._sessions.empty_connections(tx, "expired", now, None))

    async def prune(self) -> None:
        """Deletes what ended more than COBALT_RETENTION_DAYS ago (S-098)."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await self._exchanges.prune(tx, now)
            await self._tokens.prune(tx, now, now - self._kept)
            await self._sessions.prune(tx, now - self._kept)
            await events.delete(tx, await self._sessions.prune_connections(tx, now - NOTICE_KEPT))
            await events.prune(tx, now - self._kept)
            await ehr_requests.prune(tx, now - self._kept)

    async def shred(self) -> bool:
        """Removes the keys of settled link sessions from heap and WAL, within twenty minutes of settling (S-064).

        Returns False if no link session has settled since the last round, or if a long transaction still sees a key.
        The next round then tries again. Replicas and backups keep the keys until they expire.
        """
        last = await self._sessions.last_erased_key()
        if not last or not await erase.rewrite(self._db.dsn, ["link_session_keys"]):
            return False
        await self._sessions.delete_erased_keys(last)
        return True
