"""Ends what was not finished in time and forgets what is long over."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import ehr_requests, events
from cobalt_link.link.session.exchange import Exchanges
from cobalt_link.link.session.journal import forget_all
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.store import erase
from cobalt_link.store.database import Database

SAID = timedelta(hours=1)  # how long a page of `/connections` whose time is over still says so


class LinkUpkeep:
    """Chores that every worker may do at any time."""

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
        """Link sessions past their time end, and their keys go."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            for link_token in await self._sessions.expire(tx, now):
                await events.note(tx, link_token, "expired", now)
            await forget_all(tx, await self._sessions.empty_connections(tx, "expired", now, None))

    async def prune(self) -> None:
        """The stated window of S-098: what is over is forgotten after COBALT_RETENTION_DAYS."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await self._exchanges.prune(tx, now)
            await self._tokens.prune(tx, now, now - self._kept)
            await self._sessions.prune(tx, now - self._kept)
            await events.forget(tx, await self._sessions.prune_connections(tx, now - SAID))
            await events.prune(tx, now - self._kept)
            await ehr_requests.prune(tx, now - self._kept)

    async def shred(self) -> bool:
        """The keys of settled link sessions leave heap and WAL too, within twenty minutes of settling (S-064).

        False if no link session has settled since, or if a long transaction still holds on to a key: then the next
        round does it. Replicas and backups keep them until they expire.
        """
        last = await self._sessions.erased()
        if not last or not await erase.rewrite(self._db.dsn, ["link_session_keys"]):
            return False
        await self._sessions.shredded(last)
        return True
