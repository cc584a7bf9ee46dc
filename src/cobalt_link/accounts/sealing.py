"""Seals a grant and the answers behind it with the account's data key. Destroying the key destroys both (S-064)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.accounts.account import Account, OpenAccount, SealedGrant, ShownUser, WrappedKeys
from cobalt_link.accounts.fingerprints import Fingerprints, ehr_login_of
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Grant
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Row
from cobalt_link.vault import Context, DataKey

FRESH_SECONDS = 0.75  # for wrapped keys: after it they are read again, so that a disconnect counts within a second


def owner(account_id: str) -> str:
    """The name under which an account's data key is stored."""
    return f"account:{account_id}"


def org_owner(org: str) -> str:
    """The name under which an org's data key is stored. `org` is our id."""
    return f"org:{org}"


async def key_of(keys: DataKeys, account: Account) -> DataKey | None:
    """The account's data key. None if it was destroyed. Reads it, unless it has just come with the account."""
    if (came := _fresh(account)) and came.account:
        return keys.opened(owner(account.id), came.account)
    return await keys.get(owner(account.id))


async def key_of_org(keys: DataKeys, account: Account) -> DataKey | None:
    """The data key of the account's org. None if it has none. Reads it, unless it has just come with the account."""
    if (came := _fresh(account)) and came.org:
        return keys.opened(org_owner(account.org), came.org)
    return await keys.get(org_owner(account.org))


def _fresh(account: Account) -> WrappedKeys | None:
    # A body that arrives slowly keeps its request open for as long as its sender likes. The account may end meanwhile.
    came = account.keys
    return came if came and time.monotonic() - came.read_at < FRESH_SECONDS else None


def sealed(key: DataKey, account: Account, grant: Grant, answers: Mapping[str, bytes]) -> dict[str, bytes]:
    """The sealed columns, as parameters of the statements that store them."""
    shown = ShownUser(grant.user.name or grant.user.username)
    return {
        "grant": key.seal(msgspec.json.encode(SealedGrant.of(grant)), _context(account, "grant")),
        "answers": key.seal(msgspec.json.encode(dict(answers)), _context(account, "answers")),
        "ehr_user": key.seal(msgspec.json.encode(shown), _context(account, "ehr_user")),
    }


def stored(
    key: DataKey, prints: Fingerprints, account: Account, grant: Grant, answers: Mapping[str, bytes]
) -> dict[str, Any]:
    """The sealed columns, the fingerprints of the EHR user, session, and passwords in them, and what is readable."""
    login = ehr_login_of(account, grant)
    return {
        **sealed(key, account, grant, answers),
        "person_print": prints.person(login)[0],
        "session_print": prints.session(login, grant.session),
        "answers_print": next(iter(prints.answers(login, answers)), None),
        "practice": grant.practice,
        "offers": Jsonb(msgspec.to_builtins(grant.offers)) if grant.offers else None,
    }


def shown_user(key: DataKey, account: Account, sealed_ehr_user: bytes) -> ShownUser:
    return msgspec.json.decode(key.open(sealed_ehr_user, _context(account, "ehr_user")), type=ShownUser)


def opened(key: DataKey, account: Account, row: Row, *, answers: bool = True) -> OpenAccount:
    """What a row's sealed columns contain."""
    grant = msgspec.json.decode(key.open(row["sealed_grant"], _context(account, "grant")), type=SealedGrant)
    return OpenAccount(
        account=account,
        chart=Chart(
            instance=account.instance,
            tenant=account.tenant,
            session=grant.session,
            known=grant.known,
            zone=grant.zone,
            offers=account.offers,
        ),
        user=grant.user,
        known=grant.known,
        expires_at=grant.expires_at,
        # Passwords are among the answers, so they are only decrypted if they are needed.
        answers=_answers(key, account, row) if answers else {},
        number=row["grant_number"],
    )


def _answers(key: DataKey, account: Account, row: Row) -> dict[str, bytes]:
    plain = key.open(row["sealed_answers"], _context(account, "answers"))
    return msgspec.json.decode(plain, type=dict[str, bytes])


def _context(account: Account, field: str) -> Context:
    return Context("accounts", account.client, account.id, field)
