"""Sets the scene of a link session's pages: the app, the EHR and its texts, and what the picker can offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import fold
from cobalt_link.connector.panes import Message, PickerAnswer
from cobalt_link.developers.addresses import AddressProblem, ehr_address
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.developers.orgs import Org, Orgs
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import reference
from cobalt_link.link.flow import already
from cobalt_link.link.flow.answers import SessionAnswers
from cobalt_link.link.flow.connections import ConnectionLookup
from cobalt_link.link.flow.linking import OTHER_EHR
from cobalt_link.link.pages import refusal, texts
from cobalt_link.link.pages.context import Match, PageContext, Search
from cobalt_link.link.pages.forms import Picked
from cobalt_link.link.session.ehr_requests import EhrRequests, can_ask
from cobalt_link.link.session.sessions import LinkSession
from cobalt_link.settings import Settings

SHOWN = 6


class ContextLoader:
    """Reads only; holds nothing of a link session."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        visits: SessionAnswers,
        clients: Clients,
        orgs: Orgs,
        accounts: AccountTable,
        health: InstanceHealth,
        finding: ConnectionLookup,
        requests: EhrRequests,
        connectors: Mapping[str, Connector],
    ) -> None:
        self.settings = settings
        self.clients = clients
        self._clock = clock
        self._visits = visits
        self._orgs = orgs
        self._accounts = accounts
        self._health = health
        self._finding = finding
        self._requests = requests
        self._connectors = connectors

    async def scene(self, session: LinkSession, locale: str) -> PageContext:
        """Everything that a page of this link session may say."""
        if session.is_own:
            return self._own_scene(session, locale)
        client, org = await self.clients.by_id(session.client), await self._orgs.by_id(session.org)
        account = await self._account(session)
        connector = self._connectors.get(session.connector or (account.connector if account else "") or "")
        address = session.address or (account.address if account else None)
        manifest = connector.manifest if connector else None
        return PageContext(
            locale=locale,
            app_name=client.name,
            app_mark=app_mark(client),
            accent=client.branding.get("accent"),
            operator=self.settings.operator or client.name,
            privacy_url=self.settings.privacy_url,
            help_url=self.settings.help_url,
            path=f"/link/{session.id}",
            csrf=self._visits.form_token(session),
            n=session.pane_n or 0,
            ehr_name=manifest.name if manifest else None,
            ehr_mark=manifest.mark if manifest else None,
            practice=session.practice or (account.practice if account else None),
            host=urlsplit(address).netloc if address else None,
            connector_texts=connector.texts(locale) if connector else {},
            sees=manifest.sees if manifest else (),
            does=manifest.does if manifest else (),
            keeps_password=manifest.keeps_password if manifest else True,
            repairing=session.account is not None and account is not None,
            since=account.linked_at.date() if account else None,
            last_worked=await self._last_worked(session),
            can_ask=can_ask(session),
            has_asked=can_ask(session) and await self._requests.has_asked(session),
            last_used=account.last_used_at if account else None,
            can_change=account is None and not (org.ehr and (org.address or self.settings.ehr_addresses.get(org.ehr))),
            started=session.created_at,
            expires_at=session.expires_at,
            can_stay=not session.extended and session.settled_at is None,
            now=self._clock.now(),
            reference=reference(session.id),
            connections=f"{urlsplit(self.settings.public_url).netloc}/connections",
        )

    def _own_scene(self, session: LinkSession, locale: str) -> PageContext:
        """The app's end is this server's: no app asked for anything here."""
        connector = self._connectors.get(session.connector or "")
        operator = self.settings.operator or "Cobalt Link"
        return PageContext(
            locale=locale,
            app_name=operator,
            app_mark=mark(operator),
            operator=operator,
            privacy_url=self.settings.privacy_url,
            help_url=self.settings.help_url,
            path=f"/link/{session.id}",
            csrf=self._visits.form_token(session),
            n=session.pane_n or 0,
            ehr_name=connector.manifest.name if connector else None,
            ehr_mark=connector.manifest.mark if connector else None,
            practice=None,
            host=urlsplit(session.address).netloc if session.address else None,
            connector_texts=(connector.texts(locale) if connector else {}) | texts.instead(locale),
            sees=(),
            does=(),
            keeps_password=False,
            started=session.created_at,
            expires_at=session.expires_at,
            can_stay=not session.extended and session.settled_at is None,
            now=self._clock.now(),
            reference=reference(session.id),
        )

    async def _account(self, session: LinkSession) -> Account | None:
        """The account of update mode, or the one that the app has already; None too if it was disconnected meanwhile,
        which a pane of update mode then says."""
        account_id = session.account or already.account_in(session.pane)
        try:
            return await self._accounts.find(session.client, account_id) if account_id else None
        except AccountGone:
            return None

    async def _last_worked(self, session: LinkSession) -> datetime | None:
        """When the EHR last answered anybody here; only for the page that says that it does not."""
        down = isinstance(session.pane, Message) and session.pane.code in refusal.SILENT
        known = down and session.connector and session.address
        return await self._health.last_worked(session.connector or "", session.address or "") if known else None

    async def search(self, session: LinkSession, query: str) -> Search:
        """The practices of this client that may be found by name, and the EHRs to start with."""
        found = [] if session.is_own else await self._practices(await self.clients.by_id(session.client), query)
        return Search(
            query=query,
            matches=tuple(self._match(org) for org in found[:SHOWN]),
            total=len(found),
            vendors=tuple(_vendor(each) for each in (await self._finding.offered(session)).values()),
            by_name=not session.is_own,
        )

    async def resolve(self, session: LinkSession, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        """Where a pick leads: an answer, the key of an EHR whose address has to be asked for, or field errors."""
        answer = await self._resolved(session, picked)
        if not session.is_own or not isinstance(answer, PickerAnswer):
            return answer
        known = await self._finding.address(answer.connector, answer.address)
        if known is None:
            return {"pick" if picked.row else "url": "connections.none_there"}
        return PickerAnswer(connector=answer.connector, address=known)

    async def _resolved(self, session: LinkSession, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        connectors = await self._finding.offered(session)
        if picked.row is not None:
            return await self._row(session, connectors, picked.row)
        if picked.ehr not in connectors and (session.is_own or picked.ehr != OTHER_EHR):
            return {"ehr": "picker.ehr_empty" if not picked.ehr else "picker.ehr_unknown"}
        try:
            return PickerAnswer(connector=picked.ehr, address=ehr_address(picked.url or ""))
        except AddressProblem:
            return {"url": "picker.url_not_found"}

    async def _row(
        self, session: LinkSession, connectors: Mapping[str, Connector], row: str
    ) -> PickerAnswer | str | dict[str, str]:
        kind, _, key = row.partition(":")
        if kind == "ehr" and key in connectors:
            address = self.settings.ehr_addresses.get(key)
            return PickerAnswer(connector=key, address=address) if address else key
        if kind != "org" or session.is_own:
            return {"pick": "page.choose"}
        for org in await self._practices(await self.clients.by_id(session.client), ""):
            if org.id == key and org.ehr in connectors and org.address:
                return PickerAnswer(connector=org.ehr, address=org.address, practice=org.settings.branding_name)
        return {"pick": "page.choose"}

    async def _practices(self, client: Client, query: str) -> list[Org]:
        wanted = [fold(word) for word in query.split()]
        listed = await self._orgs.listed(client.id)
        usable = [org for org in listed if org.ehr in self._connectors and org.address and org.settings.branding_name]
        return [org for org in usable if all(word in fold(_searched(org)) for word in wanted)]

    def _match(self, org: Org) -> Match:
        name = org.settings.branding_name or org.org_id
        vendor = self._connectors[org.ehr or ""].manifest.name
        detail = " · ".join(part for part in (org.settings.place, vendor) if part)
        return Match(f"org:{org.id}", name, detail, mark(name))


def locale_of(session: LinkSession | None, accept: str | None, asked: str | None = None) -> str:
    """The language of a page: asked for on the page, else by the app, else by the browser."""
    return texts.choose(accept, asked or (session.locale if session else None))


def app_mark(client: Client) -> str:
    """The letters that stand for an app: its own, else its monogram."""
    return client.branding.get("mark") or mark(client.name)


def mark(name: str) -> str:
    """A monogram: the first letters of the first two words."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def _searched(org: Org) -> str:
    return f"{org.settings.branding_name} {org.settings.place or ''}"


def _vendor(connector: Connector) -> Match:
    manifest = connector.manifest
    return Match(f"ehr:{manifest.key}", manifest.name, manifest.summary, manifest.mark)
