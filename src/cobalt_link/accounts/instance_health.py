"""When each EHR last did what it was asked, whoever asked: people are told so when it does not answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import structlog

from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database, DatabaseUnavailable

log = structlog.get_logger()

EXACT = timedelta(minutes=1)

WORKED = """
INSERT INTO ehr_instances AS p (connector, address, worked_at) VALUES (%s, %s, %s)
ON CONFLICT (connector, address) DO UPDATE SET worked_at = excluded.worked_at WHERE p.worked_at < excluded.worked_at"""
LAST = "SELECT worked_at FROM ehr_instances WHERE connector = %s AND address = %s"


class InstanceHealth:
    """Keeps the table `ehr_instances`, exact to a minute: a row that all accounts of an EHR share is not written
    often."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._noted: dict[tuple[str, str], datetime] = {}

    async def worked(self, connector: str, address: str) -> None:
        """Notes it; nothing is lost with a note that cannot be written, so the caller is not told."""
        now, before = self._clock.now(), self._noted.get((connector, address))
        if before is not None and now < before + EXACT:
            return
        self._noted[connector, address] = now
        try:
            await self._db.run(WORKED, (connector, address, now))
        except (psycopg.Error, DatabaseUnavailable) as error:
            log.info("place_not_noted", connector=connector, error=type(error).__name__)

    async def last_worked(self, connector: str, address: str) -> datetime | None:
        row = await self._db.one(LAST, (connector, address))
        return row["worked_at"] if row else None
