"""What was typed for the logins of EHRs, and what the EHRs said: the memory of the brake (S-141).

It is counted in the database, per login, so over all link sessions, clients, processes, and `/connections`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from cobalt_link.accounts import brake
from cobalt_link.accounts.account import OpenAccount
from cobalt_link.accounts.brake import NextTry, Outcome, Try, Wait, Who
from cobalt_link.accounts.logins import login_hashes, login_of, normalized, password_hashes
from cobalt_link.connector import secrets
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.refusals import (
    EhrBusy,
    EhrDown,
    Locked,
    NotThisAddress,
    Refusal,
    TooManyCodes,
    Unsupported,
    WrongCode,
    WrongCredentials,
)
from cobalt_link.kit.clock import Clock
from cobalt_link.signin.brake import Typed, accepts
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Vault

KEPT = timedelta(days=30)  # how long a wrong password is known again
A_DAY = timedelta(days=1)
WAIT_FROM, WAIT_TO = 0.05, 0.5  # seconds between two looks at what is under way

# One at a time per login, else two processes would both send the last try.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(%s)"
LATELY: LiteralString = """
SELECT id, kind, typed, source, who, anyway, outcome, tries_left, at FROM login_tries
WHERE login = ANY(%(login)s) AND outcome <> 'unsent'
  AND (at > %(since)s OR (outcome = 'wrong' AND typed = ANY(%(typed)s)))
ORDER BY id"""
TAKE: LiteralString = """
INSERT INTO login_tries (login, kind, typed, source, who, anyway, outcome, at)
VALUES (%(login)s, %(kind)s, %(typed)s, %(source)s, %(who)s, %(anyway)s, %(outcome)s, %(at)s) RETURNING id"""
SETTLE: LiteralString = "UPDATE login_tries SET outcome = %s, tries_left = %s WHERE id = %s"
# A success ends a row of wrong tries at the EHR too. What is being sent elsewhere has no answer yet.
FORGET: LiteralString = """
DELETE FROM login_tries WHERE login = ANY(%(login)s) AND kind = %(kind)s AND id <> %(id)s
  AND (outcome NOT IN ('begun', 'unsent') OR (outcome = 'begun' AND at <= %(answered)s))"""
OF_SOURCE: LiteralString = """
SELECT count(DISTINCT login) FILTER (WHERE login <> ALL(%(login)s)) AS others,
       max(at) FILTER (WHERE outcome <> 'unsent') AS sent_at
FROM login_tries WHERE source = %(source)s"""
IS_KNOWN: LiteralString = """
SELECT EXISTS (SELECT FROM accounts WHERE login = ANY(%(login)s) AND client = %(client)s AND user_id = %(user_id)s
               AND disconnected_at IS NULL) AS known"""
BY_STRANGERS: LiteralString = """
SELECT EXISTS (SELECT FROM login_tries WHERE login = ANY(%s) AND at > %s AND who = 'stranger'
               AND outcome IN ('begun', 'unknown', 'wrong', 'locked')) AS found"""
PRUNE: LiteralString = """
DELETE FROM login_tries WHERE id = ANY (ARRAY(
    SELECT id FROM login_tries WHERE at <= %(before)s ORDER BY at LIMIT %(most)s))"""
PRUNE_DONE: LiteralString = """
DELETE FROM login_tries WHERE id = ANY (ARRAY(
    SELECT id FROM login_tries WHERE at <= %(before)s AND outcome IN ('right', 'unsent') ORDER BY at LIMIT %(most)s))"""


class Typist(msgspec.Struct, frozen=True, kw_only=True):
    """Who types. `source` is the link session, or the account that is renewed. `own` is the username of the account
    that is being repaired. `last_try` is false where nobody may use up the last try of a login."""

    source: str
    renews: bool = False
    client: str | None = None
    user_id: str | None = None
    own: str | None = None
    last_try: bool = True


class LoginTries:
    """The table `login_tries`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self.db = db
        self.vault = vault
        self.clock = clock

    def brake(self, typist: Typist, ehr: Callable[[], tuple[str, str]]) -> LoginBrake:
        """The brake for one run of a sign-in. `ehr` gives connector and address as the user has chosen them by then."""
        return LoginBrake(self, typist, ehr)

    async def strangers_were_at(self, opened: OpenAccount) -> bool:
        """Whether strangers sent wrong passwords for the account's login lately."""
        account = opened.account
        login = login_of(account.connector, account.address, opened.user.username)
        since = self.clock.now() - A_DAY
        row = await self.db.one(BY_STRANGERS, (login_hashes(self.vault, login), since))
        return row is not None and row["found"]

    async def prune(self) -> None:
        """Deletes what no rule looks at any more."""
        now = self.clock.now()
        await delete_in_batches(self.db, PRUNE_DONE, {"before": now - 2 * brake.WINDOW})
        await delete_in_batches(self.db, PRUNE, {"before": now - KEPT})


class LoginBrake:
    """The `Brake` of one run. See `signin.brake`."""

    def __init__(self, tries: LoginTries, typist: Typist, ehr: Callable[[], tuple[str, str]]) -> None:
        self._tries = tries
        self._typist = typist
        self._ehr = ehr
        self._begun: dict[int, tuple[_Taken, int]] = {}  # by the id() of what was typed, which the run keeps

    async def take(self, typed: Typed, username: str) -> Refusal | None:
        """Waits while others send the same, or the last that is allowed: their answers decide."""
        taken, pause = await self._taken(typed, username), WAIT_FROM
        while True:
            async with self._tries.db.transaction() as tx:
                found = await self._decided(tx, taken)
                if not isinstance(found, Wait):
                    row = await self._note(tx, taken, "unsent" if found else "begun")
                    break
            await asyncio.sleep(pause)
            pause = min(pause * 2, WAIT_TO)
        if found is None:
            self._begun[id(typed)] = (taken, row)
        return found

    async def settle(self, typed: Typed, sent: bool, refusal: Refusal | None) -> Refusal | None:
        """The refusal to go on with: the brake's own if the next try would not be sent anyhow."""
        taken, row = self._begun.pop(id(typed))
        outcome = outcome_of(typed, refusal) if sent else "unsent"
        left = refusal.details.get("tries_left") if isinstance(refusal, WrongCredentials) else None
        async with self._tries.db.transaction() as tx:
            await self._lock(tx, taken)
            await tx.execute(SETTLE, (outcome, left if isinstance(left, int) else None, row))
            if outcome == "right":
                given = {"login": taken.login, "kind": taken.kind, "id": row, "answered": self._now() - brake.ANSWERED}
                await tx.execute(FORGET, given)
            if outcome == "wrong" and not self._typist.renews:
                return await self._now_held(tx, taken, refusal)
        return refusal

    async def _decided(self, tx: Tx, taken: _Taken) -> Refusal | Wait | None:
        await self._lock(tx, taken)
        if not self._typist.renews and taken.kind == "password":
            asked = {"login": taken.login, "source": self._typist.source}
            row = await (await tx.execute(OF_SOURCE, asked)).fetchone()
            if row and (held := brake.usernames_left(row["others"], row["sent_at"], self._now())):
                return held
        return brake.decide(await self._lately(tx, taken), self._following(taken))

    async def _lock(self, tx: Tx, taken: _Taken) -> None:
        await tx.execute(LOCK, (int.from_bytes(taken.login[0][:8], signed=True),))

    async def _now_held(self, tx: Tx, taken: _Taken, refusal: Refusal | None) -> Refusal | None:
        """A person is not asked for what would not be sent."""
        following = msgspec.structs.replace(self._following(taken), anyway=None)
        tries = [each for each in await self._lately(tx, taken) if each.at > following.now - brake.WINDOW]
        held = (brake.codes_left if taken.kind == "code" else brake.passwords_left)(tries, following)
        if isinstance(held, WrongCredentials) and refusal is not None:
            return WrongCredentials(**(refusal.details | held.details))
        return held or refusal

    async def _lately(self, tx: Tx, taken: _Taken) -> list[Try]:
        asked = {"login": taken.login, "typed": taken.typed, "since": self._now() - brake.WINDOW}
        return [Try(**row) for row in await (await tx.execute(LATELY, asked)).fetchall()]

    def _following(self, taken: _Taken) -> NextTry:
        return NextTry(
            kind=taken.kind,
            typed=taken.typed,
            source=self._typist.source,
            who=taken.who,
            now=self._now(),
            anyway=taken.anyway,
            last_try=self._typist.last_try,
        )

    async def _who(self, login: list[bytes], username: str) -> Who:
        typist = self._typist
        if typist.renews:
            return "renewal"
        if typist.client is None:
            return "stranger"
        if typist.own is not None and normalized(typist.own) == normalized(username):
            return "known"
        asked = {"login": login, "client": typist.client, "user_id": typist.user_id}
        row = await self._tries.db.one(IS_KNOWN, asked)
        return "known" if row and row["known"] else "stranger"

    async def _note(self, tx: Tx, taken: _Taken, outcome: str) -> int:
        row = {
            "login": taken.login[0], "kind": taken.kind, "typed": next(iter(taken.typed), None), "outcome": outcome,
            "source": self._typist.source, "who": taken.who, "anyway": taken.anyway, "at": self._now(),
        }  # fmt: skip
        noted = await (await tx.execute(TAKE, row)).fetchone()
        assert noted is not None
        return noted["id"]

    async def _taken(self, typed: Typed, username: str) -> _Taken:
        vault = self._tries.vault
        # A code that comes without a username is counted in its link session.
        login = login_of(*self._ehr(), username or f"\N{BULLET}{self._typist.source}")
        hashes = login_hashes(vault, login)
        who = await self._who(hashes, username)
        if not isinstance(typed, CredentialsAnswer):
            return _Taken(kind="code", login=hashes, who=who)
        password = password_hashes(vault, login, secrets.for_fingerprint(typed.password))
        return _Taken(kind="password", login=hashes, who=who, typed=password, anyway=typed.anyway)

    def _now(self) -> datetime:
        return self._tries.clock.now()


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    kind: brake.Kind
    login: list[bytes]
    who: Who
    typed: list[bytes] = []
    anyway: str | None = None


def outcome_of(typed: Typed, refusal: Refusal | None) -> Outcome | str:
    """What a refusal says about the secret that was sent. "unknown" counts: the EHR may have counted it."""
    if accepts(typed, refusal):
        return "right"
    match refusal:
        case Locked():
            return "locked"
        case WrongCredentials() | WrongCode() | TooManyCodes():
            return "wrong"
        case EhrDown() if "seconds" not in refusal.details:
            return "unsent"
        case EhrBusy() | NotThisAddress() | Unsupported():
            return "unsent"
    return "unknown"
