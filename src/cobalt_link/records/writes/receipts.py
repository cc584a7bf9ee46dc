"""Receipts: what was asked, what the EHR holds, and every difference, signed so that anybody can verify it offline.

A receipt is a compact JWS with `alg: Ed25519` (RFC 9864). Its keys are published apart from all others.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import msgspec

from cobalt_link.connector.writes import Write
from cobalt_link.connector.writing import Held, Reason
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database
from cobalt_link.vault import Context, Vault
from cobalt_link.vault.signing import SigningKey, public_jwk

TYPE = "cobalt-receipt+jws"
KEYS: LiteralString = "SELECT public FROM receipt_keys ORDER BY created_at DESC"
NEWEST: LiteralString = "SELECT kid, sealed_private FROM receipt_keys ORDER BY created_at DESC, kid LIMIT 1"
# The first process that needs a key makes it. The others wait for that one, and read it.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('receipt_keys', 0))"
CREATE: LiteralString = """
INSERT INTO receipt_keys (kid, public, sealed_private, created_at)
SELECT %s, %s, %s, %s WHERE NOT EXISTS (SELECT FROM receipt_keys)"""


class Difference(msgspec.Struct, frozen=True):
    """A field that the EHR holds otherwise than it was asked for. `holds` is null for a field that it does not keep."""

    field: str
    asked: Any
    holds: Any


class ReceiptKeys:
    """The table `receipt_keys`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._key: SigningKey | None = None

    async def sign(self, payload: Any) -> str:
        if self._key is None:
            self._key = await self._newest()
        return self._key.sign(msgspec.json.encode(payload), TYPE)

    async def public(self) -> list[dict[str, Any]]:
        """All keys that have signed receipts, as JWKs."""
        return [public_jwk(row["public"]) for row in await self._db.rows(KEYS)]

    async def _newest(self) -> SigningKey:
        while True:
            row = await self._db.one(NEWEST)
            if row:
                return SigningKey(self._vault.open(row["sealed_private"], _context(row["kid"])))
            new = SigningKey.new()
            sealed = self._vault.seal(new.private, _context(new.kid))
            async with self._db.transaction() as tx:
                await tx.execute(LOCK)
                await tx.execute(CREATE, (new.kid, new.public, sealed, self._clock.now()))


def differences(write: Write, held: Held) -> list[Difference]:
    """What the EHR holds otherwise, of the fields that it was asked for."""
    asked = {name: value for name, value in plain(write).items() if name != "ref" and value not in (None, [], {})}
    holds = plain(held.fields)
    return [
        Difference(name, value, holds.get(name))
        for name, value in asked.items()
        if name in holds and holds[name] != value
    ]


def plain(value: Any) -> dict[str, Any]:
    """As JSON writes it, with times in UTC, because the same time in two zones is no difference. A file is its hash."""
    found = msgspec.to_builtins(value, builtin_types=(datetime, date, bytes))
    return {name: _comparable(each) for name, each in found.items()}


def _comparable(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return msgspec.to_builtins(value)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a receipt. Ids with `ehr` in their name are the EHR's. `verified` is false if the EHR does not let
    us read back what was written. `route` is how the EHR was reached."""

    iss: str
    iat: int
    job_id: str
    operation: str
    outcome: str
    record_id: str
    ehr_id: str | None
    ehr: dict[str, Any]
    route: str
    asked_at: datetime
    sent_at: datetime | None
    settled_at: datetime
    by: dict[str, Any]
    asked: dict[str, Any]
    holds: dict[str, Any] | None
    differences: list[Difference]
    pending_signature: bool
    verified: bool
    reasons: tuple[Reason, ...] = ()
    ai: dict[str, Any] | None = None


def _context(kid: str) -> Context:
    return Context("receipt_keys", "", kid, "private")
