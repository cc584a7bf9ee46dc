"""The query parameters and form fields that browsers send to the pages."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.link.flow.opening import NotOpenedReason


class OpenQuery(msgspec.Struct, frozen=True):
    """`origin` is the origin of the page that opens Link in a frame, `ancestors` those of the pages around that page,
    with commas. `closed` is the reason why a token opened nothing."""

    token: Annotated[str, Meta(max_length=200)] = ""
    closed: NotOpenedReason | Literal[""] = ""
    lang: str | None = None
    origin: Annotated[str, Meta(max_length=500)] = ""
    ancestors: Annotated[str, Meta(max_length=5000)] = ""


class PageQuery(msgspec.Struct, frozen=True):
    """`q` searches the picker. `manual` shows its address form with `ehr` chosen. The other flags show a notice:
    `stale` for an answer to an old pane, `ended` for a connection that ended, `stayed` for an extended session, and
    `declined` after "Don't allow"."""

    q: Annotated[str, Meta(max_length=200)] = ""
    manual: str = ""
    ehr: str = ""
    stale: str = ""
    ended: str = ""
    stayed: str = ""
    declined: str = ""
    lang: str | None = None
    origin: Annotated[str, Meta(max_length=500)] = ""


class EventsQuery(msgspec.Struct, frozen=True):
    after: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class PaneForm(msgspec.Struct, frozen=True):
    """Every field that a pane's form may send."""

    pane: str = ""
    csrf: str = ""
    username: Annotated[str, Meta(max_length=500)] = ""
    password: Annotated[str, Meta(max_length=1000)] = ""
    anyway: str = ""
    code: Annotated[str, Meta(max_length=100)] = ""
    resend: str = ""
    pick: Annotated[str, Meta(max_length=500)] = ""
    ehr: Annotated[str, Meta(max_length=100)] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""
    agree: str = ""
    action: str = ""
    stop: str = ""
