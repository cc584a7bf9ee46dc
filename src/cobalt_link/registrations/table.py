"""The tables of registrations, of the FHIR servers that each is approved for, and of what was done with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from cobalt_link.registrations.registration import Registration
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Row, Tx

ALL: LiteralString = """
SELECT r.*, ARRAY(
    SELECT address FROM registration_addresses a WHERE a.registration = r.id ORDER BY approved_at, address
) AS addresses
FROM registrations r WHERE %(id)s::text IS NULL OR r.id = %(id)s ORDER BY r.created_at, r.id"""
AT: LiteralString = """
SELECT r.*, ARRAY[a.address] AS addresses
FROM registration_addresses a JOIN registrations r ON r.id = a.registration WHERE a.address = %s"""
LOCK: LiteralString = "SELECT FROM registrations WHERE id = %s FOR UPDATE"
INSERT: LiteralString = """
INSERT INTO registrations (id, vendor, method, client_id, sealed_secret, scopes, schedules, created_at)
VALUES (%(id)s, %(vendor)s, %(method)s, %(client_id)s, %(sealed_secret)s, %(scopes)s, %(schedules)s, %(now)s)
ON CONFLICT (id) DO NOTHING"""
CHANGE: LiteralString = """
UPDATE registrations SET method = %(method)s, client_id = %(client_id)s, scopes = %(scopes)s,
    schedules = %(schedules)s, sealed_secret = coalesce(%(sealed_secret)s, sealed_secret)
WHERE id = %(id)s"""
WITHOUT_SECRET: LiteralString = "UPDATE registrations SET sealed_secret = NULL WHERE id = %s"  # noqa: S105 - SQL
REMOVE: LiteralString = "DELETE FROM registrations WHERE id = %s"
APPROVE: LiteralString = """
INSERT INTO registration_addresses (address, registration, approved_at) VALUES (%s, %s, %s)
ON CONFLICT (address) DO NOTHING"""
OWNER: LiteralString = "SELECT registration FROM registration_addresses WHERE address = %s"
WITHDRAW: LiteralString = "DELETE FROM registration_addresses WHERE address = %s AND registration = %s"
NOTE: LiteralString = "INSERT INTO registration_audit (at, registration, what, detail) VALUES (%s, %s, %s, %s)"
TRAIL: LiteralString = """
SELECT at, registration, what, detail FROM registration_audit WHERE registration = %s ORDER BY id"""
PRUNE: LiteralString = """
DELETE FROM registration_audit WHERE at < %(before)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM registration_audit WHERE at < %(before)s ORDER BY at LIMIT %(most)s))"""


class RegistrationEvent(msgspec.Struct, frozen=True):
    """`what` is one of: added, changed, approved, withdrawn, rotated, removed, proved, tested. `detail` is an address,
    a key's id, or a method; never a secret."""

    at: datetime
    registration: str
    what: str
    detail: str | None


class RegistrationTable:
    """All SQL on `registrations`, `registration_addresses` and `registration_audit`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, id: str | None = None) -> list[tuple[Registration, bytes | None]]:  # noqa: A002
        """Each with its sealed secret; all of them, or the one of this id."""
        return [_opened(row) for row in await self._db.rows(ALL, {"id": id})]

    async def at(self, address: str) -> Registration | None:
        """The registration that is approved for exactly this address."""
        row = await self._db.one(AT, (address,))
        return _opened(row)[0] if row else None

    async def lock(self, tx: Tx, id: str) -> bool:  # noqa: A002
        """Changes of one registration take turns. False if there is none."""
        return await (await tx.execute(LOCK, (id,))).fetchone() is not None

    async def insert(self, tx: Tx, new: Registration, sealed_secret: bytes | None) -> bool:
        """False if the name is taken."""
        return (await tx.execute(INSERT, _row(new, sealed_secret) | {"now": new.created_at})).rowcount == 1

    async def change(self, tx: Tx, new: Registration, sealed_secret: bytes | None) -> None:
        """Without a new secret, the former one stays as long as the method has one."""
        await tx.execute(CHANGE, _row(new, sealed_secret))
        if not new.has_secret:
            await tx.execute(WITHOUT_SECRET, (new.id,))

    async def remove(self, tx: Tx, id: str) -> None:  # noqa: A002
        await tx.execute(REMOVE, (id,))

    async def approve(self, tx: Tx, id: str, address: str, now: datetime) -> str:  # noqa: A002
        """The registration that is approved for the address afterwards: another one if that came first."""
        await tx.execute(APPROVE, (address, id, now))
        row = await (await tx.execute(OWNER, (address,))).fetchone()
        return str(row["registration"]) if row else id

    async def withdraw(self, tx: Tx, id: str, address: str) -> bool:  # noqa: A002
        """False if it was not approved for it."""
        return (await tx.execute(WITHDRAW, (address, id))).rowcount == 1

    async def note(self, tx: Tx, event: RegistrationEvent) -> None:
        await tx.execute(NOTE, msgspec.structs.astuple(event))

    async def trail(self, id: str) -> Sequence[RegistrationEvent]:  # noqa: A002
        """What was done with a registration, oldest first."""
        return [RegistrationEvent(**row) for row in await self._db.rows(TRAIL, (id,))]

    async def prune(self, before: datetime) -> None:
        await delete_in_batches(self._db, PRUNE, {"before": before})


def _row(found: Registration, sealed_secret: bytes | None) -> dict[str, Any]:
    return {
        "id": found.id,
        "vendor": found.vendor,
        "method": found.method,
        "client_id": found.client_id,
        "sealed_secret": sealed_secret,
        "scopes": list(found.scopes),
        "schedules": list(found.schedules),
    }


def _opened(row: Row) -> tuple[Registration, bytes | None]:
    plain = {name: value for name, value in row.items() if name in Registration.__struct_fields__}
    return msgspec.convert(plain, Registration), row["sealed_secret"]
