"""Sets the scene of an attempt's pages: the app, the EHR and its texts, and what the picker can offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.instance_health import Places
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import Accounts
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import fold
from cobalt_link.connector.panes import Message, PickerAnswer
from cobalt_link.developers.addresses import AddressProblem, ehr_address
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.developers.orgs import Org, Orgs
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import reference
from cobalt_link.link.flow import already
from cobalt_link.link.flow.answers import Visits
from cobalt_link.link.flow.connections import Finding
from cobalt_link.link.flow.linking import OTHER_EHR
from cobalt_link.link.pages import refusal, texts
from cobalt_link.link.pages.context import Match, Scene, Search
from cobalt_link.link.pages.forms import Picked
from cobalt_link.link.session.ehr_requests import Requests, can_ask
from cobalt_link.link.session.sessions import Attempt
from cobalt_link.settings import Settings

SHOWN = 6


class Stage:
    """Reads only; holds nothing of an attempt."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        visits: Visits,
        clients: Clients,
        orgs: Orgs,
        accounts: Accounts,
        places: Places,
        finding: Finding,
        requests: Requests,
        connectors: Mapping[str, Connector],
    ) -> None:
        self.settings = settings
        self.clients = clients
        self._clock = clock
        self._visits = visits
        self._orgs = orgs
        self._accounts = accounts
        self._places = places
        self._finding = finding
        self._requests = requests
        self._connectors = connectors

    async def scene(self, attempt: Attempt, locale: str) -> Scene:
        """Everything that a page of this attempt may say."""
        if attempt.is_own:
            return self._own_scene(attempt, locale)
        client, org = await self.clients.by_id(attempt.client), await self._orgs.by_id(attempt.org)
        account = await self._account(attempt)
        connector = self._connectors.get(attempt.connector or (account.connector if account else "") or "")
        address = attempt.address or (account.address if account else None)
        manifest = connector.manifest if connector else None
        return Scene(
            locale=locale,
            app_name=client.name,
            app_mark=app_mark(client),
            accent=client.branding.get("accent"),
            operator=self.settings.operator or client.name,
            privacy_url=self.settings.privacy_url,
            help_url=self.settings.help_url,
            path=f"/link/{attempt.id}",
            csrf=self._visits.form_token(attempt),
            n=attempt.pane_n or 0,
            ehr_name=manifest.name if manifest else None,
            ehr_mark=manifest.mark if manifest else None,
            practice=attempt.practice or (account.practice if account else None),
            host=urlsplit(address).netloc if address else None,
            connector_texts=connector.texts(locale) if connector else {},
            sees=manifest.sees if manifest else (),
            does=manifest.does if manifest else (),
            keeps_password=manifest.keeps_password if manifest else True,
            repairing=attempt.account is not None and account is not None,
            since=account.linked_at.date() if account else None,
            last_worked=await self._last_worked(attempt),
            can_ask=can_ask(attempt),
            has_asked=can_ask(attempt) and await self._requests.has_asked(attempt),
            last_used=account.last_used_at if account else None,
            can_change=account is None and not (org.ehr and (org.address or self.settings.ehr_addresses.get(org.ehr))),
            started=attempt.created_at,
            expires_at=attempt.expires_at,
            can_stay=not attempt.extended and attempt.settled_at is None,
            now=self._clock.now(),
            reference=reference(attempt.id),
            connections=f"{urlsplit(self.settings.public_url).netloc}/connections",
        )

    def _own_scene(self, attempt: Attempt, locale: str) -> Scene:
        """The app's end is this server's: no app asked for anything here."""
        connector = self._connectors.get(attempt.connector or "")
        operator = self.settings.operator or "Cobalt Link"
        return Scene(
            locale=locale,
            app_name=operator,
            app_mark=mark(operator),
            operator=operator,
            privacy_url=self.settings.privacy_url,
            help_url=self.settings.help_url,
            path=f"/link/{attempt.id}",
            csrf=self._visits.form_token(attempt),
            n=attempt.pane_n or 0,
            ehr_name=connector.manifest.name if connector else None,
            ehr_mark=connector.manifest.mark if connector else None,
            practice=None,
            host=urlsplit(attempt.address).netloc if attempt.address else None,
            connector_texts=(connector.texts(locale) if connector else {}) | texts.instead(locale),
            sees=(),
            does=(),
            keeps_password=False,
            started=attempt.created_at,
            expires_at=attempt.expires_at,
            can_stay=not attempt.extended and attempt.settled_at is None,
            now=self._clock.now(),
            reference=reference(attempt.id),
        )

    async def _account(self, attempt: Attempt) -> Account | None:
        """The account of update mode, or the one that the app has already; None too if it was disconnected meanwhile,
        which a pane of update mode then says."""
        account_id = attempt.account or already.account_in(attempt.pane)
        try:
            return await self._accounts.find(attempt.client, account_id) if account_id else None
        except AccountGone:
            return None

    async def _last_worked(self, attempt: Attempt) -> datetime | None:
        """When the EHR last answered anybody here; only for the page that says that it does not."""
        down = isinstance(attempt.pane, Message) and attempt.pane.code in refusal.SILENT
        known = down and attempt.connector and attempt.address
        return await self._places.last_worked(attempt.connector or "", attempt.address or "") if known else None

    async def search(self, attempt: Attempt, query: str) -> Search:
        """The practices of this client that may be found by name, and the EHRs to start with."""
        found = [] if attempt.is_own else await self._practices(await self.clients.by_id(attempt.client), query)
        return Search(
            query=query,
            matches=tuple(self._match(org) for org in found[:SHOWN]),
            total=len(found),
            vendors=tuple(_vendor(each) for each in (await self._finding.offered(attempt)).values()),
            by_name=not attempt.is_own,
        )

    async def resolve(self, attempt: Attempt, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        """Where a pick leads: an answer, the key of an EHR whose address has to be asked for, or field errors."""
        answer = await self._resolved(attempt, picked)
        if not attempt.is_own or not isinstance(answer, PickerAnswer):
            return answer
        known = await self._finding.address(answer.connector, answer.address)
        if known is None:
            return {"pick" if picked.row else "url": "connections.none_there"}
        return PickerAnswer(connector=answer.connector, address=known)

    async def _resolved(self, attempt: Attempt, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        connectors = await self._finding.offered(attempt)
        if picked.row is not None:
            return await self._row(attempt, connectors, picked.row)
        if picked.ehr not in connectors and (attempt.is_own or picked.ehr != OTHER_EHR):
            return {"ehr": "picker.ehr_empty" if not picked.ehr else "picker.ehr_unknown"}
        try:
            return PickerAnswer(connector=picked.ehr, address=ehr_address(picked.url or ""))
        except AddressProblem:
            return {"url": "picker.url_not_found"}

    async def _row(
        self, attempt: Attempt, connectors: Mapping[str, Connector], row: str
    ) -> PickerAnswer | str | dict[str, str]:
        kind, _, key = row.partition(":")
        if kind == "ehr" and key in connectors:
            address = self.settings.ehr_addresses.get(key)
            return PickerAnswer(connector=key, address=address) if address else key
        if kind != "org" or attempt.is_own:
            return {"pick": "page.choose"}
        for org in await self._practices(await self.clients.by_id(attempt.client), ""):
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


def locale_of(attempt: Attempt | None, accept: str | None, asked: str | None = None) -> str:
    """The language of a page: asked for on the page, else by the app, else by the browser."""
    return texts.choose(accept, asked or (attempt.locale if attempt else None))


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
