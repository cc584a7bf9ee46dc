"""The flow of an EHR launch: a user opens the app inside their EHR, and is linked for the clinic that belongs to it.

It ends as linking does. But no app has said who the user is, so the EHR does (SMART App Launch 2.2, EHR launch).
"""

from __future__ import annotations

from functools import partial

import msgspec

from cobalt_link.connector.grant import Grant
from cobalt_link.developers.clients import Client
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Subject
from cobalt_link.link.flow.hand_over import HandOver
from cobalt_link.link.flow.link_sign_in import LinkSignIn
from cobalt_link.link.flow.linking import LinkFlow
from cobalt_link.link.session.launches import LinkLaunches
from cobalt_link.link.session.session import ChosenEhr, LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.signin.replay import Granted
from cobalt_link.store.database import Tx


class EhrLaunchFlow(LinkFlow):
    """The EHR is the one that launched, whatever the org's settings say. Who comes again has the same account."""

    purpose = "ehr_launch"
    finds_practices = False
    takes_requests = False
    launched = True

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable, hand_over: HandOver, launches: LinkLaunches) -> None:
        super().__init__(deps, sessions, hand_over)
        self._launches = launches

    async def sign_in(self, session: LinkSession) -> LinkSignIn:
        ehr, org = await self._launches.ehr(session), await self._deps.orgs.by_id(session.asker.org)
        known = ChosenEhr(connector=ehr.connector, address=ehr.address, practice=org.settings.branding_name)
        allowed = partial(self._deps.ehr_domains.allows, also=org.settings.allowed_ehr_domains)
        return LinkSignIn(await self.offered(session), known, allowed=allowed)

    async def settle(self, tx: Tx, session: LinkSession, granted: Granted, sign_in: LinkSignIn) -> None:
        await super().settle(tx, session, granted, sign_in)
        await self._launches.erase(tx, session)

    async def leave(self, tx: Tx, session: LinkSession) -> None:
        await super().leave(tx, session)
        await self._launches.erase(tx, session)

    async def subject(self, session: LinkSession, client: Client | None) -> Subject:
        return msgspec.structs.replace(await super().subject(session, client), can_change=False)

    def _user_id(self, session: LinkSession, grant: Grant, chosen: ChosenEhr) -> str:
        """The user's address at the EHR, such as "https://ehr.example/fhir/Practitioner/9". An id without the EHR's
        address could be that of another EHR's user, or one of the app's own."""
        return f"{chosen.address}/{grant.user.id}"
