"""Who renews a grant: one process at a time, by a claim on the account (see `jobs/claims.py`).

Accounts on the same EHR login take turns, because the EHR counts their failed sign-ins together.
The intent is on disk before the password is sent. A new link, a repair, and a disconnect take the claim away. A process
that was stopped past its lease changes nothing when it wakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.accounts import audit, sealing, statements
from cobalt_link.accounts.account import Account, Health, OpenAccount
from cobalt_link.accounts.fingerprints import EhrLogin, Fingerprints
from cobalt_link.accounts.login_tries import LoginBrake, LoginTries, Typist
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import account_of
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.refusals import Detail, Refusal, Unexpected, catalogue
from cobalt_link.jobs.claims import Claims, LostClaim
from cobalt_link.kit.clock import Clock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import DataKey, Vault

# Why the same answers would be refused again, or may have been sent too often already.
REFUSED_ANSWERS = {"wrong_credentials", "locked", "password_expired", "interrupted"}


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed renewal. `begun` counts renewals with the same password, this one included, whose end is not known.
    `failed` counts those in a row that the EHR did not answer. `login` is the account's fingerprint of its login."""

    opened: OpenAccount
    claim: int
    begun: int
    failed: int
    login: bytes

    @property
    def account(self) -> Account:
        return self.opened.account


class RenewalState(msgspec.Struct, frozen=True):
    """How renewing an account stands. While `back_off_seconds` are left, nobody signs in."""

    grant_number: int
    health: Health
    back_off_code: str | None
    back_off_details: dict[str, Detail] | None
    back_off_seconds: int | None

    @property
    def back_off(self) -> Refusal | None:
        """Why nobody signs in now, with the seconds left as its detail `back_off`; None when somebody may."""
        if self.back_off_code is None or (self.back_off_seconds or 0) <= 0:
            return None
        kind = catalogue().get(self.back_off_code, Unexpected)
        return kind(**{**(self.back_off_details or {}), "back_off": self.back_off_seconds})


class Renewals:
    """The columns of the table `accounts` that renewing uses.

    A renewal has no heartbeat. It ends by itself within `seconds`, the lease, so a process that hangs cannot keep the
    account to itself.
    """

    def __init__(
        self, db: Database, vault: Vault, keys: DataKeys, clock: Clock, tries: LoginTries, *, seconds: float
    ) -> None:
        self.tries = tries
        self._db = db
        self._prints = Fingerprints(vault)
        self._keys = keys
        self._clock = clock
        self._claims = Claims(db, statements.RENEWALS, timedelta(seconds=seconds))

    async def begin(self, account: Account, seen: int) -> Renewal | None:
        """The right to renew the grant number `seen`; None if it is renewed, being renewed, backed off or ended."""
        noted = audit.entry(account, "renewal_begun", self._clock.now())
        row = await self._claims.take(account.id, seen=seen, at=noted.at, request_id=noted.request_id)
        if row is None:
            return None
        return Renewal(
            opened=sealing.opened(await self._key(account), account, row),
            claim=row["claim"],
            begun=row["begun"],
            failed=row["renewals_failed"],
            login=row["login"],
        )

    def brake(self, renewal: Renewal) -> LoginBrake:
        """The brake on the saved password."""
        account = renewal.account
        return self.tries.brake(Typist(source=account.id, renews=True), lambda: (account.connector, account.address))

    async def count_begun(self, renewal: Renewal, by: int) -> bool:
        """Takes this renewal out of the begun sign-ins (-1) or counts it again (+1). False if the claim was lost."""
        given = {"id": renewal.account.id, "claim": renewal.claim, "by": by}
        return await self._db.run(statements.COUNT_BEGUN, given) == 1

    async def state(self, account: Account) -> RenewalState:
        """Raises AccountGone."""
        row = await self._db.one(statements.RENEWAL_STATE, (account.id,))
        if row is None:
            raise AccountGone
        return RenewalState(**row)

    async def renewed(self, renewal: Renewal, grant: Grant, answers: Mapping[str, bytes]) -> bool:
        """Stores the new grant; False if the claim was lost meanwhile, and then nothing is changed."""
        columns = sealing.stored(await self._key(renewal.account), self._prints, renewal.account, grant, answers)
        return await self._settle(renewal, statements.RENEWED, columns, "renewed")

    async def back_off(self, renewal: Renewal, refusal: Refusal, seconds: float) -> bool:
        """Gives the claim back and keeps everybody from signing in there for a while; False if it was lost."""
        columns = {"code": refusal.code, "details": Jsonb(refusal.details), "seconds": seconds}
        return await self._settle(renewal, statements.BACKED_OFF, columns, "renewal_refused")

    async def require_login(self, renewal: Renewal, code: str) -> bool:
        """Only the person can help: `login_required` from now on; False if the claim was lost.

        If the EHR refused the saved answers, that holds for every account on the login with the same answers: they are
        not tried (S-141).
        """
        refused = self._refused_answers(renewal.opened) if code in REFUSED_ANSWERS else []
        return await self._settle(
            renewal, statements.RENEWAL_ENDED, {"code": code, "refused": refused}, "login_required"
        )

    async def abandoned(self) -> list[tuple[Account, int]]:
        """Accounts whose renewal began and whose process is gone, with the number of their grant."""
        return [(account_of(row), row["grant_number"]) for row in await self._claims.swept()]

    def _refused_answers(self, opened: OpenAccount) -> list[bytes]:
        account, chart = opened.account, opened.chart
        login = EhrLogin(account.client, account.org, account.connector, account.address, chart.tenant, opened.user.id)
        return self._prints.answers(login, opened.answers)

    async def _settle(self, renewal: Renewal, sql: LiteralString, columns: Mapping[str, Any], what: str) -> bool:
        detail = f"claim {renewal.claim}" + (f", {columns['code']}" if "code" in columns else "")
        noted = msgspec.structs.asdict(audit.entry(renewal.account, what, self._clock.now(), detail))
        try:
            await self._claims.settle(sql, {**noted, **columns, "id": renewal.account.id, "claim": renewal.claim})
        except LostClaim:
            # The password was used although nothing came of it, so the trail has to say so.
            lost = audit.entry(renewal.account, "renewal_superseded", self._clock.now(), detail)
            async with self._db.transaction() as tx:
                await audit.note(tx, lost)
            return False
        return True

    async def _key(self, account: Account) -> DataKey:
        key = await self._keys.get(sealing.owner(account.id))
        if key is None:
            raise AccountGone
        return key
