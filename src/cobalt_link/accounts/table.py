"""The linked accounts: one for each end user and EHR user in an org of a client, however often it is linked.

End users who share an EHR login have an account each, with its own key, answers, health, and end. A grant is opened
only after its row in the audit trail is on disk. Disconnecting destroys the key of the grant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec
import psycopg
import structlog

from cobalt_link.accounts import audit, sealing, statements
from cobalt_link.accounts.account import Account, OpenAccount
from cobalt_link.accounts.fingerprints import EhrLogin, Fingerprints, ehr_login_of
from cobalt_link.accounts.logins import login_hashes, login_of
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.refusals import OtherAccount
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import canonical, new_id
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, DatabaseUnavailable, Row, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Vault, VaultError
from cobalt_link.web.problems import Unavailable

log = structlog.get_logger()

TOUCHED = timedelta(minutes=1)  # how exact `last_used_at` is: a busy account is not rewritten by each call


class AccountDetails(msgspec.Struct, frozen=True):
    """What a list of accounts shows beside the account. `labels` are those of its access tokens, the newest first."""

    ehr_user_name: str | None
    labels: tuple[str, ...]


class EndedAccount(msgspec.Struct, frozen=True):
    """An account was disconnected. `shared`: another account still uses its session at the EHR."""

    shared: bool


Position = tuple[datetime, str]
"""A place in the list of accounts: when the last one was linked, and its id."""

# By whether the org and the user are given.
_PAGES: dict[tuple[bool, bool], LiteralString] = {
    (False, False): statements.PAGE,
    (True, False): statements.PAGE_OF_ORG,
    (False, True): statements.PAGE_OF_USER,
    (True, True): statements.PAGE_OF_USER_IN_ORG,
}


class AccountTable:
    """The table `accounts`."""

    def __init__(self, db: Database, vault: Vault, keys: DataKeys, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._prints = Fingerprints(vault)
        self._openings = Grouped(db, self._open_group, single=True)

    async def keep(
        self,
        tx: Tx,
        *,
        client: str,
        org: str,
        org_id: str,
        user_id: str,
        connector: str,
        instance: EhrInstance,
        grant: Grant,
        answers: Mapping[str, bytes],
        kept: str | None = None,
        another: bool = False,
        username: str | None = None,
        writes: Sequence[str] = (),
    ) -> Account:
        """The account of this end user and EHR user, created if it is new, with the given grant. It is `active`.

        `client` and `org` are our ids, `org_id` is the app's. `answers` are those to renew with, by pane name. Two
        concurrent links of one end user get the same account: the second waits for the transaction of the first.
        `username` is the one that was typed, if one was. `writes` are what the user allows the app to write.
        If the user has several accounts, `kept` is the id of the one that they keep. With `another`, they get a new one
        beside them, unless they have `MOST` already.
        """
        login = EhrLogin.of(client, org, connector, instance.address, grant)
        fingerprint = await self._fingerprint(tx, login, user_id, kept, another)
        new = {
            "id": new_id(), "client": client, "org": org, "org_id": org_id, "user_id": user_id, "connector": connector,
            "address": instance.address, "practice": grant.practice, "tenant": grant.tenant,
            "fingerprint": fingerprint, "login": self._prints.login(login)[0], "now": self._clock.now(),
            "writes": list(writes),
        }  # fmt: skip
        row = await (await tx.execute(statements.KEEP, new)).fetchone()
        assert row is not None
        account = account_of(row)
        detail = "new" if account.id == new["id"] else "again"
        await audit.note(tx, audit.entry(account, "linked", self._clock.now(), detail))
        return await self._grant(tx, account, grant, answers, username)

    async def repair(
        self, tx: Tx, account_id: str, grant: Grant, answers: Mapping[str, bytes], username: str | None = None
    ) -> Account:
        """A new grant for an account (update mode). Raises the refusal OtherAccount if somebody else signed in, and
        AccountGone if it was disconnected meanwhile."""
        row = await (await tx.execute(statements.LOCK, (account_id,))).fetchone()
        if row is None:
            raise AccountGone
        account = account_of(row)
        if not self.is_ehr_user_of(account, grant, row["login"]):
            raise OtherAccount
        await self._reprint_login(tx, ehr_login_of(account, grant))
        await audit.note(tx, audit.entry(account, "repaired", self._clock.now()))
        return await self._grant(tx, account, grant, answers, username)

    async def opened(self, account: Account, what: str, *, answers: bool = True) -> OpenAccount:
        """The account's grant and the answers to renew with. Raises AccountGone if it was disconnected.

        `what` is the reason for the audit trail. Concurrent calls share one statement with their audit rows, and
        nothing is decrypted before it has committed.
        """
        try:
            row = await self._openings((account, audit.entry(account, what, self._clock.now())))
        except (psycopg.Error, DatabaseUnavailable) as error:
            raise Unavailable from error
        key = await sealing.key_of(self._keys, account) if row else None
        if row is None or key is None:
            raise AccountGone
        return sealing.opened(key, account, row, answers=answers)

    async def by_id(self, account_id: str) -> Account:
        """By an id from a table of ours, without a check of the client. Raises AccountGone if it was disconnected."""
        row = await self._db.one(statements.BY_ID, (account_id,))
        if row is None:
            raise AccountGone
        return account_of(row)

    async def find(self, client: str, account_id: str) -> Account:
        """One of this client's accounts. Raises AccountGone, also for an account of another client."""
        row = await self._db.one(statements.FIND, (client, canonical(account_id)))
        if row is None:
            raise AccountGone
        return account_of(row)

    async def of_client(
        self,
        client: str,
        *,
        org_id: str | None = None,
        user_id: str | None = None,
        limit: int = 100,
        after: Position | None = None,
    ) -> list[Account]:
        """One page of a client's accounts, the last linked first. `after` is the position of the page before."""
        asked = {"client": client, "org_id": org_id, "user_id": user_id, "limit": limit}
        linked_at, last = after or ("infinity", "")
        where = {"linked_at": linked_at, "id": last}
        rows = await self._db.rows(_PAGES[org_id is not None, user_id is not None], asked | where)
        return [account_of(row) for row in rows]

    async def details(self, accounts: Iterable[Account]) -> dict[str, AccountDetails]:
        """By id, what lists show of accounts. No grant is opened, so the audit trail gets no row."""
        by_id = {account.id: account for account in accounts}
        rows = await self._db.rows(statements.DETAILS, {"ids": list(by_id), "now": self._clock.now()})
        wrapped = await self._keys.wrapped([sealing.owner(each) for each in by_id])
        return {
            row["id"]: AccountDetails(
                self._ehr_user_name(by_id[row["id"]], row["sealed_ehr_user"], wrapped),
                tuple(dict.fromkeys(row["labels"])),
            )
            for row in rows
        }

    async def refer(self, account: Account, reference: str) -> Account:
        """Sets the app's own label of the access token by which the account was found."""
        async with self._db.transaction() as tx:
            row = await (await tx.execute(statements.REFER, (reference, account.token, account.id))).fetchone()
            if row is None:
                raise AccountGone
            await audit.note(tx, audit.entry(account, "reference_set", self._clock.now()))
        return account_of(row)

    async def mark_login_required(self, account: Account, reason: str) -> bool:
        """Every call answers `login_required` until the account is repaired. `reason` is a refusal's code."""
        async with self._db.transaction() as tx:
            changed = (await tx.execute(statements.LOGIN_REQUIRED, (reason, account.id))).rowcount == 1
            if changed:
                await audit.note(tx, audit.entry(account, "login_required", self._clock.now(), reason))
        return changed

    async def of_end_user(self, login: EhrLogin, user_id: str) -> list[Account]:
        """The accounts of one end user on an EHR login. Linking again leads to the first of them."""
        prints = [each for own in self._prints.accounts(login, user_id) for each in own]
        found = await self._db.rows(statements.OF_END_USER, (prints, user_id))
        rows = {row["ehr_user_fingerprint"]: row for row in found}
        return [account_of(rows[each]) for each in prints if each in rows]

    async def of_ehr_user(self, tx: Tx, connector: str, address: str, grant: Grant) -> list[Account]:
        """Every account of the EHR user who has just signed in there, of all clients. The last linked comes first."""
        at = {"connector": connector, "address": address, "tenant": grant.tenant}
        # Those of former releases first: one that the upkeep completes meanwhile is then found twice, and not never.
        orgs, found = await (await tx.execute(statements.FORMER_TENANTS_AT, at)).fetchall(), list[Row]()
        # A large EHR has thousands of orgs, and hashing for all of them at once would hold up other requests.
        for first in range(0, len(orgs), 50):
            some = [
                EhrLogin.of(row["client"], row["org"], connector, address, grant) for row in orgs[first : first + 50]
            ]
            prints = [each for login in some for each in self._prints.login(login)]
            found += await (await tx.execute(statements.ON_LOGIN, (prints,))).fetchall()
        clients = await (await tx.execute(statements.CLIENTS_OF_TENANT, at)).fetchall()
        every = [EhrLogin.of(row["client"], "", connector, address, grant) for row in clients]
        prints = [each for login in every for each in self._prints.person(login)]
        found += await (await tx.execute(statements.OF_PERSON, (prints,))).fetchall()
        once = {row["id"]: row for row in found}.values()
        return [account_of(row) for row in sorted(once, key=lambda row: row["linked_at"], reverse=True)]

    async def addresses_on_host(self, connector: str, address: str) -> set[str]:
        """The EHR addresses on the host of this one at which a connector has accounts, 1000 at most."""
        at = {"connector": connector, "address": address}
        return {row["address"] for row in await self._db.rows(statements.ADDRESSES, at)}

    async def disconnect(self, account: Account, by: str | None = None) -> EndedAccount | None:
        """Ends every access token of the account and destroys its data key. None if that was done before.

        Accounts of others on the same EHR login stay as they are. `by` is for the audit trail: who did it, if it was
        not the client.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            row = await (await tx.execute(statements.LOCK_SIBLINGS, {"id": account.id})).fetchone()
            if row is None:
                return None
            await tx.execute(statements.DISCONNECT, (now, account.id))
            await tx.execute(statements.END_ALL, (account.id,))
            await self._keys.destroy(tx, sealing.owner(account.id))
            await audit.note(tx, audit.entry(account, "disconnected", now, by))
        return EndedAccount(row["shared"])

    async def prune(self, before: datetime) -> int:
        """Deletes accounts that were disconnected before then. The audit keeps their rows. Returns how many."""
        return await delete_in_batches(self._db, statements.PRUNE_ACCOUNTS, {"before": before})

    def is_ehr_user_of(self, account: Account, grant: Grant, login: bytes) -> bool:
        """Whether a grant belongs to the EHR user and the EHR instance that the account was linked with. `login` is the
        account's fingerprint of that EHR login."""
        return login in self._prints.login(ehr_login_of(account, grant))

    async def _fingerprint(self, tx: Tx, login: EhrLogin, user_id: str, kept: str | None, another: bool) -> bytes:
        """The fingerprint for the account of this end user: of the account that they keep, else of their first account.
        For another account, the first fingerprint that is free."""
        await self._reprint_login(tx, login)
        own = self._prints.accounts(login, user_id)
        pairs = [(current, each) for current, *earlier in own for each in earlier]
        current, earlier = (list(column) for column in zip(*pairs, strict=True))
        await tx.execute(statements.REPRINT, {"current": current, "earlier": earlier, "user_id": user_id})
        rows = await (await tx.execute(statements.TAKEN, ([prints[0] for prints in own],))).fetchall()
        taken = {row["ehr_user_fingerprint"]: row["id"] for row in rows}
        if chosen := [each for each in taken if taken[each] == kept and not another]:
            return chosen[0]
        return next((prints[0] for prints in own if (prints[0] in taken) is not another), own[0][0])

    async def _reprint_login(self, tx: Tx, login: EhrLogin) -> None:
        prints = self._prints.login(login)
        await tx.execute(statements.REPRINT_LOGIN, {"current": prints[0], "prints": prints})

    async def _grant(
        self, tx: Tx, account: Account, grant: Grant, answers: Mapping[str, bytes], username: str | None
    ) -> Account:
        key = await self._keys.create(tx, sealing.owner(account.id))
        columns = sealing.stored(key, self._prints, account, grant, answers)
        typed = login_of(account.connector, account.address, username or grant.user.username)
        given = {**columns, "id": account.id, "login": login_hashes(self._vault, typed)[0]}
        row = await (await tx.execute(statements.GRANT, given)).fetchone()
        assert row is not None
        return account_of(row)

    def _ehr_user_name(self, account: Account, sealed: bytes | None, wrapped: Mapping[str, bytes]) -> str | None:
        """None for an account that was last renewed before migration 0010, or whose key does not open."""
        owner = sealing.owner(account.id)
        if sealed is None or owner not in wrapped:
            return None
        try:
            return sealing.shown_user(self._keys.opened(owner, wrapped[owner]), account, sealed).name
        except VaultError as problem:
            # One account with a broken key must not keep a client from its list.
            log.error("ehr_user_does_not_open", account=account.id, reason=str(problem))
            return None

    async def _open_group(
        self, connection: Tx, entries: Sequence[tuple[Account, audit.AuditEntry]]
    ) -> list[Row | None]:
        now = self._clock.now()
        asked = [
            msgspec.structs.asdict(entry) | {"touched_before": now - TOUCHED if _is_stale(account, now) else None}
            for account, entry in entries
        ]
        found = await connection.execute(statements.OPEN, {"asked": as_json(asked), "now": now})
        rows = {row["id"]: row for row in await found.fetchall()}
        return [rows.get(account.id) for account, _ in entries]


def _is_stale(account: Account, now: datetime) -> bool:
    """Whether `last_used_at` has to be written, as far as the account shows: most calls need no update."""
    return account.last_used_at is None or account.last_used_at < now - TOUCHED


def account_of(row: Row) -> Account:
    return msgspec.convert(row, Account)
