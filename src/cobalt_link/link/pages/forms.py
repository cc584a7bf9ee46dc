"""Reads a submitted form as the typed answer to its pane, or reports which fields are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from cobalt_link.connector.panes import (
    Answer,
    Choice,
    ChoiceAnswer,
    Code,
    CodeAnswer,
    Consent,
    ConsentAnswer,
    Credentials,
    CredentialsAnswer,
    Message,
    MessageAnswer,
    Pane,
    Picker,
    Redirect,
    Waiting,
    WaitingAnswer,
)
from cobalt_link.connector.secrets import Secret
from cobalt_link.kit.text import as_code, as_typed

SECRET_FIELDS = frozenset({"password", "code"})

Form: TypeAlias = Mapping[str, str]
Errors: TypeAlias = dict[str, str]


class Picked(msgspec.Struct, frozen=True, kw_only=True):
    """A pick that is not resolved yet: a `row` of the search, or an `ehr` (or `OTHER_EHR`) at a `url`."""

    row: str | None = None
    ehr: str | None = None
    url: str | None = None


class Change(msgspec.Struct, frozen=True):
    """The user wants another practice or EHR."""


class AskFor(msgspec.Struct, frozen=True):
    """The user requests the EHR that could not be connected."""


def read(pane: Pane, form: Form) -> Answer | Picked | Change | AskFor | Errors:
    """The answer to `pane`, or the errors: field → key of the text that says what is wrong."""
    if form.get("action") == "change":
        return Change()
    return _READERS[type(pane)](pane, form)


def typed(form: Form) -> dict[str, str]:
    """Everything that the user typed except secrets, to be shown again."""
    return {name: value for name, value in form.items() if name not in SECRET_FIELDS}


def _picker(pane: Picker, form: Form) -> Picked | Errors:
    if row := form.get("pick"):
        return Picked(row=row)
    ehr, url = form.get("ehr", "").strip(), _address(form.get("url", ""))
    errors: Errors = {} if ehr else {"ehr": "picker.ehr_empty"}
    if not url:
        errors["url"] = "picker.url_empty"
    return errors or Picked(ehr=ehr, url=url)


def _address(text: str) -> str:
    """The web address that somebody typed or copied, as a URL; "" if there is none."""
    # What follows ? or # is the page that the browser showed there.
    place = re.split(r"[?#]", as_typed(text))[0].strip()
    url = re.sub(r"^(https?):?/+", r"\1://", place, flags=re.IGNORECASE)
    return url if "://" in url or not url else f"https://{url}"


def _consent(pane: Consent, form: Form) -> ConsentAnswer | Errors:
    agree = form.get("agree")
    return ConsentAnswer(agree=agree == "yes") if agree in ("yes", "no") else {"agree": "page.choose"}


def _credentials(pane: Credentials, form: Form) -> CredentialsAnswer | Errors:
    # A fixed username does not come from the form, so that nobody can repair the account with another user.
    fixed = pane.username if pane.fixed else None
    username, password = fixed or as_typed(form.get("username", "")), form.get("password", "")
    errors: Errors = {} if username else {"username": "credentials.username_empty"}
    if not password:
        errors["password"] = "credentials.password_empty"  # noqa: S105 a key of the texts
    anyway = form.get("anyway") if form.get("anyway") == warned(pane) else None
    return errors or CredentialsAnswer(username=username, password=Secret(password), anyway=anyway)


def warned(pane: Credentials) -> str | None:
    """The warning on the pane after which the password may be sent all the same."""
    reason = pane.problem.details.get("reason") if pane.problem else None
    return str(reason) if reason in ("last_try", "same_password") else None


def _code(pane: Code, form: Form) -> CodeAnswer | Errors:
    if form.get("resend") and pane.resend:
        return CodeAnswer(resend=True)
    if form.get("action") == "other" and pane.other_way:
        return CodeAnswer(other=True)
    # People copy "123 456" and "123-456"; a code of unknown length may have a dash of its own.
    code = re.sub(r"\s" if pane.length is None else r"[\s\u2010-\u2015\u2212-]", "", as_code(form.get("code", "")))
    if not code:
        return {"code": "code.empty"}
    if pane.length is not None and len(code) != pane.length:
        return {"code": "code.wrong_length"}
    return CodeAnswer(code=Secret(code))


def _choice(pane: Choice, form: Form) -> ChoiceAnswer | Errors:
    pick = form.get("pick", "")
    if any(option.value == pick for option in pane.options):
        return ChoiceAnswer(value=pick)
    if pick == "none" and pane.none_of_these:
        return ChoiceAnswer(value=None)
    return {"pick": "page.choose"}


def _waiting(pane: Waiting, form: Form) -> WaitingAnswer:
    match form.get("action"):
        case "resend" if pane.resend:
            return WaitingAnswer(action="resend")
        case "other" if pane.other_way:
            return WaitingAnswer(action="other")
    return WaitingAnswer(action="check")


def _redirect(pane: Redirect, form: Form) -> Errors:
    # The answer comes with the browser, from the EHR. The pane's other button posts to a path of its own.
    return {"action": "page.choose"}


def _message(pane: Message, form: Form) -> MessageAnswer | AskFor | Errors:
    if form.get("action") == "ask":
        return AskFor()
    again = pane.again and form.get("action") == "again"
    return MessageAnswer(action="again") if again else {"action": "page.choose"}


_READERS: dict[type[Pane], Callable[[Any, Form], Answer | Picked | AskFor | Errors]] = {
    Picker: _picker,
    Consent: _consent,
    Credentials: _credentials,
    Code: _code,
    Choice: _choice,
    Waiting: _waiting,
    Redirect: _redirect,
    Message: _message,
}
