"""The flow of `/connections`: a user signs in at their EHR to see which apps use that account (S-125).

No app asks. A password goes only to an EHR instance that has connections here. The EHR session that it opens is ended.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Answer, CodeAnswer, CredentialsAnswer, Pane, Picker
from cobalt_link.developers.clients import Client
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flow, Subject
from cobalt_link.link.flow.link_sign_in import LinkSignIn
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import delete_journals
from cobalt_link.link.session.session import ChosenEhr, LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.signin.replay import Granted
from cobalt_link.store.database import Tx
from cobalt_link.web.rates import RateLimits, address_key

# Passwords and codes per minute. No app has let this user in, so this keeps a guesser from using us.
TRIES_FROM_ONE_ADDRESS, TRIES_FOR_ONE_ACCOUNT = 10, 3


class ConnectionsFlow(Flow):
    """Ends with the list of accounts of one EHR user. The user has `lifetime` to sign in, and as long again to look."""

    purpose = "connections"
    asks_for_itself = True
    lifetime = timedelta(minutes=15)

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable) -> None:
        self._deps = deps
        self._sessions = sessions
        self.limits = RateLimits(off=not deps.settings.rate_limits)

    async def offered(self, session: LinkSession) -> dict[str, Connector]:
        """Those that any client may link."""
        testing = await self._deps.clients.any_test()
        return {key: each for key, each in self._deps.connectors.items() if testing or not each.manifest.test_only}

    async def sign_in(self, session: LinkSession) -> LinkSignIn:
        allowed = self._deps.ehr_domains.allows
        return LinkSignIn(await self.offered(session), ChosenEhr(), allowed=allowed, consents=False)

    async def settle(self, tx: Tx, session: LinkSession, granted: Granted, sign_in: LinkSignIn) -> None:
        """Looks up the accounts of the EHR user. It makes none."""
        grant, chosen, now = granted.grant, sign_in.chosen, self._deps.clock.now()
        connector = self._deps.connectors[chosen.connector or ""]
        found = await self._deps.accounts.of_ehr_user(tx, connector.manifest.key, chosen.address or "", grant)
        ids = [each.id for each in found if await self._is_offered(each, connector)]
        name, until = grant.user.name or grant.user.username, now + self.lifetime
        await delete_journals(tx, [session.id])
        await self._sessions.sign_in(tx, session, accounts=ids, ehr_user_name=name, found=chosen, now=now, until=until)
        await events.note(tx, session, "signed_in", now)

    async def settled(self, grant: Grant, chosen: ChosenEhr) -> None:
        """Signs out at the EHR, as far as it answers: the sign-in was only to show who the user is."""
        instance = EhrInstance(address=chosen.address or "", practice=chosen.practice)
        chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known)
        await self._deps.ehr_sessions.sign_out(chosen.connector or "", chart)

    async def leave(self, tx: Tx, session: LinkSession) -> None:
        gone = await self._sessions.empty_connections(tx, "left", self._deps.clock.now(), session.id)
        await delete_journals(tx, gone)

    def restarts_after(self, pane: Pane) -> bool:
        return isinstance(pane, Picker)

    async def client(self, session: LinkSession) -> Client | None:
        return None

    async def subject(self, session: LinkSession, client: Client | None) -> Subject:
        settings = self._deps.settings
        return Subject(name=settings.operator or "Cobalt Link", operator=settings.run_by, consents=False)

    def expired(self, session: LinkSession, now: datetime) -> bool:
        return session.expires_at <= now

    async def callback(self, session: LinkSession) -> str | None:
        return None

    async def way_back(self, session: LinkSession) -> str | None:
        return f"{self._deps.settings.public_url}/connections"

    async def reachable(self, connector: str, address: str) -> str | None:
        """The address under which there are connections. A user knows the host, an org may have been given a path."""
        known = await self._deps.accounts.addresses_on_host(connector, address)
        same_host = [each for each in known if urlsplit(each).netloc == urlsplit(address).netloc]
        if address in known or len(same_host) != 1:
            return address if address in known else None
        return same_host[0]

    def take(self, address: str, session: LinkSession, answer: Answer) -> None:
        """By IP address, and by EHR account however many addresses somebody has."""
        if isinstance(answer, CredentialsAnswer | CodeAnswer):
            self.limits.take(address_key(address), "connections by address", TRIES_FROM_ONE_ADDRESS)
        if isinstance(answer, CredentialsAnswer):
            account = f"{session.connector} {session.address} {answer.username.strip().casefold()}"
            self.limits.take(account, "connections by account", TRIES_FOR_ONE_ACCOUNT)

    async def connections(self, session: LinkSession) -> list[tuple[Account, Client]]:
        """The accounts that were found and are still connected, each with its client."""
        found = []
        for account_id in session.accounts:
            if account := await self._find(account_id):
                found.append((account, await self._deps.clients.by_id(account.client)))
        return found

    async def disconnect(self, session: LinkSession, account_id: str) -> None:
        """Ends one of `session.accounts` at once and for good. Does nothing if it has ended already."""
        assert account_id in session.accounts
        if account := await self._find(account_id):
            with suppress(AccountGone):
                await self._deps.ehr_sessions.disconnect(account, by="person")
                async with self._deps.db.transaction() as tx:
                    await self._sessions.lock(tx, session)
                    await events.note(tx, session, "disconnected", self._deps.clock.now())

    async def _find(self, account_id: str) -> Account | None:
        try:
            return await self._deps.accounts.by_id(account_id)
        except AccountGone:
            return None

    async def _is_offered(self, account: Account, connector: Connector) -> bool:
        """Test clients have accounts at test EHRs only, live clients elsewhere. Anything else is not shown."""
        client = await self._deps.clients.by_id(account.client)
        return client.test == connector.manifest.test_only
