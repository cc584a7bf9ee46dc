"""E-mails to the owners of clients: stored with the change that they tell of, and sent at least once (S-070)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, LiteralString

import structlog
from psycopg.types.json import Jsonb

from cobalt_link.developers.clients import ClientProblem, Clients
from cobalt_link.jobs.claims import CLAIM, FREE, RELEASE
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import new_id
from cobalt_link.mail import letters
from cobalt_link.mail.letters import Kind, MailSender
from cobalt_link.mail.smtp import MailError, Smtp
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Row, Tx

# Waits after a try that failed: more than three days in all.
DELAYS: Final = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360, 1440, 1440, 1440))
LEASE: Final = timedelta(minutes=2)
DAY: Final = timedelta(days=1)
MOST: Final = 20  # e-mails of one kind to a client in a day: an app must not fill a mailbox by its own mistakes

# Requests of one client take turns, so that its limit counts each e-mail.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('mails:' || %s, 0))"
ADD: LiteralString = """
INSERT INTO mails (id, client, kind, data, created_at, due_at)
SELECT %(id)s, %(client)s, %(kind)s, %(data)s, %(now)s, %(now)s
WHERE %(most)s > (
    SELECT count(*) FROM mails
    WHERE client = %(client)s AND kind = %(kind)s AND created_at > %(now)s::timestamptz - interval '1 day')"""
TAKE: LiteralString = f"""
UPDATE mails SET {CLAIM} WHERE id = (
    SELECT id FROM mails WHERE done_at IS NULL AND due_at <= %(now)s AND {FREE}
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *"""
DONE: LiteralString = f"""
UPDATE mails SET done_at = %(now)s, tries = tries + 1, {RELEASE} WHERE id = %(id)s AND claim = %(claim)s"""
LATER: LiteralString = f"""
UPDATE mails SET due_at = %(due)s, tries = tries + 1, {RELEASE} WHERE id = %(id)s AND claim = %(claim)s"""
PRUNE: LiteralString = """
DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM mails WHERE done_at < %(before)s LIMIT %(most)s))"""

log = structlog.get_logger()


class Mail:
    """The table `mails`. Without a server, nothing is stored and nothing is sent."""

    def __init__(self, db: Database, clock: Clock, clients: Clients, smtp: Smtp | None, sender: MailSender) -> None:
        self._db = db
        self._clock = clock
        self._clients = clients
        self._smtp = smtp
        self._sender = sender

    async def post(self, tx: Tx, client: str, kind: Kind, data: dict[str, Any]) -> None:
        """In the transaction of what happened. `data` has what the letter of this kind needs, times in ISO 8601."""
        if self._smtp is None:
            return
        row = {"id": new_id(), "client": client, "kind": kind, "data": Jsonb(data), "now": self._clock.now()}
        await tx.execute(LOCK, (client,))
        if (await tx.execute(ADD, {**row, "most": MOST})).rowcount == 0:
            log.warning("mail_limit_reached", client=client, kind=kind)

    async def sweep(self) -> None:
        """Sends what is due, one after another."""
        given = {"lease": LEASE.total_seconds()}
        while row := await self._db.one(TAKE, {**given, "now": self._clock.now()}):
            await self._try_once(row)

    async def prune(self) -> None:
        await delete_in_batches(self._db, PRUNE, {"before": self._clock.now() - DAY})

    async def _try_once(self, row: Row) -> None:
        named = {"client": row["client"], "kind": row["kind"]}
        now, place = self._clock.now(), {"id": row["id"], "claim": row["claim"]}
        try:
            await self._send(row)
        except MailError as problem:
            given_up = problem.final or row["tries"] >= len(DELAYS)
            log.warning("mail_given_up" if given_up else "mail_not_sent", **named, error=problem.code)
            if not given_up:
                await self._db.run(LATER, {**place, "due": now + DELAYS[row["tries"]]})
                return
        else:
            log.info("mail_sent", **named)
        await self._db.run(DONE, {**place, "now": now})

    async def _send(self, row: Row) -> None:
        try:
            client = await self._clients.by_id(row["client"])
        except ClientProblem:
            raise MailError("no_client", final=True) from None
        if client.contact_email is None or self._smtp is None:
            raise MailError("no_contact", final=True)
        try:
            message = letters.written(row["id"], row["kind"], row["data"], self._sender, client)
        except (LookupError, ValueError):
            # Of a newer version, perhaps, which can write it. It must not stop the others.
            raise MailError("not_written") from None
        await self._smtp.send(message)
