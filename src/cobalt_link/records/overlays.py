"""What an app has set for providers and locations of an org, over what the EHR says. The EHR itself is not changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.accounts.account import Account
from cobalt_link.records.ids import Kind
from cobalt_link.records.working_hours import WorkingShift
from cobalt_link.store.database import Database

Status = Literal["active", "inactive"]

OF_KIND: LiteralString = """
SELECT id, status, hide_in_availability, hours FROM overlays WHERE org = %s AND kind = %s AND id = ANY(%s)"""
SET: LiteralString = """
INSERT INTO overlays (org, kind, id, client, status, hide_in_availability, hours)
VALUES (%(org)s, %(kind)s, %(id)s, %(client)s, %(status)s, %(hide)s, %(hours)s)
ON CONFLICT (org, kind, id) DO UPDATE SET
    status = coalesce(excluded.status, overlays.status),
    hide_in_availability = coalesce(excluded.hide_in_availability, overlays.hide_in_availability),
    hours = coalesce(excluded.hours, overlays.hours),
    changed_at = now()"""


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """None is what the app has not set, as are no hours."""

    status: Status | None = None
    hide_in_availability: bool | None = None
    hours: tuple[WorkingShift, ...] | None = None


NOTHING = Overlay()


class Overlays:
    """The table `overlays`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, account: Account, kind: Kind, ids: Iterable[str]) -> Mapping[str, Overlay]:
        """Those of the account's org, by our id of the record."""
        rows = await self._db.rows(OF_KIND, (account.org, kind, [*ids]))
        return {row["id"]: _overlay(row) for row in rows}

    async def set(self, account: Account, kind: Kind, our_id: str, change: Overlay) -> None:
        """Sets what is not None in the change."""
        hours = None if change.hours is None else Jsonb(msgspec.to_builtins(change.hours))
        values: dict[str, Any] = {
            "org": account.org, "kind": kind, "id": our_id, "client": account.client,
            "status": change.status, "hide": change.hide_in_availability, "hours": hours,
        }  # fmt: skip
        await self._db.run(SET, values)


def _overlay(row: Mapping[str, Any]) -> Overlay:
    hours = msgspec.convert(row["hours"], tuple[WorkingShift, ...] | None)
    return Overlay(status=row["status"], hide_in_availability=row["hide_in_availability"], hours=hours or None)
