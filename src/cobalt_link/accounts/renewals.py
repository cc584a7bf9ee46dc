"""Who may renew a grant now: one process at a time, by a lease in the database with a fencing number.

The intent is on disk before the password goes out. A holder that was stopped past its lease changes nothing when it
wakes: another claim, a new link or a disconnect has moved the fence, and each of its updates names the fence it got.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import uuid4

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.accounts import audit, sealing, statements
from cobalt_link.accounts.account import Account, Health, OpenAccount
from cobalt_link.accounts.keys import DataKeys
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import account_of
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.refusals import Detail, Refusal, Unexpected, catalogue
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database
from cobalt_link.vault import DataKey


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to renew. `begun` counts renewals, this one included, whose end is not known; `failed` those in a row
    that the EHR did not answer; `user` is the account's fingerprint of its EHR user."""

    opened: OpenAccount
    fence: int
    begun: int
    failed: int
    user: bytes

    @property
    def account(self) -> Account:
        return self.opened.account


class RenewalState(msgspec.Struct, frozen=True):
    """How renewing stands. While `rest_seconds` are left nobody signs in."""

    grant_number: int
    health: Health
    rest_code: str | None
    rest_details: dict[str, Detail] | None
    rest_seconds: int | None

    @property
    def rest(self) -> Refusal | None:
        """Why nobody signs in now, with the seconds left as its detail `rest`; None when somebody may."""
        if self.rest_code is None or (self.rest_seconds or 0) <= 0:
            return None
        kind = catalogue().get(self.rest_code, Unexpected)
        return kind(**{**(self.rest_details or {}), "rest": self.rest_seconds})


class RenewalLeases:
    """The lease's columns of the table `accounts`. `seconds` must be longer than any renewal may take."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock, *, seconds: float) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._seconds = seconds
        self._holder = f"{os.getpid()}-{uuid4().hex[:8]}"

    async def claim(self, account: Account, seen: int) -> Claim | None:
        """The right to renew the grant number `seen`; None if it is renewed, being renewed, resting or dead already."""
        told = audit.entry(account, "renewal_begun", self._clock.now())
        wanted = {
            "id": account.id, "seen": seen, "holder": self._holder, "seconds": self._seconds,
            "at": told.at, "request_id": told.request_id,
        }  # fmt: skip
        row = await self._db.one(statements.CLAIM, wanted)
        if row is None:
            return None
        return Claim(
            opened=sealing.opened(await self._key(account), account, row),
            fence=row["fence"],
            begun=row["renewals_begun"],
            failed=row["renewals_failed"],
            user=row["ehr_user_fingerprint"],
        )

    async def count_begun(self, claim: Claim, by: int) -> bool:
        """Takes this claim out of the begun sign-ins (-1) or counts it again (+1). False if the claim was lost."""
        wanted = {"id": claim.account.id, "fence": claim.fence, "by": by}
        return await self._db.run(statements.COUNT_BEGUN, wanted) == 1

    async def standing(self, account: Account) -> RenewalState:
        """Raises AccountGone."""
        row = await self._db.one(statements.STANDING, (account.id,))
        if row is None:
            raise AccountGone
        return RenewalState(**row)

    async def renewed(self, claim: Claim, grant: Grant, answers: Mapping[str, bytes]) -> bool:
        """Stores the new grant; False if the claim was lost meanwhile, and then nothing is changed."""
        columns = sealing.sealed(await self._key(claim.account), claim.account, grant, answers)
        return await self._settle(claim, statements.RENEWED, columns, "renewed")

    async def rest(self, claim: Claim, refusal: Refusal, seconds: float) -> bool:
        """Gives the claim back and keeps everybody from signing in for a while; False if it was lost."""
        columns = {"code": refusal.code, "details": Jsonb(refusal.details), "seconds": seconds}
        return await self._settle(claim, statements.RESTING, columns, "renewal_refused")

    async def dead(self, claim: Claim, code: str) -> bool:
        """Only the person can mend it: `login_required` from now on; False if the claim was lost."""
        return await self._settle(claim, statements.DEAD, {"code": code}, "login_required")

    async def abandoned(self, most: int = 100) -> list[tuple[Account, int]]:
        """Accounts whose renewal began and whose holder is gone, with the number of their grant."""
        rows = await self._db.rows(statements.ABANDONED, (most,))
        return [(account_of(row), row["grant_number"]) for row in rows]

    async def _settle(self, claim: Claim, sql: LiteralString, columns: Mapping[str, Any], what: str) -> bool:
        detail = f"fence {claim.fence}" + (f", {columns['code']}" if "code" in columns else "")
        told = msgspec.structs.asdict(audit.entry(claim.account, what, self._clock.now(), detail))
        won = await self._db.run(sql, {**told, **columns, "id": claim.account.id, "fence": claim.fence}) == 1
        if not won:
            lost = audit.entry(claim.account, "renewal_outrun", self._clock.now(), detail)
            async with self._db.transaction() as tx:
                await audit.note(tx, lost)
        return won

    async def _key(self, account: Account) -> DataKey:
        key = await self._keys.get(sealing.owner(account.id))
        if key is None:
            raise AccountGone
        return key
