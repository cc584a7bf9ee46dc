"""For which app and clinic an EHR opens the app: the operator says so for each FHIR server, and for no other one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from cobalt_link.store.database import Database

SET: LiteralString = """
INSERT INTO ehr_launches (address, client, org, callback_url, created_at)
VALUES (%(address)s, %(client)s, %(org)s, %(callback_url)s, %(created_at)s)
ON CONFLICT (address) DO UPDATE SET client = excluded.client, org = excluded.org, callback_url = excluded.callback_url
"""
COLUMNS: LiteralString = "address, client, org, callback_url, created_at"


class LaunchTarget(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is the FHIR server's, without a slash at its end. `client` and `org` are our ids. The browser ends at
    `callback_url`, one of the client's."""

    address: str
    client: str
    org: str
    callback_url: str
    created_at: datetime


class LaunchTargets:
    """All SQL on `ehr_launches`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def set(self, target: LaunchTarget) -> None:
        """Replaces the one of this address."""
        await self._db.run(SET, msgspec.structs.asdict(target))

    async def at(self, address: str) -> LaunchTarget | None:
        """The one of exactly this address."""
        row = await self._db.one(f"SELECT {COLUMNS} FROM ehr_launches WHERE address = %s", (address,))
        return LaunchTarget(**row) if row else None

    async def all(self) -> Sequence[LaunchTarget]:
        rows = await self._db.rows(f"SELECT {COLUMNS} FROM ehr_launches ORDER BY address")
        return [LaunchTarget(**row) for row in rows]

    async def remove(self, address: str) -> bool:
        """False if there was none."""
        return await self._db.run("DELETE FROM ehr_launches WHERE address = %s", (address,)) == 1
