"""The query parameters and form fields that browsers send to the pages."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.link.flow.opening import NotOpenedReason
from cobalt_link.link.pages.context import EhrWindow


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
    `declined` after "Don't allow". `window` is about the EHR's sign-in page in another window: `away`, `blocked`, or
    empty for the pane as it was before."""

    q: Annotated[str, Meta(max_length=200)] = ""
    manual: str = ""
    ehr: str = ""
    stale: str = ""
    ended: str = ""
    stayed: str = ""
    declined: str = ""
    window: EhrWindow = ""
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


class RedirectForm(msgspec.Struct, frozen=True):
    """`framed`: the page that is left is in a frame, and stays. Its script adds the session's `secret`, which the new
    window has in no cookie."""

    pane: str = ""
    csrf: str = ""
    framed: str = ""
    secret: Annotated[str, Meta(max_length=200)] = ""


class CallbackQuery(msgspec.Struct, frozen=True):
    """What an authorization server adds to the callback address (RFC 6749 §4.1.2, RFC 9207)."""

    state: Annotated[str, Meta(max_length=500)] = ""
    code: Annotated[str, Meta(max_length=8000)] = ""
    iss: Annotated[str, Meta(max_length=2000)] = ""
    error: Annotated[str, Meta(max_length=200)] = ""
    error_description: Annotated[str, Meta(max_length=4000)] = ""

    @property
    def answer(self) -> RedirectAnswer:
        """An answer with neither is an error too (RFC 6749 §4.1.2)."""
        error = self.error or (None if self.code else "invalid_response")
        return RedirectAnswer(
            code=Secret(self.code) if self.code and not error else None,
            issuer=self.iss or None,
            error=error,
            description=self.error_description or None,
        )
