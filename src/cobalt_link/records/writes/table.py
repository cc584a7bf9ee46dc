"""The table `write_jobs`, which is also the queue of writes: accepting, claiming, settling, pruning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec

from cobalt_link.jobs.claims import CLAIM, CLAIMED, FREE, RELEASE, Claims, Work
from cobalt_link.records.writes.job import State, Step, WriteJob
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Row, Tx, as_json
from cobalt_link.store.grouped import Grouped

LEASE = timedelta(seconds=30)

COLUMNS: LiteralString = """j.id, j.client, j.org, j.account, j.lane, j.operation, j.record_id, j.state, j.code,
    j.sealed_request, j.sealed_result, j.steps, j.tries, j.broken, j.created_at, j.expires_at, j.intent_at,
    j.settled_at, j.claim, j.amended"""

INSERT: LiteralString = """
INSERT INTO write_jobs (id, client, org, account, lane, operation, record_id, sealed_request, steps, created_at,
                        expires_at, due_at, key_hash, request_hash)
SELECT n.id, n.client, n.org, n.account, n.lane, n.operation, n.record_id, decode(n.sealed_request, 'base64'), n.steps,
       n.created_at, n.expires_at, n.created_at, decode(n.key_hash, 'base64'), decode(n.request_hash, 'base64')
FROM json_to_recordset(%s) AS n (id bigint, client text, org text, account text, lane text, operation text,
     record_id text, sealed_request text, steps jsonb, created_at timestamptz, expires_at timestamptz, key_hash text,
     request_hash text)
ON CONFLICT DO NOTHING RETURNING id, record_id"""

OF_KEY: LiteralString = f"""
SELECT {COLUMNS}, j.request_hash FROM write_jobs j WHERE j.account = %s AND j.key_hash = ANY(%s)"""

GET: LiteralString = f"SELECT {COLUMNS} FROM write_jobs j WHERE j.id = %s AND j.client = %s"
OF_RECORD: LiteralString = f"""
SELECT {COLUMNS} FROM write_jobs j WHERE j.record_id = %s AND j.account = %s AND j.operation = %s
ORDER BY j.created_at DESC, j.id DESC LIMIT 1"""

# The first job on a record is the one that is to create it.
PROMISED: LiteralString = """
SELECT state FROM write_jobs WHERE record_id = %s AND account = %s ORDER BY created_at, id LIMIT 1"""

CREATING: LiteralString = f"""
SELECT {COLUMNS} FROM write_jobs j WHERE j.record_id = %s AND j.account = %s ORDER BY j.created_at, j.id LIMIT 1"""
CHANGING: LiteralString = """
SELECT record_id, max(id) AS id FROM write_jobs
WHERE record_id = ANY(%s) AND org = %s AND settled_at IS NULL GROUP BY record_id"""

# What the EHR may have got from us, for an org: also of its other accounts.
SENT: LiteralString = """
SELECT record_id, touches, operation, intent_at, settled_at FROM write_jobs
WHERE org = %s AND intent_at IS NOT NULL AND (settled_at IS NULL OR settled_at > %s)"""

# An earlier job on the same record has to settle first. The ids of one day are in no order.
FIRST: LiteralString = """NOT EXISTS (
    SELECT FROM write_jobs p WHERE p.record_id = j.record_id AND (p.created_at, p.id) < (j.created_at, j.id)
    AND p.settled_at IS NULL)"""
# A worker that is done with a job gives its claim back. One that died or failed at it does not.
CLAIM_JOB: LiteralString = f"""
UPDATE write_jobs j SET {CLAIM}, state = 'running', broken = broken + (j.claim IS NOT NULL)::int
WHERE j.id = %(id)s AND j.due_at <= %(now)s AND {FREE} AND {FIRST} RETURNING {COLUMNS}"""
KEEP: LiteralString = f"""
UPDATE write_jobs SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND {CLAIMED}"""
# The clients come in turn: the first due job of each, then the second of each (S-090). Looking at each client alone
# keeps one with many jobs from filling the sweep.
SWEEP: LiteralString = f"""
WITH RECURSIVE clients AS (
    (SELECT client FROM write_jobs WHERE due_at IS NOT NULL ORDER BY client LIMIT 1)
    UNION ALL
    SELECT (SELECT w.client FROM write_jobs w WHERE w.due_at IS NOT NULL AND w.client > c.client
            ORDER BY w.client LIMIT 1)
    FROM clients c WHERE c.client IS NOT NULL
)
SELECT d.id, d.lane, d.client FROM clients c CROSS JOIN LATERAL (
    SELECT j.id, j.lane, j.client, j.due_at, row_number() OVER (ORDER BY j.due_at, j.id) AS turn FROM (
        SELECT id, lane, client, due_at FROM write_jobs j
        WHERE j.client = c.client AND j.due_at <= %(now)s AND {FREE} AND {FIRST}
        ORDER BY j.due_at LIMIT %(most)s
    ) j
) d ORDER BY d.turn, d.due_at LIMIT %(most)s"""

INTENT: LiteralString = f"""
UPDATE write_jobs SET intent_at = %(now)s, tries = tries + 1, touches = %(touches)s,
    steps = steps || %(steps)s::jsonb
WHERE id = %(id)s AND {CLAIMED} AND intent_at IS NULL"""
# The EHR refused the session, so it has not got the write.
NOT_SENT: LiteralString = f"UPDATE write_jobs SET intent_at = NULL WHERE id = %(id)s AND {CLAIMED}"
POSTPONE: LiteralString = f"""
UPDATE write_jobs SET {RELEASE}, state = %(state)s, code = %(code)s, due_at = %(due_at)s, broken = 0,
    steps = steps || %(steps)s::jsonb
WHERE id = %(id)s AND {CLAIMED}"""
GIVE_BACK: LiteralString = f"UPDATE write_jobs SET {RELEASE} WHERE id = %(id)s AND {CLAIMED}"
SETTLE: LiteralString = f"""
UPDATE write_jobs SET {RELEASE}, state = %(state)s, code = %(code)s, due_at = NULL, settled_at = %(now)s,
    sealed_result = %(result)s, steps = steps || %(steps)s::jsonb
WHERE id = %(id)s AND {CLAIMED}"""

# Not once the EHR may have it.
CANCEL: LiteralString = f"""
UPDATE write_jobs SET {RELEASE}, state = 'failed', code = 'CANCELLED', due_at = NULL, settled_at = %(now)s,
    steps = steps || %(steps)s::jsonb
WHERE id = %(id)s AND client = %(client)s AND settled_at IS NULL AND intent_at IS NULL RETURNING id"""
# Only what the EHR certainly does not hold.
RETRY: LiteralString = """
UPDATE write_jobs SET state = 'queued', code = NULL, due_at = %(now)s, settled_at = NULL, intent_at = NULL,
    broken = 0, sealed_result = NULL, expires_at = %(expires_at)s,
    sealed_request = coalesce(%(request)s, sealed_request), amended = amended || %(amended)s::bytea[],
    steps = steps || %(steps)s::jsonb
WHERE id = %(id)s AND client = %(client)s AND sealed_request IS NOT NULL AND state = 'failed'
    AND sealed_request = coalesce(%(former)s, sealed_request) RETURNING id"""
AMEND: LiteralString = """
UPDATE write_jobs SET sealed_request = %(request)s, amended = amended || %(amended)s::bytea[]
WHERE id = %(id)s AND settled_at IS NULL AND intent_at IS NULL AND claim IS NULL
    AND sealed_request = coalesce(%(former)s, sealed_request) RETURNING id"""
RESUME: LiteralString = """
UPDATE write_jobs SET due_at = %(now)s WHERE account = %(account)s AND state = 'waiting_for_sign_in'"""
EXPIRED: LiteralString = """
UPDATE write_jobs SET due_at = %(now)s
WHERE state = 'waiting_for_sign_in' AND due_at IS NULL AND expires_at <= %(now)s"""

ERASE: LiteralString = """
UPDATE write_jobs SET sealed_request = NULL, sealed_result = NULL WHERE id = ANY (ARRAY(
    SELECT id FROM write_jobs WHERE settled_at <= %(before)s AND sealed_request IS NOT NULL
    ORDER BY settled_at LIMIT %(most)s))"""
PRUNE: LiteralString = """
DELETE FROM write_jobs WHERE id = ANY (ARRAY(
    SELECT id FROM write_jobs WHERE settled_at <= %(before)s ORDER BY settled_at LIMIT %(most)s))"""

WORK = Work(name="writes", claim=CLAIM_JOB, sweep=SWEEP, keep=KEEP)


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A row to insert. `key_hashes` has the hash of the Idempotency-Key under every hash key, the current one first."""

    id: int
    client: str
    org: str
    account: str
    lane: str
    operation: str
    record_id: str
    sealed_request: bytes
    steps: list[Step]
    created_at: datetime
    expires_at: datetime
    key_hash: bytes | None = None
    request_hash: bytes | None = None


class Sent(msgspec.Struct, frozen=True):
    """A write that the EHR may have, with our ids of what it was about and of what that changed."""

    record_id: str
    touches: Sequence[str]
    operation: str
    intent_at: datetime
    settled_at: datetime | None


class WriteJobs:
    """All SQL on `write_jobs`."""

    def __init__(self, db: Database) -> None:
        self.claims = Claims(db, WORK, LEASE)
        self._db = db
        self._inserts = Grouped(db, self._insert, single=True)

    async def insert(self, job: NewJob) -> bool:
        """False if the account has used the Idempotency-Key before, or if the id is taken."""
        return await self._inserts(job)

    async def of_key(self, account: str, key_hashes: Sequence[bytes]) -> tuple[WriteJob, bytes] | None:
        """The job that came with this Idempotency-Key, and the hash of its request."""
        row = await self._db.one(OF_KEY, (account, list(key_hashes)))
        return (job_of(row), row["request_hash"]) if row else None

    async def get(self, client: str, job_id: int) -> WriteJob | None:
        row = await self._db.one(GET, (job_id, client))
        return job_of(row) if row else None

    async def of_record(self, account: str, record_id: str, operation: str) -> WriteJob | None:
        """The last job of an operation on a record."""
        row = await self._db.one(OF_RECORD, (record_id, account, operation))
        return job_of(row) if row else None

    async def promised(self, account: str, record_id: str) -> State | None:
        """How far the job is that is to create this record of the account. None if there is no such job."""
        row = await self._db.one(PROMISED, (record_id, account))
        return row["state"] if row else None

    async def creating(self, account: str, record_id: str) -> WriteJob | None:
        """The first job of the account on a record, which is the one that is to create it, if one is."""
        row = await self._db.one(CREATING, (record_id, account))
        return job_of(row) if row else None

    async def changing(self, org: str, record_ids: Collection[str]) -> dict[str, int]:
        """Those of the records that have an open job, with its id."""
        rows = await self._db.rows(CHANGING, (list(record_ids), org)) if record_ids else []
        return {row["record_id"]: row["id"] for row in rows}

    async def sent_since(self, org: str, since: datetime) -> list[Sent]:
        """What we wrote for an org since then, and what may be being written."""
        return [Sent(**row) for row in await self._db.rows(SENT, (org, since))]

    async def claim(self, job_id: int, now: datetime) -> WriteJob | None:
        """The job, if it is due, free, and the first on its record."""
        row = await self.claims.take(str(job_id), now=now)
        return job_of(row) if row else None

    async def due(self, now: datetime, most: int) -> list[tuple[int, str, str]]:
        """Due jobs with their lanes and clients, the clients in turn."""
        await self._db.run(EXPIRED, {"now": now})
        return [(row["id"], row["lane"], row["client"]) for row in await self.claims.swept(now=now, most=most)]

    async def change(
        self, sql: LiteralString, job: WriteJob, steps: Sequence[Step], tx: Tx | None = None, **given: Any
    ) -> None:
        """Runs INTENT, POSTPONE, GIVE_BACK, or SETTLE for a claimed job. Raises LostClaim."""
        named = {"id": job.id, "claim": job.claim, "steps": _json(steps), "touches": []}
        await self.claims.settle(sql, named | given, tx)

    async def try_change(self, sql: LiteralString, given: Mapping[str, Any], steps: Sequence[Step] = ()) -> bool:
        """Runs CANCEL, RETRY, or AMEND. False if the job is not in a state for it."""
        return await self._db.run(sql, {"amended": [], "former": None, **given, "steps": _json(steps)}) == 1

    async def resume(self, tx: Tx, account: str, now: datetime) -> None:
        """Makes the jobs due that wait for the account's user."""
        await tx.execute(RESUME, {"account": account, "now": now})

    async def prune(self, now: datetime, kept: timedelta, erased: timedelta) -> None:
        """Erases requests and results `erased` after they settled, and deletes the rows after `kept`."""
        await delete_in_batches(self._db, ERASE, {"before": now - erased})
        await delete_in_batches(self._db, PRUNE, {"before": now - kept})

    async def _insert(self, connection: Tx, jobs: Sequence[NewJob]) -> list[bool]:
        rows = await (await connection.execute(INSERT, (as_json(jobs),))).fetchall()
        # Two jobs of one group may have drawn the same id.
        stored = {(row["id"], row["record_id"]) for row in rows}
        return [(job.id, job.record_id) in stored for job in jobs]


def job_of(row: Row) -> WriteJob:
    fields = {name: row[name] for name in WriteJob.__struct_fields__}
    return WriteJob(**fields | {"steps": msgspec.convert(row["steps"], list[Step])})


def _json(steps: Sequence[Step]) -> str:
    return msgspec.json.encode(steps).decode()
