"""Erases events, their payloads, and their attempts after COBALT_RETENTION_DAYS (S-098)."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.kit.clock import Clock
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database
from cobalt_link.store.partitions import Partitions
from cobalt_link.webhooks import statements


class WebhookUpkeep:
    """Drops days that are over as a whole, and the few rows outside of any day in batches."""

    def __init__(self, db: Database, clock: Clock, kept: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._kept = kept

    async def prune(self) -> None:
        """A delivery that still waits ends with its event."""
        now = self._clock.now()
        before = now - self._kept
        await delete_in_batches(self._db, statements.PRUNE_OUTBOX, {"before": before})
        for table in ("webhook_events", "webhook_tries"):
            await Partitions(self._db, table).keep_days(now.date(), before.date())
        for statement in (statements.PRUNE_EVENTS, statements.PRUNE_TRIES):
            await delete_in_batches(self._db, statement, {"before": before})
