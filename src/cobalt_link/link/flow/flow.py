"""What a link session is for. A flow decides which EHRs it offers, what its pages may say, and how it settles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.panes import Answer, Pane
from cobalt_link.developers.clients import Client
from cobalt_link.developers.orgs import Org
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.link.flow.link_sign_in import LinkSignIn
from cobalt_link.link.flow.organizations import NONE, OrganizationHits
from cobalt_link.link.session.session import ChosenEhr, LinkSession, Purpose
from cobalt_link.signin.replay import Granted
from cobalt_link.store.database import Tx


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what the pages may say about it.

    `name` is that of the app, or of this server where no app asks; `mark` the letters that the app chose for itself.
    `addressee` is for whom the link is, as the app says. `account` is the one that is being repaired, or that the app
    has already. `consents`: the pages list what the app will see and do. `can_change` is false where the org's EHR is
    fixed.
    """

    name: str
    mark: str | None = None
    operator: str
    accent: str | None = None
    addressee: str | None = None
    account: Account | None = None
    repairing: bool = False
    consents: bool = True
    can_change: bool = True


class Flow(ABC):
    """One per purpose. `lifetime`: how long a session has; `finds_practices`: the picker can search by name;
    `takes_requests`: an EHR that cannot be connected can be requested; `asks_for_itself`: no app asks; `launched`: the
    user comes from the EHR."""

    purpose: ClassVar[Purpose]
    finds_practices: ClassVar[bool] = False
    takes_requests: ClassVar[bool] = False
    asks_for_itself: ClassVar[bool] = False
    launched: ClassVar[bool] = False
    lifetime: timedelta

    @abstractmethod
    async def offered(self, session: LinkSession) -> dict[str, Connector]:
        """The EHRs that the picker offers, by key."""

    @abstractmethod
    async def sign_in(self, session: LinkSession) -> LinkSignIn:
        """The sign-in to run for this session."""

    @abstractmethod
    async def settle(self, tx: Tx, session: LinkSession, granted: Granted, sign_in: LinkSignIn) -> None:
        """Stores what came of a granted sign-in, in the transaction that ends the session's run."""

    async def settled(self, grant: Grant, chosen: ChosenEhr) -> None:  # noqa: B027 - most flows have nothing to do
        """Called after the commit of `settle`."""

    @abstractmethod
    async def leave(self, tx: Tx, session: LinkSession) -> None:
        """The user stops."""

    @abstractmethod
    def restarts_after(self, pane: Pane) -> bool:
        """Whether another try keeps the answer to this pane and starts after it."""

    @abstractmethod
    async def client(self, session: LinkSession) -> Client | None:
        """The app that asks, if one does and it is enabled."""

    @abstractmethod
    async def subject(self, session: LinkSession, client: Client | None) -> Subject:
        """What the pages of this session may say. `client` is what `client(session)` gave."""

    @abstractmethod
    def expired(self, session: LinkSession, now: datetime) -> bool:
        """Whether the session's pages are closed because its time is over."""

    @abstractmethod
    async def callback(self, session: LinkSession) -> str | None:
        """The address in the app that the browser returns to, if the app registered one."""

    @abstractmethod
    async def way_back(self, session: LinkSession) -> str | None:
        """Where a user goes whose session is over."""

    async def returns_by_itself(self, session: LinkSession) -> bool:
        """Whether the browser goes to the callback address without another press."""
        return False

    async def practices(self, session: LinkSession, query: str) -> list[Org]:
        """The practices that can be found by name."""
        return []

    async def organizations(self, session: LinkSession, query: str, limit: int) -> OrganizationHits:
        """The organizations of the directory that can be found by name."""
        return NONE

    async def organization(self, session: LinkSession, key: str) -> tuple[Organization, str] | None:
        """One of them, with the key of its connector."""
        return None

    async def reachable(self, connector: str, address: str) -> str | None:
        """The address to use for one that a user typed or picked; None if this flow has nothing to do there."""
        return address

    def take(self, address: str, session: LinkSession, answer: Answer) -> None:  # noqa: B027
        """Counts an answer of a browser at this IP address. Raises RateLimited for too many."""


Flows: TypeAlias = Mapping[Purpose, Flow]
