"""The page context: everything that a hosted page may show about a link session, and nothing else."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

from cobalt_link.connector.topics import Topic
from cobalt_link.connector.writes import WriteCapability

EhrWindow: TypeAlias = Literal["", "away", "blocked"]


class Framed(msgspec.Struct, frozen=True):
    """For the first page in a frame. `parent` is the registered origin that frames it. `secret` is the one that its
    script sends with each request, empty if the script has it already.
    """

    parent: str
    path: str
    secret: str = ""


class TestMode(msgspec.Struct, frozen=True):
    """What the pages of a test client show above their header: logins of the EHR for tests, each with what it does."""

    password: str = ""
    logins: dict[str, str] = {}


class NotOffered(msgspec.Struct, frozen=True):
    """What this server does not offer of all that its kind of EHR can, by topic and by write."""

    topics: tuple[Topic, ...] = ()
    writes: tuple[WriteCapability, ...] = ()


class PageContext(msgspec.Struct, frozen=True, kw_only=True):
    """One link session as its pages show it.

    Forms post to `path`. `ehr_name`, `ehr_mark`, `practice`, and `host` are None until an EHR is chosen. `tls`:
    the host is reached by https. `refused_at` is when the EHR said how long to wait.
    `practice` is the name that the EHR gives. `claimed_practice` is one that nobody but the app gives, and `addressee`
    is for whom the link is, as the app says: pages show both only as words of the app.
    `connector_texts` are the connector's own texts in this locale, as flat keys. `topics` are what the app learns
    from the EHR, and `writes` what it may write there, for the consent. `not_offered` is
    what this server lacks. `since` and `last_used` belong to the
    account that is being repaired or that the app has already: when it was first connected, and when the app last
    used it. `last_worked` is when the EHR last worked. `fails`: it answers
    nobody now. `can_ask`: the user can request the unsupported EHR.
    `has_asked`: the user has requested it. `can_change` is false if the EHR of the org is fixed. `connections` is
    the address of `/connections` as a user would type it. `can_stay`: the user can still extend the session.
    `goes_back`: "Back to the app" leads there, to its callback address or out of its frame. `returns`: the browser
    is about to go there by itself. `in_frame`: the page is in a frame of the app's page. `accent` is the client's color
    as `#rrggbb`. `framed` is set only for the page that opens a frame. `test_mode` is set only for test clients.
    `ends_as` names the page that follows when the time is over, None if the session is done.
    """

    locale: str = "en"
    app_name: str
    app_mark: str
    operator: str
    privacy_url: str | None = None
    help_url: str | None = None
    path: str
    csrf: str
    n: int
    ehr_name: str | None
    ehr_mark: str | None
    practice: str | None
    claimed_practice: str | None = None
    addressee: str | None = None
    host: str | None
    tls: bool = True
    refused_at: datetime | None = None
    connector_texts: dict[str, str]
    topics: tuple[Topic, ...]
    writes: tuple[WriteCapability, ...] = ()
    not_offered: NotOffered = NotOffered()
    keeps_password: bool
    repairing: bool = False
    since: date | None = None
    last_used: datetime | None = None
    last_worked: datetime | None = None
    fails: bool = False
    can_ask: bool = False
    has_asked: bool = False
    can_change: bool = True
    ends_as: Literal["link_expired", "connections_expired"] | None = "link_expired"
    started: datetime
    expires_at: datetime
    now: datetime
    reference: str
    connections: str = "/connections"
    can_stay: bool = True
    goes_back: bool = True
    returns: bool = False
    accent: str | None = None
    in_frame: bool = False
    framed: Framed | None = None
    test_mode: TestMode | None = None

    @property
    def place(self) -> str | None:
        """The name that the user knows: that of the practice, else that of the EHR."""
        return self.practice or self.ehr_name


class ShownStep(msgspec.Struct, frozen=True):
    """One step of the sign-in while it runs. `name` is a key of the texts (`step.<name>`)."""

    name: str
    state: Literal["was", "now"]


class Match(msgspec.Struct, frozen=True):
    """A row of the picker. `detail` is its second line, with place and vendor. `mark` is up to two letters. `worked_at`
    is when its EHR last worked for anybody, and `fails`: it answers nobody now."""

    value: str
    name: str
    detail: str
    mark: str
    worked_at: datetime | None = None
    fails: bool = False


class Search(msgspec.Struct, frozen=True):
    """What the picker shows. `matches` are the first of `total` practices that match `query`. `vendors` are the EHRs to
    start from. Without `by_name` the picker has no search. `by_directory`: not only the app lists these practices.

    The value of a vendor is `ehr:<key>`. A row sends the whole value, the address form only the key.
    """

    query: str
    matches: tuple[Match, ...]
    total: int
    vendors: tuple[Match, ...]
    by_name: bool = True
    by_directory: bool = False
