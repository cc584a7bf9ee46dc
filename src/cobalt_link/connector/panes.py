"""What a sign-in can ask a user: a closed union of panes, and the typed answer to each.

A pane says what is asked, never in words (those live in text catalogues) and never with a secret or chart data:
it rests readable while the link session is open.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeAlias, TypeVar, get_args

import msgspec

from cobalt_link.connector.offers import Offering
from cobalt_link.connector.secrets import Secret


class PaneRefusal(msgspec.Struct, frozen=True):
    """Why a pane is asked again: the code and the details of a refusal, which choose and fill its text."""

    code: str
    details: dict[str, str | int] = {}


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a choice. `label` is the EHR's own word (a clinic's name) or, if `known`, a key of the texts."""

    value: str
    label: str
    detail: str | None = None
    known: bool = False


class PickerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen EHR: connector key and base address. `practice` is the practice's name as the app gives it, and
    `listed` as the directory gives it, if known."""

    connector: str
    address: str
    practice: str | None = None
    listed: str | None = None


class ConsentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`agree` is false if the user said no."""

    agree: bool


class CredentialsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed. The password opens only inside a step. `anyway` is the reason of the warning that the user saw
    and sent it all the same."""

    username: str
    password: Secret
    anyway: str | None = None


class CodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A code, or the request for a new one or for another way to prove who it is (then `code` is None)."""

    code: Secret | None = None
    resend: bool = False
    other: bool = False


class ChoiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The value of the chosen row. None is "none of these"."""

    value: str | None


class WaitingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the user did instead of waiting."""

    action: Literal["check", "resend", "other"]


class RedirectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR's authorization server sent the browser back with (RFC 6749 §4.1.2, RFC 9207): a code, or an error.

    `issuer` is None if the server does not name itself. Link has checked the `state` already."""

    code: Secret | None = None
    issuer: str | None = None
    error: str | None = None
    description: str | None = None


class MessageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The user wants to try again."""

    action: Literal["again"]


AnswerT = TypeVar("AnswerT")


class PaneOf(msgspec.Struct, Generic[AnswerT], frozen=True, kw_only=True):
    """A pane that is answered with an AnswerT."""


class Picker(PaneOf[PickerAnswer], frozen=True, kw_only=True, tag_field="kind", tag="picker"):
    """Which practice, or which EHR at which address."""

    name: str = "picker"
    problem: PaneRefusal | None = None
    manual: bool = False
    ehr: str | None = None
    address: str | None = None


class Consent(PaneOf[ConsentAnswer], frozen=True, kw_only=True, tag_field="kind", tag="consent"):
    """May the app use this EHR with the user's account? `offers` is what this server offers, if it said so."""

    name: str = "consent"
    offers: Offering | None = None
    problem: PaneRefusal | None = None


class Credentials(PaneOf[CredentialsAnswer], frozen=True, kw_only=True, tag_field="kind", tag="credentials"):
    """Username and password. `username` fills the field in; `fixed` locks it while an account is being repaired."""

    name: str = "credentials"
    username: str | None = None
    fixed: bool = False
    problem: PaneRefusal | None = None


class Code(PaneOf[CodeAnswer], frozen=True, kw_only=True, tag_field="kind", tag="code"):
    """A one-time code. `sent_to` is masked by the EHR already ("34", "m•••@riverside.example"). `length` in digits.

    `resend` offers a new code, from `resend_at` on. `resent` says that one was just sent. `other_way` offers another
    way.
    """

    name: str = "code"
    way: Literal["text", "email", "app"] | None = None
    sent_to: str | None = None
    length: int | None = None
    expires_at: datetime | None = None
    resend: bool = False
    resend_at: datetime | None = None
    resent: bool = False
    other_way: bool = False
    problem: PaneRefusal | None = None


class Choice(PaneOf[ChoiceAnswer], frozen=True, kw_only=True, tag_field="kind", tag="choice"):
    """One of several: a clinic, a database, a way to get the code. `name` chooses the texts (`choice.<name>.title`).

    A remembered choice is offered again when the account is renewed or repaired.
    """

    name: str
    options: tuple[Option, ...]
    none_of_these: bool = True
    remember: bool = False
    problem: PaneRefusal | None = None


class Waiting(PaneOf[WaitingAnswer], frozen=True, kw_only=True, tag_field="kind", tag="waiting"):
    """The user approves elsewhere, such as on a phone. `number` is what they match there."""

    name: str = "approval"
    number: str | None = None
    sent_to: str | None = None
    expires_at: datetime | None = None
    resend: bool = False
    other_way: bool = False
    problem: PaneRefusal | None = None


class Redirect(PaneOf[RedirectAnswer], frozen=True, kw_only=True, tag_field="kind", tag="redirect"):
    """The user signs in on the EHR's own page. `url` is the authorization request without its `state`: Link makes one
    for each time that a browser goes there. `registration` names the app registration, whose callback address the
    browser comes back to."""

    name: str = "redirect"
    url: str
    registration: str
    problem: PaneRefusal | None = None


class Message(PaneOf[MessageAnswer], frozen=True, kw_only=True, tag_field="kind", tag="message"):
    """A refusal that cannot be fixed on the pane where it happened. `again` offers to try again."""

    code: str
    name: str = "message"
    details: dict[str, str | int] = {}
    again: bool = True
    problem: PaneRefusal | None = None


Pane: TypeAlias = Picker | Consent | Credentials | Code | Choice | Waiting | Redirect | Message


Answer: TypeAlias = (
    PickerAnswer
    | ConsentAnswer
    | CredentialsAnswer
    | CodeAnswer
    | ChoiceAnswer
    | WaitingAnswer
    | RedirectAnswer
    | MessageAnswer
)


def answer_type(pane: type[Pane]) -> type[Answer]:
    """What a pane is answered with."""
    return get_args(vars(pane)["__orig_bases__"][0])[0]


def kept_for_renewal(pane: Pane) -> bool:
    """Whether the answer may be used again later without the user. A code never is."""
    return isinstance(pane, Credentials) or (isinstance(pane, Choice) and pane.remember)
