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

from cobalt_link.accounts import audit, sealing, statements
from cobalt_link.accounts.account import Account, Health, Opened
from cobalt_link.accounts.book import account_of
from cobalt_link.accounts.keys import DataKeys
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.ehr.grant import Grant
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.vault import DataKey
from cobalt_link.store.database import Database


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to renew. `begun` counts renewals, this one included, whose end is not known; `failed` those in a row
    that the EHR did not answer; `person` is the account's fingerprint of its EHR user."""

    opened: Opened
    fence: int
    begun: int
    failed: int
    person: bytes

    @property
    def account(self) -> Account:
        return self.opened.account


class Standing(msgspec.Struct, frozen=True):
    """How renewing stands. While `rest_seconds` are left nobody signs in, because of the refusal `rest_code`."""

    grant_number: int
    health: Health
    rest_code: str | None
    rest_seconds: int | None

    @property
    def rests(self) -> bool:
        return self.rest_code is not None and (self.rest_seconds or 0) > 0


class Leases:
    """The lease's columns of the table `accounts`. `seconds` must be longer than any renewal may take."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock, *, seconds: float) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._seconds = seconds
        self._holder = f"{os.getpid()}-{uuid4().hex[:8]}"

    async def claim(self, account: Account, seen: int) -> Claim | None:
        """The right to renew the grant number `seen`; None if it is renewed, being renewed, resting or dead already."""
        wanted = {"id": account.id, "seen": seen, "holder": self._holder, "seconds": self._seconds}
        async with self._db.transaction() as tx:
            row = await (await tx.execute(statements.CLAIM, wanted)).fetchone()
            if row is None:
                return None
            detail = f"fence {row['fence']}, grant {seen}, try {row['renewals_begun']}"
            await audit.note(tx, audit.entry(account, "renewal_begun", self._clock.now(), detail))
        return Claim(
            opened=sealing.opened(await self._key(account), account, row),
            fence=row["fence"],
            begun=row["renewals_begun"],
            failed=row["renewals_failed"],
            person=row["person_fingerprint"],
        )

    async def standing(self, account: Account) -> Standing:
        """Raises AccountGone."""
        row = await self._db.one(statements.STANDING, (account.id,))
        if row is None:
            raise AccountGone
        return Standing(**row)

    async def renewed(self, claim: Claim, grant: Grant, answers: Mapping[str, bytes]) -> bool:
        """Stores the new grant; False if the claim was lost meanwhile, and then nothing is changed."""
        columns = sealing.sealed(await self._key(claim.account), claim.account, grant, answers)
        return await self._settle(claim, statements.RENEWED, columns, "renewed")

    async def rest(self, claim: Claim, code: str, seconds: float) -> bool:
        """Gives the claim back and keeps everybody from signing in for a while; False if it was lost."""
        return await self._settle(claim, statements.RESTING, {"code": code, "seconds": seconds}, "renewal_refused")

    async def dead(self, claim: Claim, code: str) -> bool:
        """Only the person can mend it: `login_required` from now on; False if the claim was lost."""
        return await self._settle(claim, statements.DEAD, {"code": code}, "login_required")

    async def abandoned(self, most: int = 100) -> list[tuple[Account, int]]:
        """Accounts whose renewal began and whose holder is gone, with the number of their grant."""
        rows = await self._db.rows(statements.ABANDONED, (most,))
        return [(account_of(row), row["grant_number"]) for row in rows]

    async def _settle(self, claim: Claim, sql: LiteralString, columns: Mapping[str, Any], what: str) -> bool:
        params = {**columns, "id": claim.account.id, "fence": claim.fence}
        async with self._db.transaction() as tx:
            won = (await tx.execute(sql, params)).rowcount == 1
            detail = f"fence {claim.fence}" + (f", {columns['code']}" if "code" in columns else "")
            said = audit.entry(claim.account, what if won else "renewal_outrun", self._clock.now(), detail)
            await audit.note(tx, said)
        return won

    async def _key(self, account: Account) -> DataKey:
        key = await self._keys.get(sealing.owner(account.id))
        if key is None:
            raise AccountGone
        return key
