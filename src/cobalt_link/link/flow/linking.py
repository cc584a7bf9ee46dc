"""The flow of linking: an app asked for it, and it ends with an account and a public token for that app."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.fingerprints import EhrLogin
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.manifest import fold
from cobalt_link.connector.panes import Consent, Credentials, Pane
from cobalt_link.developers.clients import Client
from cobalt_link.developers.orgs import Org
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow import already
from cobalt_link.link.flow.flow import Flow, Subject
from cobalt_link.link.flow.hand_over import HandOver
from cobalt_link.link.flow.link_sign_in import LinkSignIn, offered
from cobalt_link.link.flow.organizations import NONE, LinkableOrganizations, OrganizationHits
from cobalt_link.link.session import events
from cobalt_link.link.session.session import ChosenEhr, LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.signin.replay import Granted, JournalFailed
from cobalt_link.store.database import DatabaseUnavailable, Tx
from cobalt_link.webhooks.events import Event


class LinkFlow(Flow):
    """`session.asker` is always there: the app's client and org."""

    purpose = "link"
    finds_practices = True
    takes_requests = True

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable, hand_over: HandOver) -> None:
        self._deps = deps
        self._sessions = sessions
        self._hand_over = hand_over
        self._organizations = LinkableOrganizations(deps.directory)
        self.lifetime = timedelta(minutes=deps.settings.link_session_minutes)

    async def offered(self, session: LinkSession) -> dict[str, Connector]:
        client = await self._deps.clients.by_id(session.asker.client)
        return offered(self._deps.connectors, test=client.test)

    async def sign_in(self, session: LinkSession) -> LinkSignIn:
        connectors, asker = await self.offered(session), session.asker
        org = await self._deps.orgs.by_id(asker.org)
        allowed = partial(self._deps.ehr_domains.allows, also=org.settings.allowed_ehr_domains)
        if session.account:
            account = await self._deps.accounts.find(asker.client, session.account)
            known = ChosenEhr(connector=account.connector, address=account.address)
            return LinkSignIn(connectors, known, allowed=allowed, consents=False, repairs=account)
        known = ChosenEhr(connector=org.ehr, address=self._address(org), practice=org.settings.branding_name)
        existing = partial(self._existing, session)
        return LinkSignIn(connectors, known, allowed=allowed, existing=existing)

    async def settle(self, tx: Tx, session: LinkSession, granted: Granted, sign_in: LinkSignIn) -> None:
        account, now = await self._account(tx, session, granted, sign_in), self._deps.clock.now()
        user = granted.grant.user
        name = user.name or user.username
        chosen = sign_in.chosen
        await self._sessions.settle(tx, session, account=account.id, ehr_user_name=name, found=chosen, now=now)
        await events.note(tx, session, "granted", now)
        if sign_in.listed:
            await self._deps.directory.linked(tx, session.asker.client, chosen.address or "", sign_in.listed)
        data = {"account_id": account.id, "is_new": session.account is None}
        await self._report(tx, session, "link.completed", data, account)

    async def leave(self, tx: Tx, session: LinkSession) -> None:
        now = self._deps.clock.now()
        if await self._sessions.leave(tx, session, now):
            await events.note(tx, session, "left", now)
            pane = type(session.pane).__struct_config__.tag if session.pane else None
            await self._report(tx, session, "link.exited", {"pane": pane})

    def restarts_after(self, pane: Pane) -> bool:
        return isinstance(pane, Consent) and pane.name == Consent().name

    async def client(self, session: LinkSession) -> Client | None:
        client = await self._deps.clients.by_id(session.asker.client)
        return client if client.disabled_at is None else None

    async def subject(self, session: LinkSession, client: Client | None) -> Subject:
        # A page under way is still drawn for a client that was disabled meanwhile.
        app = client or await self._deps.clients.by_id(session.asker.client)
        org, account = await self._deps.orgs.by_id(session.asker.org), await self._account_shown(session)
        return Subject(
            name=app.name,
            mark=app.branding.get("mark"),
            operator=self._deps.settings.run_by,
            accent=app.branding.get("accent"),
            addressee=await self._addressee(session),
            account=account,
            repairing=session.account is not None and account is not None,
            can_change=account is None and not (org.ehr and self._address(org)),
        )

    def expired(self, session: LinkSession, now: datetime) -> bool:
        return session.state == "expired" or (session.settled_at is None and session.expires_at <= now)

    async def callback(self, session: LinkSession) -> str | None:
        return await self._hand_over.callback(session)

    async def returns_by_itself(self, session: LinkSession) -> bool:
        return await self._hand_over.returns_by_itself(session)

    async def way_back(self, session: LinkSession) -> str | None:
        return await self._hand_over.app_address(session)

    async def practices(self, session: LinkSession, query: str) -> list[Org]:
        """The client's orgs that are listed, have a name and an EHR that is installed; every word must occur."""
        wanted = [fold(word) for word in query.split()]
        listed = await self._deps.orgs.listed(session.asker.client)
        usable = [
            org for org in listed if org.ehr in self._deps.connectors and org.address and org.settings.branding_name
        ]
        return [org for org in usable if all(word in fold(_searched(org)) for word in wanted)]

    async def organizations(self, session: LinkSession, query: str, limit: int) -> OrganizationHits:
        if not query.strip():
            return NONE
        return await self._organizations.search(await self.offered(session), session.asker.client, query, limit)

    async def organization(self, session: LinkSession, key: str) -> tuple[Organization, str] | None:
        return await self._organizations.find(await self.offered(session), key)

    def _address(self, org: Org) -> str | None:
        return org.address or self._deps.settings.ehr_addresses.get(org.ehr or "")

    async def _existing(self, session: LinkSession, grant: Grant, chosen: ChosenEhr) -> str | None:
        asker, connector, address = session.asker, chosen.connector or "", chosen.address or ""
        login = EhrLogin.of(asker.client, asker.org, connector, address, grant)
        try:
            found = await self._deps.accounts.of_end_user(login, self._user_id(session, grant, chosen))
        except (psycopg.Error, DatabaseUnavailable) as error:
            raise JournalFailed(error) from None  # our own fault must not be recorded as an answer of the EHR
        return next((each.id for each in found if already.asks_about(each)), None)

    async def _account(self, tx: Tx, session: LinkSession, granted: Granted, sign_in: LinkSignIn) -> Account:
        if session.account:
            return await self._deps.accounts.repair(
                tx, session.account, granted.grant, granted.answers, granted.username
            )
        org, chosen = await self._deps.orgs.by_id(session.asker.org), sign_in.chosen
        return await self._deps.accounts.keep(
            tx,
            client=session.asker.client,
            org=org.id,
            org_id=org.org_id,
            user_id=self._user_id(session, granted.grant, chosen),
            connector=chosen.connector or "",
            # Without the practice's name: only the EHR gives an account one, in its grant.
            instance=EhrInstance(address=chosen.address or ""),
            grant=granted.grant,
            answers=granted.answers,
            kept=sign_in.kept,
            another=sign_in.another,
            username=granted.username,
            writes=tuple(self._deps.connectors[chosen.connector or ""].manifest.writes),
        )

    def _user_id(self, session: LinkSession, grant: Grant, chosen: ChosenEhr) -> str:
        """The end user's id, as the app knows it."""
        assert session.user_id is not None
        return session.user_id

    async def _report(
        self, tx: Tx, session: LinkSession, kind: str, data: dict[str, Any], account: Account | None = None
    ) -> None:
        asker = session.asker
        org = await self._deps.orgs.by_id(asker.org)
        event = Event(
            type=kind,
            data={"user_id": account.user_id if account else session.user_id, "org_id": org.org_id, **data},
            client=asker.client,
            org=asker.org,
            account=account.id if account else None,
            reference=account.reference if account else session.user_id,
        )
        await self._deps.webhooks.record(tx, event)

    async def _addressee(self, session: LinkSession) -> str | None:
        is_shown = isinstance(session.pane, Consent | Credentials)
        return await self._hand_over.display_name(session) if is_shown else None

    async def _account_shown(self, session: LinkSession) -> Account | None:
        """The account of update mode, or the one that the app has already. None too if it was disconnected meanwhile,
        which a pane of update mode then says."""
        account_id = session.account or already.account_in(session.pane)
        try:
            return await self._deps.accounts.find(session.asker.client, account_id) if account_id else None
        except AccountGone:
            return None


def _searched(org: Org) -> str:
    return f"{org.settings.branding_name} {org.settings.place or ''}"
