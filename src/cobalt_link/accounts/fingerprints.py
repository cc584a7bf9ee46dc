"""The keyed hashes by which an account is found without storing what they are made of (S-062).

An EHR login is one EHR user at one EHR, in one org of a client. Several end users of the app may share it, such as the
staff of a front desk. Each of them has an account of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.grant import Grant
from cobalt_link.vault import Vault

LOGIN = "account person"
PERSON = "account ehr user"
ACCOUNT = "account of an end user"
SESSION = "account session"
ANSWERS = "account answers"
MOST = 10  # accounts of one end user on one EHR login: the first, and those that the user wanted beside it


class EhrLogin(msgspec.Struct, frozen=True):
    """`client` and `org` are our ids. `tenant` and `user` are the EHR's."""

    client: str
    org: str
    connector: str
    address: str
    tenant: str
    user: str

    @classmethod
    def of(cls, client: str, org: str, connector: str, address: str, grant: Grant) -> EhrLogin:
        return cls(client, org, connector, address, grant.tenant, grant.user.id)


class Fingerprints:
    """Each list begins with the fingerprint of the current hash key. Rows may still have one of the others."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def login(self, login: EhrLogin) -> list[bytes]:
        """By which the accounts on a login are found."""
        # Before migration 0010, the accounts that one EHR user had beside the first were numbered here.
        numbered = (self._made(LOGIN, login, number) for number in range(1, MOST))
        return [*self._made(LOGIN, login), *(each for prints in numbered for each in prints)]

    def person(self, login: EhrLogin) -> list[bytes]:
        """By which the accounts of an EHR user are found in all orgs of a client."""
        who = [login.connector, login.address, login.tenant, login.user]
        return self._vault.fingerprints(PERSON, msgspec.json.encode(who), login.client)

    def accounts(self, login: EhrLogin, user_id: str) -> list[list[bytes]]:
        """By which each account is found that an end user may have on a login, the first account first."""
        return [
            # The second kind is from before migration 0010, where an account belonged to the EHR user alone.
            self._made(ACCOUNT, login, user_id, number) + self._made(LOGIN, login, *([number] if number else []))
            for number in range(MOST)
        ]

    def session(self, login: EhrLogin, session: Mapping[str, Any]) -> bytes:
        """Equal for two accounts that use one session at the EHR."""
        return self._made(SESSION, login, msgspec.json.encode(session, order="deterministic").decode())[0]

    def answers(self, login: EhrLogin, answers: Mapping[str, bytes]) -> list[bytes]:
        """Equal for two accounts whose saved passwords are the same. Empty if no password is saved."""
        passwords = _passwords(answers)
        return self._made(ANSWERS, login, *passwords) if passwords else []

    def _made(self, purpose: str, login: EhrLogin, *more: str | int) -> list[bytes]:
        _, *who = msgspec.structs.astuple(login)
        return self._vault.fingerprints(purpose, msgspec.json.encode([*who, *more]), login.client)


def ehr_login_of(account: Account, grant: Grant) -> EhrLogin:
    """The login of a grant, at the EHR of an account."""
    return EhrLogin.of(account.client, account.org, account.connector, account.address, grant)


def _passwords(answers: Mapping[str, bytes]) -> Sequence[str]:
    """The names of the panes and the passwords. The username is left out: people spell it in several ways."""
    decoded = {name: msgspec.json.decode(answers[name]) for name in sorted(answers)}
    return [
        text
        for name, answer in decoded.items()
        if isinstance(answer, dict) and isinstance(answer.get("password"), str)
        for text in (name, answer["password"])
    ]
