"""When each EHR instance last worked for anybody. The pages tell users so when an EHR does not answer."""

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
    """The table `ehr_instances`. It is exact to a minute, because all accounts of an EHR share its row, and frequent
    writes would wait for each other."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._noted: dict[tuple[str, str], datetime] = {}

    async def worked(self, connector: str, address: str) -> None:
        """Notes that the instance works now. A failure to write is only logged: the caller has what it wanted."""
        now, before = self._clock.now(), self._noted.get((connector, address))
        if before is not None and now < before + EXACT:
            return
        self._noted[connector, address] = now
        try:
            await self._db.run(WORKED, (connector, address, now))
        except (psycopg.Error, DatabaseUnavailable) as error:
            log.info("instance_health_not_noted", connector=connector, error=type(error).__name__)

    async def last_worked(self, connector: str, address: str) -> datetime | None:
        row = await self._db.one(LAST, (connector, address))
        return row["worked_at"] if row else None
