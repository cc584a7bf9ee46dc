"""The dependencies of the routes of the pages."""

from __future__ import annotations

import msgspec

from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.answers import SessionAnswers
from cobalt_link.link.flow.connections import ConnectionsFlow
from cobalt_link.link.flow.ehr_launches import EhrLaunches
from cobalt_link.link.flow.flow import Flows
from cobalt_link.link.flow.hand_over import HandOver
from cobalt_link.link.flow.opening import SessionOpening
from cobalt_link.link.flow.progress import SessionProgress
from cobalt_link.link.flow.redirects import EhrRedirects
from cobalt_link.link.pages.access import PageAccess, locale_of
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.loading import ContextLoader
from cobalt_link.link.session.browser import Browsers
from cobalt_link.link.session.ehr_requests import EhrRequests
from cobalt_link.link.session.session import LinkSession
from cobalt_link.registrations.doctor.sign_ins import TrialSignIns
from cobalt_link.web import Call


class HostedPages(msgspec.Struct, frozen=True, kw_only=True):
    deps: LinkDeps
    flows: Flows
    connections: ConnectionsFlow
    browsers: Browsers
    opening: SessionOpening
    launches: EhrLaunches
    answers: SessionAnswers
    progress: SessionProgress
    redirects: EhrRedirects
    trials: TrialSignIns
    hand_over: HandOver
    requests: EhrRequests
    access: PageAccess
    loader: ContextLoader

    async def context(self, call: Call, session: LinkSession) -> PageContext:
        """The page context for the page that answers this call."""
        client = await self.flows[session.purpose].client(session)
        framed = self.access.parent(call, client) is not None
        return await self.loader.load(session, locale_of(session, call.header("Accept-Language")), framed=framed)
