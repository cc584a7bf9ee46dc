"""The keys of the optional JWT: the one that signs now, all that are published, and how one follows another (S-076).

A new key is published an hour before it signs, and a former one counts for a while after its last signature. So a
receiver that keeps the published keys for up to an hour never refuses a true delivery.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec

from cobalt_link.kit.clock import Clock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Context
from cobalt_link.vault.es256 import Es256Key, public_jwk

OWNER: Final = "webhook_keys"  # of the data key that seals the private parts
LEAD: Final = timedelta(hours=1)
FRESH: Final = timedelta(minutes=5)  # how old a JWT may be
AFTER: Final = 2 * FRESH  # a former key's last signature, and clocks that differ
LIFETIME: Final = timedelta(days=90)

LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('webhook_keys', 0))"
CURRENT: LiteralString = """
SELECT kid, sealed_private FROM webhook_keys
WHERE active_from <= %(now)s AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY active_from DESC, created_at DESC LIMIT 1"""
NEWEST: LiteralString = "SELECT max(created_at) AS at FROM webhook_keys"
PUBLISHED: LiteralString = "SELECT public, created_at, expires_at FROM webhook_keys ORDER BY created_at DESC, kid"
ADD: LiteralString = """
INSERT INTO webhook_keys (kid, public, sealed_private, created_at, active_from)
VALUES (%(kid)s, %(public)s, %(private)s, %(now)s, %(from)s)"""
END_OTHERS: LiteralString = """
UPDATE webhook_keys SET expires_at = least(expires_at, %(until)s) WHERE kid <> %(kid)s"""
FORGET: LiteralString = """
UPDATE webhook_keys SET sealed_private = NULL WHERE expires_at <= %(now)s AND sealed_private IS NOT NULL"""


class VerificationKeys:
    """The table `webhook_keys`."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    async def sign(self, webhook: str, body: bytes, at: datetime) -> str:
        """A JWT with the hash of the body and the time, in Plaid's form (`request_body_sha256`).

        All clients share the key. So `aud` is the webhook: another receiver must not be able to pass it on as ours.
        """
        digest = hashlib.sha256(body).hexdigest()
        payload = {"aud": webhook, "iat": int(at.timestamp()), "request_body_sha256": digest}
        return (await self._current()).sign(msgspec.json.encode(payload))

    async def published(self) -> list[dict[str, Any]]:
        """Every key as a JWK, the newest first, with `created_at` and `expired_at` in Unix seconds. `expired_at` is
        None as long as the key counts."""
        now = self._clock.now()
        return [
            public_jwk(row["public"])
            | {
                "created_at": int(row["created_at"].timestamp()),
                "expired_at": int(ends.timestamp()) if (ends := row["expires_at"]) and ends <= now else None,
            }
            for row in await self._db.rows(PUBLISHED)
        ]

    async def roll(self, *, at_once: bool = False) -> str:
        """A new key, which signs in an hour. Returns its kid. `at_once`, after a leak, ends all others now."""
        async with self._db.transaction() as tx:
            await tx.execute(LOCK)
            return await self._add(tx, timedelta() if at_once else LEAD, timedelta() if at_once else AFTER)

    async def upkeep(self) -> None:
        """Makes the first key, rolls it when it is old, and erases the private parts of those that have expired."""
        async with self._db.transaction() as tx:
            await tx.execute(LOCK)
            row = await (await tx.execute(NEWEST)).fetchone()
            made = row["at"] if row else None
            if made is None or made <= self._clock.now() - LIFETIME:
                await self._add(tx, LEAD if made else timedelta(), AFTER)
            await tx.execute(FORGET, {"now": self._clock.now()})

    async def _current(self) -> Es256Key:
        # Asked for each delivery, so that no process signs with a key that another one has ended.
        while True:
            row = await self._db.one(CURRENT, {"now": self._clock.now()})
            if row:
                key = await self._keys.get(OWNER)
                assert key is not None
                return Es256Key(key.open(row["sealed_private"], context(row["kid"])))
            await self._first()

    async def _first(self) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(LOCK)
            if await (await tx.execute(CURRENT, {"now": self._clock.now()})).fetchone() is None:
                await self._add(tx, timedelta(), AFTER)

    async def _add(self, tx: Tx, lead: timedelta, after: timedelta) -> str:
        new, now = Es256Key.new(), self._clock.now()
        key = await self._keys.get(OWNER, tx) or await self._keys.create(tx, OWNER)
        private = key.seal(new.private, context(new.kid))
        row = {"kid": new.kid, "public": new.public, "private": private, "now": now, "from": now + lead}
        await tx.execute(ADD, row)
        await tx.execute(END_OTHERS, {"kid": new.kid, "until": now + lead + after})
        await tx.execute(FORGET, {"now": now})
        return new.kid


def context(kid: str) -> Context:
    return Context("webhook_keys", "", kid, "private")
