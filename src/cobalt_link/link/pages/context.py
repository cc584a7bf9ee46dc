"""Who asks whom for what: everything about a link session that a hosted page may say, and nothing else of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec


class Framed(msgspec.Struct, frozen=True):
    """For the first page in a frame: the registered origin around it, and the secret that its script sends along.

    Empty where the script has the secret already.
    """

    parent: str
    path: str
    secret: str = ""


class PageContext(msgspec.Struct, frozen=True, kw_only=True):
    """One link session as its pages see it.

    `path` is where forms post to. `ehr_name`, `ehr_mark`, `practice` and `host` are None until an EHR was chosen.
    `connector_texts` are the connector's own texts in the page's locale, as flat keys; `sees` and `does` are keys of
    them (`consent.sees.<key>`). `since` is the day on which the account that is being repaired, or that the app has
    already, was first connected, and `last_used` when the app last used it; `last_worked`: when the EHR last answered.
    `can_ask`: what cannot be connected can be asked for, and `has_asked` that it was.
    `can_change` is false where the org's EHR is fixed. `connections` is the address of the person's own page, as they
    would type it. `can_stay`: the page can be kept open once more.
    `accent` is the client's color, as `#rrggbb`. `framed` only for the page that opens a frame.
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
    host: str | None
    connector_texts: dict[str, str]
    sees: tuple[str, ...]
    does: tuple[str, ...]
    keeps_password: bool
    repairing: bool = False
    since: date | None = None
    last_used: datetime | None = None
    last_worked: datetime | None = None
    can_ask: bool = False
    has_asked: bool = False
    can_change: bool = True
    started: datetime
    expires_at: datetime
    now: datetime
    reference: str
    connections: str = "/connections"
    can_stay: bool = True
    accent: str | None = None
    framed: Framed | None = None

    @property
    def place(self) -> str | None:
        """What the person calls it: the practice where known, else the EHR."""
        return self.practice or self.ehr_name


class ShownStep(msgspec.Struct, frozen=True):
    """One step of the sign-in while it runs. `name` is a key of the texts (`step.<name>`)."""

    name: str
    state: Literal["was", "now"]


class Match(msgspec.Struct, frozen=True):
    """A row of the picker. `detail` is the second line (place and vendor), `mark` up to two letters."""

    value: str
    name: str
    detail: str
    mark: str


class Search(msgspec.Struct, frozen=True):
    """What the picker shows: `matches` for a `query`, of `total` found; `vendors` to start with and to choose from.
    Without `by_name` there is nothing to search.

    A vendor's value is `ehr:<key>`: as a row it is sent whole, in the address form only the key is.
    """

    query: str
    matches: tuple[Match, ...]
    total: int
    vendors: tuple[Match, ...]
    by_name: bool = True
