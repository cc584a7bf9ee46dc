"""Loads the page context of a link session, and what its picker offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from cobalt_link.accounts.instance_health import InstanceState
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.panes import Consent, Credentials, Message, PickerAnswer
from cobalt_link.developers.addresses import AddressProblem, ehr_address
from cobalt_link.developers.clients import Client
from cobalt_link.developers.orgs import Org
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.kit.ids import reference
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flow, Flows
from cobalt_link.link.flow.link_sign_in import OTHER_EHR
from cobalt_link.link.pages import refusal, texts
from cobalt_link.link.pages.context import Match, NotOffered, PageContext, Search, TestMode
from cobalt_link.link.pages.forms import Picked
from cobalt_link.link.pages.texts import monogram
from cobalt_link.link.session import events
from cobalt_link.link.session.browser import Browsers
from cobalt_link.link.session.ehr_requests import EhrRequests, can_ask
from cobalt_link.link.session.session import LinkSession

SHOWN = 6  # matches in the picker


class ContextLoader:
    """Reads only, and keeps nothing of a session."""

    def __init__(self, deps: LinkDeps, flows: Flows, browsers: Browsers, requests: EhrRequests) -> None:
        self._deps = deps
        self._flows = flows
        self._browsers = browsers
        self._requests = requests

    async def load(self, session: LinkSession, locale: str, *, framed: bool = False) -> PageContext:
        """Everything that a page of this session may show, in a frame of the app's page or in a window."""
        flow = self._flows[session.purpose]
        client = await flow.client(session)
        subject = await flow.subject(session, client)
        account = subject.account
        connector = self._deps.connectors.get(session.connector or (account.connector if account else "") or "")
        address = session.address or (account.address if account else None)
        whole = connector.manifest if connector else None
        name = await connector.name_at(address) if connector else None
        offers = session.pane.offers if isinstance(session.pane, Consent) else None
        manifest = whole.offering(offers) if whole else None
        flow_texts = texts.connections_texts(locale) if flow.asks_for_itself else {}
        requests = flow.takes_requests and can_ask(session)
        return PageContext(
            locale=locale,
            app_name=subject.name,
            app_mark=subject.mark or monogram(subject.name),
            accent=subject.accent,
            operator=subject.operator,
            privacy_url=self._deps.settings.privacy_url,
            help_url=self._deps.settings.help_url,
            path=f"/link/{session.id}",
            csrf=self._browsers.form_token(session),
            n=session.pane_n or 0,
            ehr_name=name,
            ehr_mark=manifest.mark if manifest and name == manifest.name else monogram(name) if name else None,
            practice=account.practice if account else None,
            claimed_practice=session.practice if subject.consents else None,
            addressee=subject.addressee,
            host=urlsplit(address).netloc if address else None,
            tls=urlsplit(address or "").scheme == "https",
            refused_at=await self._refused_at(session),
            connector_texts=(connector.texts(locale) if connector else {}) | flow_texts,
            topics=manifest.topics if manifest and subject.consents else (),
            writes=tuple(manifest.writes) if manifest and subject.consents else (),
            not_offered=_not_offered(whole, manifest) if whole and manifest and subject.consents else NotOffered(),
            keeps_password=subject.consents and (manifest is None or manifest.keeps_password),
            repairing=subject.repairing,
            since=account.linked_at.date() if account else None,
            last_worked=await self._last_worked(session),
            fails=await self._fails(session),
            can_ask=requests,
            has_asked=requests and await self._requests.has_asked(session),
            last_used=account.last_used_at if account else None,
            can_change=subject.can_change,
            ends_as=_ends_as(flow, session),
            started=session.created_at,
            expires_at=session.expires_at,
            can_stay=not session.extended and session.settled_at is None,
            in_frame=framed,
            goes_back=framed or await flow.callback(session) is not None,
            returns=not framed and await flow.returns_by_itself(session),
            now=self._deps.clock.now(),
            reference=reference(session.id),
            test_mode=await self._test_mode(session, connector, locale) if client and client.test else None,
            connections=f"{urlsplit(self._deps.settings.public_url).netloc}/connections",
        )

    async def search(self, session: LinkSession, query: str) -> Search:
        """The practices that can be found by name, and the EHRs to start with."""
        flow = self._flows[session.purpose]
        orgs = await flow.practices(session, query)
        hits = await flow.organizations(session, query, SHOWN)
        listed = hits.shown[: max(0, SHOWN - len(orgs))]
        places = [(org.ehr or "", org.address or "") for org in orgs[:SHOWN]]
        places += [(connector, each.address) for each, connector in listed]
        states = await self._deps.health.states(places) if places else {}
        matches = [*(self._match(org) for org in orgs[:SHOWN]), *(_listed(each) for each, _ in listed)]
        return Search(
            query=query,
            matches=tuple(_with_state(each, states.get(place)) for each, place in zip(matches, places, strict=True)),
            total=len(orgs) + hits.total,
            vendors=tuple(_vendor(each) for each in (await flow.offered(session)).values()),
            by_name=flow.finds_practices,
            by_directory=bool(listed),
        )

    async def resolve(self, session: LinkSession, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        """Resolves a pick to an answer, the key of an EHR whose address is still missing, or field errors."""
        flow = self._flows[session.purpose]
        answer = await self._resolved(flow, session, picked)
        if not isinstance(answer, PickerAnswer):
            return answer
        address = await flow.reachable(answer.connector, answer.address)
        if address is None:
            return {"pick" if picked.row else "url": "connections.none_there"}
        return msgspec.structs.replace(answer, address=address)

    async def _resolved(self, flow: Flow, session: LinkSession, picked: Picked) -> PickerAnswer | str | dict[str, str]:
        connectors = await flow.offered(session)
        if picked.row is not None:
            return await self._row(flow, session, connectors, picked.row)
        # A flow that takes no EHR requests can do nothing with an EHR that it does not offer.
        if picked.ehr not in connectors and (picked.ehr != OTHER_EHR or not flow.takes_requests):
            return {"ehr": "picker.ehr_empty" if not picked.ehr else "picker.ehr_unknown"}
        try:
            return PickerAnswer(connector=picked.ehr, address=ehr_address(picked.url or ""))
        except AddressProblem:
            return {"url": "picker.url_not_found"}

    async def _row(
        self, flow: Flow, session: LinkSession, connectors: Mapping[str, Connector], row: str
    ) -> PickerAnswer | str | dict[str, str]:
        kind, _, key = row.partition(":")
        if kind == "ehr" and key in connectors:
            address = self._deps.settings.ehr_addresses.get(key)
            return PickerAnswer(connector=key, address=address) if address else key
        if kind == "org":
            for org in await flow.practices(session, ""):
                if org.id == key and org.ehr in connectors and org.address:
                    return PickerAnswer(connector=org.ehr, address=org.address, practice=org.settings.branding_name)
        if kind == "listed" and (found := await flow.organization(session, key)):
            each, connector = found
            return PickerAnswer(connector=connector, address=each.address, listed=each.name)
        return {"pick": "page.choose"}

    async def _test_mode(self, session: LinkSession, chosen: Connector | None, locale: str) -> TestMode:
        offered = [chosen] if chosen else list((await self._flows[session.purpose].offered(session)).values())
        for connector in offered:
            if logins := connector.manifest.test_logins:
                texts = connector.texts(locale)
                return TestMode(logins.password, {name: texts[f"test_login.{name}"] for name in logins.usernames})
        return TestMode()

    async def _last_worked(self, session: LinkSession) -> datetime | None:
        """When the EHR last worked for any account, for the page that says that the EHR is down."""
        down = isinstance(session.pane, Message) and session.pane.code in refusal.SILENT
        known = down and session.connector and session.address
        return await self._deps.health.last_worked(session.connector or "", session.address or "") if known else None

    async def _fails(self, session: LinkSession) -> bool:
        """Whether the EHR answers nobody now, for the pages on which the user decides to sign in there."""
        place = (session.connector or "", session.address or "")
        if not isinstance(session.pane, Consent | Credentials) or not all(place):
            return False
        state = (await self._deps.health.states([place])).get(place)
        return state is not None and state.failing_since is not None

    async def _refused_at(self, session: LinkSession) -> datetime | None:
        problem = refusal.on_pane(session.pane)
        waits = problem is not None and refusal.waits(problem)
        found = await events.listed(self._deps.db, session) if waits else []
        return max((each.at for each in found if each.code), default=None)

    def _match(self, org: Org) -> Match:
        name = org.settings.branding_name or org.org_id
        vendor = self._deps.connectors[org.ehr or ""].manifest.name
        detail = " · ".join(part for part in (org.settings.place, vendor) if part)
        return Match(f"org:{org.id}", name, detail, monogram(name))


def _not_offered(whole: Manifest, here: Manifest) -> NotOffered:
    """What the connector can do elsewhere and this server does not offer."""
    topics = tuple(each for each in whole.topics if each not in here.topics)
    return NotOffered(topics, tuple(each for each in whole.writes if each not in here.writes))


def app_mark(client: Client) -> str:
    """The letters that stand for an app: those that it chose, else its monogram."""
    return client.branding.get("mark") or monogram(client.name)


def _ends_as(flow: Flow, session: LinkSession) -> Literal["link_expired", "connections_expired"] | None:
    if flow.asks_for_itself:
        return "connections_expired"
    return "link_expired" if session.settled_at is None else None


def _listed(each: Organization) -> Match:
    detail = " · ".join(part for part in (each.place, each.vendor, each.host) if part)
    return Match(f"listed:{each.key}", each.name, detail, monogram(each.name))


def _with_state(match: Match, state: InstanceState | None) -> Match:
    if state is None:
        return match
    return msgspec.structs.replace(match, worked_at=state.worked_at, fails=state.failing_since is not None)


def _vendor(connector: Connector) -> Match:
    manifest = connector.manifest
    return Match(f"ehr:{manifest.key}", manifest.name, manifest.summary, manifest.mark)
