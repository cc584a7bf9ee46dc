"""Finds the connections of a person who signs in at their EHR themself, over all clients (S-125).

Nobody's password goes anywhere for it but to an EHR that has connections here, and the session it opens is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.kit.clock import Clock
from cobalt_link.link.flow.linking import offered
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import forget_all
from cobalt_link.link.session.sessions import OWN_LIFE, ChosenEhr, LinkSession, LinkSessionTable
from cobalt_link.store.database import Tx


class ConnectionLookup:
    """What a person's own link session may reach, and what it finds."""

    def __init__(
        self,
        clock: Clock,
        sessions: LinkSessionTable,
        accounts: AccountTable,
        ehr_sessions: EhrSessions,
        clients: Clients,
        connectors: Mapping[str, Connector],
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._accounts = accounts
        self._ehr_sessions = ehr_sessions
        self._clients = clients
        self._connectors = connectors

    async def offered(self, session: LinkSession) -> dict[str, Connector]:
        """The EHRs to pick from: those of the link session's client, or for a person of their own those of any
        client."""
        if not session.is_own:
            return offered(self._connectors, test=(await self._clients.by_id(session.client)).test)
        testing = await self._clients.any_test()
        return {key: each for key, each in self._connectors.items() if testing or not each.manifest.test_only}

    async def address(self, connector: str, address: str) -> str | None:
        """The address under which there are connections, for one as a person writes it; None if there are none.

        A person knows the host, an org may have been given a path on it.
        """
        known = await self._accounts.addresses(connector)
        same_host = [each for each in known if urlsplit(each).netloc == urlsplit(address).netloc]
        if address in known or len(same_host) != 1:
            return address if address in known else None
        return same_host[0]

    async def settle(self, tx: Tx, session: LinkSession, grant: Grant, found: ChosenEhr) -> None:
        """The person has shown who they are: no account is made, theirs are looked up."""
        connector, now = self._connectors[found.connector or ""], self._clock.now()
        theirs = await self._accounts.of_ehr_user(tx, connector.manifest.key, found.address or "", grant)
        ids = [each.id for each in theirs if await self._belongs(each, connector)]
        name, until = grant.user.name or grant.user.username, now + OWN_LIFE
        await forget_all(tx, [session.id])
        await self._sessions.sign_in(tx, session, accounts=ids, ehr_user_name=name, found=found, now=now, until=until)
        await events.note(tx, session.link_token, "signed_in", now)

    async def drop(self, grant: Grant, found: ChosenEhr) -> None:
        """Signs out at the EHR, as far as it answers: the session was only to show who somebody is."""
        instance = EhrInstance(address=found.address or "", practice=found.practice)
        chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known)
        await self._ehr_sessions.sign_out(found.connector or "", chart)

    async def connections(self, session: LinkSession) -> list[tuple[Account, Client]]:
        """What was found and is still connected, with whose it is."""
        found = []
        for account_id in session.accounts:
            if account := await self._account(account_id):
                found.append((account, await self._clients.by_id(account.client)))
        return found

    async def disconnect(self, session: LinkSession, account_id: str) -> None:
        """Ends a connection of this person at once and for good; nothing happens if it has ended already.

        `account_id` must be one that was found, which the caller has looked at.
        """
        assert account_id in session.accounts
        if account := await self._account(account_id):
            with suppress(AccountGone):
                await self._ehr_sessions.disconnect(account, by="person")
                async with self._sessions.db.transaction() as tx:
                    await self._sessions.lock(tx, session)
                    await events.note(tx, session.link_token, "disconnected", self._clock.now())

    async def _account(self, account_id: str) -> Account | None:
        try:
            return await self._accounts.by_id(account_id)
        except AccountGone:
            return None

    async def _belongs(self, account: Account, connector: Connector) -> bool:
        """Test clients have accounts at test EHRs only, live ones elsewhere: what does not fit is not shown."""
        client = await self._clients.by_id(account.client)
        return client.test == connector.manifest.test_only
