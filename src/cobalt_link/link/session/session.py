"""One link session: who asked for it, where its sign-in is, and which EHR was chosen."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from cobalt_link.connector.panes import Pane

State = Literal["due", "running", "waiting", "polling", "granted", "signed_in", "left", "expired"]
Purpose = Literal["link", "connections", "ehr_launch"]


class Asker(msgspec.Struct, frozen=True):
    """Who asked for a session. Both are our ids."""

    client: str
    org: str


class LinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """A row. An answer must name the journal entry `pane_n`. Entries after `consented_n` belong to the connector's
    sign-in.

    `browser` is the hash of the owner, empty until the first answer; page access sets it to that of the browser that
    asks. `user_id` is the app's own id of the user. A session with the purpose `ehr_launch` has none: nobody knows the
    user yet. One with the purpose `connections` has no client and no org either, because no app asked for it. Its
    `accounts` are set when the user has signed in.
    """

    id: str
    purpose: Purpose = "link"
    link_token: bytes
    client: str | None
    org: str | None
    user_id: str | None
    account: str | None
    browser: bytes
    answered: bool
    state: State
    version: int
    claim: int | None
    public_key: bytes
    pane: Pane | None
    pane_n: int | None
    consented_n: int | None
    connector: str | None
    address: str | None
    practice: str | None
    username: str | None
    notice: str | None
    ehr_user_name: str | None
    granted: str | None
    locale: str | None
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    exchanged_at: datetime | None
    returned_at: datetime | None = None
    accounts: list[str] = []
    extended: bool = False

    @property
    def asker(self) -> Asker:
        """The app and its clinic, of any session but one with the purpose `connections`."""
        assert self.client is not None
        assert self.org is not None
        return Asker(self.client, self.org)

    @property
    def chosen(self) -> ChosenEhr:
        """The EHR that was chosen by the end of the latest run."""
        return ChosenEhr(connector=self.connector, address=self.address, practice=self.practice)


class ChosenEhr(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the EHR that the user chose. `connector` is the connector's key, `practice` is a name."""

    connector: str | None = None
    address: str | None = None
    practice: str | None = None


class NewLinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """The columns that a link session begins with."""

    id: str
    purpose: Purpose = "link"
    link_token: bytes
    client: str | None = None
    org: str | None = None
    user_id: str | None = None
    account: str | None = None
    browser: bytes = b""
    locale: str | None = None
    created_at: datetime
    expires_at: datetime


def is_working(session: LinkSession) -> bool:
    """Whether a worker must act before the user can."""
    return session.state in ("due", "running")


def is_polled_for(session: LinkSession) -> bool:
    """Whether a process polls the EHR for the session. It must stop before an answer is taken."""
    return session.state == "polling" and session.claim is not None


class EndedSession(msgspec.Struct, frozen=True):
    """What is needed to delete or note what belongs to a session."""

    id: str
    link_token: bytes
