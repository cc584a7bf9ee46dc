"""The variables of each pane's template: its texts, the field with the focus, and what is kept of an earlier try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from markupsafe import Markup

from cobalt_link.connector.panes import (
    Choice,
    Code,
    Consent,
    Credentials,
    Message,
    Pane,
    PaneRefusal,
    Picker,
    Redirect,
    Waiting,
)
from cobalt_link.link.flow import already
from cobalt_link.link.pages import already as already_page
from cobalt_link.link.pages import consent, forms, refusal
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import host_markup, same_site, web_url
from cobalt_link.link.pages.layout import Notice
from cobalt_link.link.pages.pane_view import PaneView, head_of
from cobalt_link.link.pages.picker import picker
from cobalt_link.link.pages.redirect import redirect
from cobalt_link.link.pages.refusal import is_warning
from cobalt_link.link.pages.second_step import choice, code, sent, waiting
from cobalt_link.link.pages.texts import Texts
from cobalt_link.signin.replay import CONFIRM


def given(view: PaneView, pane: Pane) -> dict[str, Any]:
    """The template's name, its header and title, and its other variables."""
    variables = _BY_NAME.get((type(pane), pane.name)) or _BY_KIND[type(pane)]
    return {"template": type(pane).__struct_config__.tag} | variables(view, pane)


def _reconnect(view: PaneView, pane: Consent) -> dict[str, Any]:
    t = view.texts
    return {
        "template": "reconnect",
        "head": head_of(view, ""),
        "title": t("reconnect.title"),
        "why": t("reconnect.reaches"),
        "promise": _promise(view.context, t),
    }


def _credentials(view: PaneView, pane: Credentials) -> dict[str, Any]:
    t, context, errors = view.texts, view.context, view.errors
    username = pane.username or "" if pane.fixed else view.typed.get("username", pane.username or "")
    refusal = "why" if pane.problem and pane.problem.code == "wrong_credentials" else ""
    return {
        "head": head_of(view, "at3"),
        "title": t("reconnect.title" if context.repairing else "credentials.title"),
        "why": _sign_in_why(view, pane),
        "host": host_markup(context.host) if context.host else None,
        "claim": consent.practice_claim(context, t),
        "addressee": consent.addressee_claim(context, t) if context.repairing else None,
        "change": context.can_change and not context.repairing and not pane.fixed,
        "username": username,
        "fixed": pane.fixed,
        "refused": bool(refusal) and not is_warning(pane.problem),
        "described": {
            "username": " ".join(
                filter(None, ("ue" if "username" in errors else "", refusal, "uh" if pane.fixed else ""))
            ),
            "password": " ".join(filter(None, ("pe" if "password" in errors else "", refusal))),
        },
        "focus": next(iter(errors), "password" if username else "username"),
        "warned": forms.warned(pane),
        "promise": _promise(context, t),
        "reset": _reset(view, pane.problem) if pane.problem and refusal else None,
    }


def _reset(view: PaneView, problem: PaneRefusal) -> str | None:
    """The URL to reset a forgotten password, only if it is on the site of the EHR that the page shows."""
    url = web_url(problem.details.get("url"))
    return url if same_site(url, view.context.host) else None


def _sign_in_why(view: PaneView, pane: Credentials) -> Markup | None:
    t, context = view.texts, view.context
    if pane.problem:
        return None
    if context.repairing:
        return t("reconnect.why")
    return t("credentials.why" if context.practice else "credentials.why_plain")


def _promise(context: PageContext, t: Texts) -> Markup:
    if context.repairing and context.since:
        return t("reconnect.promise", since=t.day(context.since, context.now.date()))
    key = "credentials.kept" if context.keeps_password else "credentials.not_kept"
    # "Run by Acme … Acme never receives it" would contradict itself. The `_same` texts say that the app never does.
    return t(f"{key}_same" if context.operator.casefold() == context.app_name.casefold() else key)


def _message(view: PaneView, pane: Message) -> dict[str, Any]:
    t, problem = view.texts, refusal.aged(PaneRefusal(pane.code, pane.details), view.context)
    pane = msgspec.structs.replace(pane, details=problem.details)
    return {
        "head": refusal.head(pane.code),
        "title": refusal.title(t, problem),
        "why": refusal.why(t, problem),
        "facts": refusal.facts(t, view.context, pane),
        "acts": refusal.acts(t, view.context, pane),
    }


_BY_KIND: dict[type[Pane], Callable[[PaneView, Any], dict[str, Any]]] = {
    Picker: picker,
    Consent: consent.variables,
    Credentials: _credentials,
    Code: code,
    Choice: choice,
    Waiting: waiting,
    Redirect: redirect,
    Message: _message,
}

# Panes that Link itself asks, by kind and name.
_BY_NAME: dict[tuple[type[Pane], str], Callable[[PaneView, Any], dict[str, Any]]] = {
    (Choice, already.NAME): already_page.variables,
    (Consent, CONFIRM): _reconnect,
}

WARNED = 120  # seconds before the page closes
FIELDS = frozenset({"ehr", "url", "username", "password", "code"})


def notice(view: PaneView, pane: Pane, shown: dict[str, Any], *, stale: bool, stayed: bool) -> Notice | None:
    """The one notice above the form, if there is something to say that belongs to no field."""
    t = view.texts
    if loose := [text for field, text in view.errors.items() if field not in FIELDS]:
        return Notice(tone="bad", icon="alert", text=loose[0])
    problem = refusal.aged(pane.problem, view.context) if pane.problem else None
    if problem and not shown.get("errors") and problem.details.get("left") != 0:
        return refusal.notice(t, problem)
    if view.context.fails:
        return Notice(tone="warn", icon="alert", text=t("page.fails"))
    if view.context.has_asked:
        return Notice(icon="check", title=t("refusal.unsupported.asked"), text=t("refusal.unsupported.asked_why"))
    if stayed:
        return Notice(icon="clock", text=stays(view.context, t))
    if stale:
        return Notice(icon="info", title=t("page.stale"), text=t("page.stale_why"))
    if isinstance(pane, Code) and pane.resent and not shown.get("errors"):
        return Notice(icon="text", text=sent(t, pane, "code.resent"))
    left = seconds_left(view.context)
    return closing(view.context, t, left) if left <= WARNED else None


def seconds_left(context: PageContext) -> float:
    return max((context.expires_at - context.now).total_seconds(), 1)


def closing(context: PageContext, t: Texts, seconds: float) -> Notice:
    """The notice that the page closes in so many seconds unless the user extends the session."""
    said = stays(context, t) if context.can_stay else None
    return Notice(tone="warn", icon="clock", text=t("page.closing", span=t.left(seconds)), stays=said)


def stays(context: PageContext, t: Texts) -> Markup:
    """The text that says how long an extended session stays open."""
    whole = context.expires_at - (context.started if context.can_stay else context.now)
    return t("page.stays", span=t.left(whole.total_seconds()))
