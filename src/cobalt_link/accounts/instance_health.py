"""When each EHR instance last worked for anybody. The pages tell users so when an EHR does not answer.

An instance that has answered nobody for two minutes is degraded. The apps with accounts there are told of it, and once
it works again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec
import psycopg
import structlog

from cobalt_link.accounts import statements
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database, DatabaseUnavailable, Tx, as_json
from cobalt_link.webhooks.events import Event, Events

log = structlog.get_logger()

EXACT = timedelta(minutes=1)
FAILING = timedelta(minutes=2)
FAILURES_EVERY = timedelta(seconds=10)  # so often at most a process notes that an instance fails

WORKED: LiteralString = """
INSERT INTO ehr_instances AS p (connector, address, worked_at) VALUES (%s, %s, %s)
ON CONFLICT (connector, address) DO UPDATE
SET worked_at = greatest(p.worked_at, excluded.worked_at), failing_since = NULL
WHERE p.worked_at < excluded.worked_at OR p.failing_since IS NOT NULL RETURNING degraded_at"""
# Only one that has worked before: an address with a typing mistake is no instance.
FAILED: LiteralString = """
UPDATE ehr_instances SET failing_since = coalesce(failing_since, %(now)s), failed_at = %(now)s
WHERE connector = %(connector)s AND address = %(address)s
RETURNING failing_since <= %(before)s AND degraded_at IS NULL AS is_degraded"""
DEGRADED: LiteralString = """
UPDATE ehr_instances SET degraded_at = %(now)s
WHERE connector = %(connector)s AND address = %(address)s AND degraded_at IS NULL AND failing_since <= %(before)s
RETURNING failing_since AS since"""
RECOVERED: LiteralString = """
UPDATE ehr_instances e SET degraded_at = NULL FROM ehr_instances old
WHERE e.connector = %(connector)s AND e.address = %(address)s AND e.degraded_at IS NOT NULL
  AND old.connector = e.connector AND old.address = e.address RETURNING old.degraded_at AS since"""
LAST: LiteralString = "SELECT worked_at FROM ehr_instances WHERE connector = %s AND address = %s"
AT: LiteralString = """
SELECT e.connector, e.address, e.worked_at, e.failed_at, e.failing_since
FROM json_to_recordset(%s) AS r (connector text, address text) JOIN ehr_instances e USING (connector, address)"""
# One step through the index for each instance, however many accounts a client has there.
OF_CLIENT: LiteralString = """
WITH RECURSIVE mine AS (
    (SELECT connector, address FROM accounts WHERE client = %(client)s AND disconnected_at IS NULL
    ORDER BY connector, address LIMIT 1)
    UNION ALL
    SELECT next.connector, next.address FROM mine, LATERAL (
        SELECT connector, address FROM accounts
        WHERE client = %(client)s AND disconnected_at IS NULL AND (connector, address) > (mine.connector, mine.address)
        ORDER BY connector, address LIMIT 1) AS next
)
SELECT e.connector, e.address, e.worked_at, e.failed_at, e.failing_since
FROM (SELECT connector, address FROM mine LIMIT 1000) AS mine
JOIN ehr_instances e USING (connector, address) ORDER BY e.connector, e.address"""


class InstanceState(msgspec.Struct, frozen=True, kw_only=True):
    """An EHR instance as its last calls found it. `failing_since` is set while none of them gets an answer."""

    connector: str
    address: str
    worked_at: datetime
    failed_at: datetime | None = None
    failing_since: datetime | None = None


class InstanceHealth:
    """The table `ehr_instances`. It is exact to a minute, because all accounts of an EHR share its row, and frequent
    writes would wait for each other."""

    def __init__(self, db: Database, clock: Clock, events: Events | None = None) -> None:
        self._db = db
        self._clock = clock
        self._events = events
        self._noted: dict[tuple[str, str], datetime] = {}
        self._failed: dict[tuple[str, str], datetime] = {}

    async def worked(self, connector: str, address: str) -> None:
        """Notes that the instance works now. A failure to write is only logged: the caller has what it wanted."""
        now, before = self._clock.now(), self._noted.get((connector, address))
        failed = self._failed.pop((connector, address), None)
        if before is not None and now < before + EXACT and failed is None:
            return
        self._noted[connector, address] = now
        try:
            row = await self._db.one(WORKED, (connector, address, now))
            if row and row["degraded_at"]:
                await self._change(RECOVERED, "ehr.recovered", connector, address, now)
        except (psycopg.Error, DatabaseUnavailable) as error:
            log.info("instance_health_not_noted", connector=connector, error=type(error).__name__)

    async def failed(self, connector: str, address: str) -> None:
        """Notes that the instance did not answer."""
        now, before = self._clock.now(), self._failed.get((connector, address))
        if before is not None and now < before + FAILURES_EVERY:
            return
        self._failed[connector, address] = now
        given = {"connector": connector, "address": address, "now": now, "before": now - FAILING}
        try:
            row = await self._db.one(FAILED, given)
            if row and row["is_degraded"]:
                await self._change(DEGRADED, "ehr.degraded", connector, address, now)
        except (psycopg.Error, DatabaseUnavailable) as error:
            log.info("instance_health_not_noted", connector=connector, error=type(error).__name__)

    async def last_worked(self, connector: str, address: str) -> datetime | None:
        row = await self._db.one(LAST, (connector, address))
        return row["worked_at"] if row else None

    async def states(self, instances: Iterable[tuple[str, str]]) -> dict[tuple[str, str], InstanceState]:
        """By connector and address, those that have worked at least once."""
        wanted = as_json({"connector": connector, "address": address} for connector, address in set(instances))
        found = [InstanceState(**row) for row in await self._db.rows(AT, (wanted,))]
        return {(each.connector, each.address): each for each in found}

    async def of_client(self, client: str) -> list[InstanceState]:
        """At most 1,000 at which the client has accounts."""
        return [InstanceState(**row) for row in await self._db.rows(OF_CLIENT, {"client": client})]

    async def _change(self, sql: LiteralString, kind: str, connector: str, address: str, now: datetime) -> None:
        given = {"connector": connector, "address": address, "now": now, "before": now - FAILING}
        async with self._db.transaction() as tx:
            row = await (await tx.execute(sql, given)).fetchone()
            if row is None or self._events is None:
                return  # another process was faster, or the instance has worked meanwhile
            data = {"emr_name": connector, "emr_instance_domain": address, "since": row["since"].isoformat()}
            await self._record(tx, self._events, kind, given, data)
        self._events.wake()

    async def _record(
        self, tx: Tx, events: Events, kind: str, given: Mapping[str, object], data: dict[str, Any]
    ) -> None:
        for row in await (await tx.execute(statements.CLIENTS_AT, given)).fetchall():
            await events.record(tx, Event(type=kind, data=data, client=row["client"]))
