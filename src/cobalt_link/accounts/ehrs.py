"""The EHR of an account: its connector, and whether the operator allows its address still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cobalt_link.accounts import statements
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import EhrUnexpected
from cobalt_link.connector.connector import Connector
from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed, EhrDomains
from cobalt_link.store.database import Database


class LinkedEhr(msgspec.Struct, frozen=True):
    """An EHR's address, and how many accounts are linked there."""

    connector: str
    address: str
    accounts: int


async def linked_ehrs(db: Database, connectors: Sequence[str]) -> list[LinkedEhr]:
    """Where these connectors have accounts. Reads all of them."""
    return [LinkedEhr(**row) for row in await db.rows(statements.LINKED_EHRS, (list(connectors),))]


class AccountEhrs:
    """The installed connectors, by key, and the operator's list of EHR domains. The list may be younger than an
    account: then nothing of the account is sent there, no session and no password."""

    def __init__(self, connectors: Mapping[str, Connector], domains: EhrDomains) -> None:
        self.connectors = connectors
        self._domains = domains

    def connector(self, account: Account) -> Connector:
        """Raises EhrUnexpected if it is not installed."""
        connector = self.connectors.get(account.connector)
        if connector is None:
            raise EhrUnexpected(
                f"The connector {account.connector} is not installed here anymore. Ask the operator to install it."
            )
        return connector

    def allows(self, connector: str, address: str) -> bool:
        return self._domains.allows(connector, address)

    def check(self, account: Account) -> None:
        """Raises EhrDomainNotAllowed."""
        if not self.allows(account.connector, account.address):
            raise EhrDomainNotAllowed(
                f"The operator of this server does not allow {self.connector(account).manifest.name} at"
                f" {account.instance.host} anymore, so nothing is sent there for this account. Ask them to add the"
                " domain to COBALT_ALLOWED_EHR_DOMAINS, or link the user at another address."
            )
