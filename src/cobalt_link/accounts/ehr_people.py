"""Gives accounts of former releases the fingerprint by which `/connections` finds an EHR user's accounts.

Who the EHR user is stands in the sealed grant, so the audit trail gets a row for each account, before it is opened.
"""

from __future__ import annotations

from typing import Final

import structlog

from cobalt_link.accounts import audit, sealing, statements
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.fingerprints import EhrLogin, Fingerprints
from cobalt_link.accounts.table import account_of
from cobalt_link.kit.clock import Clock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Row
from cobalt_link.vault import DataKey, Vault, VaultError

log = structlog.get_logger()

BATCH: Final = 100  # accounts of one transaction
MOST: Final = 5000  # accounts of one round: a million take a day and a half, and disturb nobody
_FIRST: Final = dict.fromkeys(("connector", "address", "tenant", "client", "org", "id"), "")


class EhrPeople:
    """The column `accounts.ehr_person_fingerprint`, where a former release wrote the row."""

    def __init__(self, db: Database, vault: Vault, keys: DataKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._prints = Fingerprints(vault)
        self._broken: set[str] = set()  # accounts that do not open, each tried once by a process

    async def complete(self, most: int = MOST) -> int:
        """One round. Returns how many accounts got their fingerprint, which is 0 once there is nothing left."""
        count, read, after = 0, 0, dict(_FIRST)
        while read < most and (rows := await self._db.rows(statements.WITHOUT_PERSON, {**after, "most": BATCH})):
            count, read = count + await self._batch(rows), read + len(rows)
            after = {name: rows[-1][name] for name in _FIRST}
        return count

    async def _batch(self, rows: list[Row]) -> int:
        accounts = {row["id"]: account_of(row) for row in rows if row["id"] not in self._broken}
        wrapped = await self._keys.wrapped([sealing.owner(each) for each in accounts])
        keys = {each: key for each in accounts if (key := self._key(each, wrapped))}
        if not keys:
            return 0
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await audit.note(tx, *(audit.entry(accounts[each], "indexed", now) for each in keys))
        opened = [
            (row["id"], self._print(keys[row["id"]], accounts[row["id"]], row)) for row in rows if row["id"] in keys
        ]
        prints = {account: found for account, found in opened if found}
        return await self._db.run(statements.SET_PERSON, {"ids": list(prints), "prints": list(prints.values())})

    def _key(self, account: str, wrapped: dict[str, bytes]) -> DataKey | None:
        owner = sealing.owner(account)
        try:
            return self._keys.opened(owner, wrapped[owner]) if owner in wrapped else None
        except VaultError as problem:
            return self._skip(account, problem)

    def _print(self, key: DataKey, account: Account, row: Row) -> bytes | None:
        try:
            user = sealing.opened(key, account, row, answers=False).user
        except VaultError as problem:
            return self._skip(account.id, problem)
        login = EhrLogin(account.client, account.org, account.connector, account.address, account.tenant, user.id)
        return self._prints.person(login)[0]

    def _skip(self, account: str, problem: VaultError) -> None:
        """It is still found by the fingerprint of its login, and must not keep the others from theirs."""
        self._broken.add(account)
        log.error("account_does_not_open", account=account, reason=str(problem))
