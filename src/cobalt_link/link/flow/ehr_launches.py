"""Takes what an EHR sends the browser with: an address and a launch (SMART App Launch 2.2, EHR launch).

The address comes from whoever made the link. It is compared with what the operator has set up before anything is sent
there (S-073).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import msgspec

from cobalt_link.developers.clients import Client
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.opening import SessionOpened, SessionOpening
from cobalt_link.link.session.launch_targets import LaunchTarget, LaunchTargets
from cobalt_link.link.session.launches import EhrLaunch, LinkLaunches
from cobalt_link.link.session.session import NewLinkSession
from cobalt_link.link.session.tokens import LinkToken, Tokens
from cobalt_link.store.database import Tx


class NotLaunched(msgspec.Struct, frozen=True):
    """The launch opens nothing. `why` is the page to show."""

    why: Literal["launch_unknown", "launch_used"]


class EhrLaunches:
    """Opens a link session for each launch, in the browser that comes with it and in no other."""

    def __init__(
        self,
        deps: LinkDeps,
        targets: LaunchTargets,
        launches: LinkLaunches,
        tokens: Tokens,
        opening: SessionOpening,
    ) -> None:
        self._deps = deps
        self._targets = targets
        self._launches = launches
        self._tokens = tokens
        self._opening = opening
        self._life = timedelta(minutes=deps.settings.link_session_minutes)

    async def open(self, issuer: str, value: str, cookies: Mapping[str, str]) -> SessionOpened | NotLaunched:
        """`issuer` and `value` as the EHR sent them. A browser that comes once more goes on where it was."""
        target = await self._targets.at(issuer.removesuffix("/"))
        connector = await self._connector(target.address) if target else None
        client = await self._client(target) if target else None
        if target is None or connector is None or client is None or not value:
            return NotLaunched("launch_unknown")
        launch = EhrLaunch(connector=connector, address=target.address, value=value)
        if opened := await self._opened(launch, cookies):
            return opened
        row = await self._token(client, target)

        async def noted(tx: Tx, new: NewLinkSession) -> bool:
            return await self._launches.begin(tx, new, launch)

        return await self._opening.open_launch(row, noted) or NotLaunched("launch_used")

    async def _connector(self, address: str) -> str | None:
        """The connector for which the operator has registered the app at exactly this address."""
        for key, each in self._deps.connectors.items():
            app = await each.registrations.at(address) if each.is_launched else None
            if app is not None and app.address.removesuffix("/") == address:
                return key
        return None

    async def _client(self, target: LaunchTarget) -> Client | None:
        """The app, if it is enabled and still has the callback address."""
        client = await self._deps.clients.by_id(target.client)
        is_good = client.disabled_at is None and target.callback_url in client.callback_urls
        return client if is_good else None

    async def _opened(self, launch: EhrLaunch, cookies: Mapping[str, str]) -> SessionOpened | NotLaunched | None:
        """What this launch has opened before. None if nothing."""
        session = await self._launches.opened(launch)
        if session is None:
            return None
        return await self._opening.again(session, cookies) or NotLaunched("launch_used")

    async def _token(self, client: Client, target: LaunchTarget) -> LinkToken:
        """The link token that the session stands on. The token itself is dropped: nobody can open it elsewhere."""
        now = self._deps.clock.now()
        row = LinkToken(
            hash=b"",
            client=client.id,
            org=target.org,
            callback_url=target.callback_url,
            created_at=now,
            expires_at=now + self._life,
        )
        stored = await self._tokens.look_up(await self._tokens.create(client.env, row))
        assert stored is not None
        return stored
