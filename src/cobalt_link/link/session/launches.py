"""The launches that have opened a link session: each opens one, and what the EHR sent goes back to that EHR only.

Only a keyed hash of it stays. The value itself is sealed, and erased when the session settles: EHRs put whatever they
like into it, also who the patient is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from cobalt_link.link.session.session import LinkSession, NewLinkSession
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Context, Vault

LAUNCH = "ehr launch"
KEPT = timedelta(days=1)  # longer than any link session stays open, and than EHRs take a launch

BEGIN: LiteralString = """
INSERT INTO link_launches (launch, link_session, connector, address, sealed_launch, at)
VALUES (%(launch)s, %(session)s, %(connector)s, %(address)s, %(sealed)s, %(now)s)
ON CONFLICT (launch) DO NOTHING"""
PRUNE: LiteralString = """
DELETE FROM link_launches WHERE at < %(before)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM link_launches WHERE at < %(before)s ORDER BY at LIMIT %(most)s))"""


class EhrLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """Which FHIR server has launched the app, and the connector for it. `value` is what it sent along."""

    connector: str
    address: str
    value: str

    def __repr__(self) -> str:
        return f"EhrLaunch({self.address})"


class LaunchedAt(msgspec.Struct, frozen=True):
    """The EHR that has launched a session."""

    connector: str
    address: str


class LinkLaunches:
    """All SQL on `link_launches`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def begin(self, tx: Tx, new: NewLinkSession, launch: EhrLaunch) -> bool:
        """False if this launch has opened a session before."""
        sealed = self._vault.seal(launch.value.encode(), launch_context(new.client, new.id))
        row = {
            "launch": self._vault.fingerprint(LAUNCH, launch.value, launch.address),
            "session": new.id,
            "connector": launch.connector,
            "address": launch.address,
            "sealed": sealed,
            "now": new.created_at,
        }
        return (await tx.execute(BEGIN, row)).rowcount == 1

    async def opened(self, launch: EhrLaunch) -> str | None:
        """The session that this launch has opened, also under an earlier hash key."""
        known = self._vault.fingerprints(LAUNCH, launch.value, launch.address)
        row = await self._db.one("SELECT link_session FROM link_launches WHERE launch = ANY (%s)", (known,))
        return row["link_session"] if row else None

    async def ehr(self, session: LinkSession) -> LaunchedAt:
        """The EHR that has launched this session."""
        row = await self._db.one("SELECT connector, address FROM link_launches WHERE link_session = %s", (session.id,))
        assert row is not None, "a launch is kept longer than its session stays open"
        return msgspec.convert(row, LaunchedAt)

    async def value(self, session: LinkSession) -> str | None:
        """What the EHR sent along, for the way back to it. None once the session has settled."""
        sql = "SELECT sealed_launch FROM link_launches WHERE link_session = %s AND sealed_launch IS NOT NULL"
        row = await self._db.one(sql, (session.id,))
        context = launch_context(session.client, session.id)
        return self._vault.open(row["sealed_launch"], context).decode() if row else None

    async def erase(self, tx: Tx, session: LinkSession) -> None:
        """The session has settled. That it was launched is still known, so that the launch opens nothing more."""
        await tx.execute("UPDATE link_launches SET sealed_launch = NULL WHERE link_session = %s", (session.id,))

    async def prune(self, now: datetime) -> None:
        await delete_in_batches(self._db, PRUNE, {"before": now - KEPT})


def launch_context(client: str | None, session: str) -> Context:
    return Context("link_launches", client or "", session, "launch")
