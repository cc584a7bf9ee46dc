"""What each pane's template is given: which words, which field has the focus, what was kept of an earlier try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Choice, Code, Consent, Credentials, Message, Pane, PaneRefusal, Picker, Waiting
from cobalt_link.link.flow import already
from cobalt_link.link.pages import already as already_page
from cobalt_link.link.pages import refusal
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import host_markup, same_site, web_url
from cobalt_link.link.pages.layout import Notice
from cobalt_link.link.pages.pane_view import PaneShowing, head_of
from cobalt_link.link.pages.picker import picker
from cobalt_link.link.pages.second_step import choice, code, sent, waiting
from cobalt_link.link.pages.texts import Texts
from cobalt_link.signin.replay import CONFIRM


def given(showing: PaneShowing, pane: Pane) -> dict[str, Any]:
    """The template's name, header, title and everything else that it asks for."""
    view = _OWN_VIEWS.get((type(pane), pane.name)) or _VIEWS[type(pane)]
    return {"template": type(pane).__struct_config__.tag} | view(showing, pane)


def _consent(showing: PaneShowing, pane: Consent) -> dict[str, Any]:
    t = showing.texts
    facts = [
        *allowed(showing.context, t),
        *((t(f"fact.{name}"), t(f"consent.{name}")) for name in ("cannot", "until", "undo")),
    ]
    return {"head": head_of(showing, "at2"), "title": t("consent.title"), "why": t("consent.why"), "facts": facts}


def allowed(context: PageContext, t: Texts) -> list[tuple[Markup, Markup]]:
    """What the app may see and do, as facts. Raises KeyError where the connector has no words for it."""
    lists = {"sees": context.sees, "does": context.does}
    return [
        (t(f"fact.{verb}"), Markup("<br>").join(t(f"consent.{verb}.{key}") for key in keys))
        for verb, keys in lists.items()
        if keys
    ]


def _reconnect(showing: PaneShowing, pane: Consent) -> dict[str, Any]:
    t = showing.texts
    return {
        "template": "reconnect",
        "head": head_of(showing, ""),
        "title": t("reconnect.title"),
        "why": t("reconnect.reaches"),
        "promise": _promise(showing.context, t),
    }


def _credentials(showing: PaneShowing, pane: Credentials) -> dict[str, Any]:
    t, context, errors = showing.texts, showing.context, showing.errors
    username = pane.username or "" if pane.fixed else showing.typed.get("username", pane.username or "")
    refusal = "why" if pane.problem and pane.problem.code == "wrong_credentials" else ""
    return {
        "head": head_of(showing, "at3"),
        "title": t("reconnect.title" if context.repairing else "credentials.title"),
        "why": _sign_in_why(showing, pane),
        "host": host_markup(context.host) if context.host else None,
        "change": context.can_change and not context.repairing and not pane.fixed,
        "username": username,
        "fixed": pane.fixed,
        "refused": bool(refusal),
        "described": {
            "username": " ".join(
                filter(None, ("ue" if "username" in errors else "", refusal, "uh" if pane.fixed else ""))
            ),
            "password": " ".join(filter(None, ("pe" if "password" in errors else "", refusal))),
        },
        "focus": next(iter(errors), "password" if username else "username"),
        "promise": _promise(context, t),
        "reset": _reset(showing, pane.problem) if pane.problem and refusal else None,
    }


def _reset(showing: PaneShowing, problem: PaneRefusal) -> str | None:
    """Where a forgotten password is reset: only at the very EHR whose name stands on the link."""
    url = web_url(problem.details.get("url"))
    return url if same_site(url, showing.context.host) else None


def _sign_in_why(showing: PaneShowing, pane: Credentials) -> Markup | None:
    t, context = showing.texts, showing.context
    if pane.problem:
        return None
    if context.repairing:
        return t("reconnect.why")
    return t("credentials.why" if context.practice else "credentials.why_plain")


def _promise(context: PageContext, t: Texts) -> Markup:
    if context.repairing and context.since:
        return t("reconnect.promise", since=t.day(context.since, context.now.date()))
    key = "credentials.kept" if context.keeps_password else "credentials.not_kept"
    # "Run by Acme … Acme never receives it" would be a riddle: then it is the app that never does.
    return t(f"{key}_same" if context.operator.casefold() == context.app_name.casefold() else key)


def _message(showing: PaneShowing, pane: Message) -> dict[str, Any]:
    t, problem = showing.texts, PaneRefusal(pane.code, pane.details)
    return {
        "head": refusal.head(pane.code),
        "title": refusal.title(t, problem),
        "why": refusal.why(t, problem),
        "facts": refusal.facts(t, showing.context, pane),
        "acts": refusal.acts(t, showing.context, pane),
    }


_VIEWS: dict[type[Pane], Callable[[PaneShowing, Any], dict[str, Any]]] = {
    Picker: picker,
    Consent: _consent,
    Credentials: _credentials,
    Code: code,
    Choice: choice,
    Waiting: waiting,
    Message: _message,
}

# Panes of Link's own, by the name that they have beside their kind.
_OWN_VIEWS: dict[tuple[type[Pane], str], Callable[[PaneShowing, Any], dict[str, Any]]] = {
    (Choice, already.NAME): already_page.view,
    (Consent, CONFIRM): _reconnect,
}

WARNED = 120  # seconds before the end
FIELDS = frozenset({"ehr", "url", "username", "password", "code"})


def notice(showing: PaneShowing, pane: Pane, shown: dict[str, Any], *, stale: bool, stayed: bool) -> Notice | None:
    """The one notice above the form, if there is anything to say that no field says."""
    t = showing.texts
    if loose := [text for field, text in showing.errors.items() if field not in FIELDS]:
        return Notice(tone="bad", icon="alert", text=loose[0])
    if pane.problem and not shown.get("errors"):
        return refusal.notice(t, pane.problem)
    if showing.context.has_asked:
        return Notice(icon="check", title=t("refusal.unsupported.asked"), text=t("refusal.unsupported.asked_why"))
    if stayed:
        return Notice(icon="clock", text=stays(showing.context, t))
    if stale:
        return Notice(icon="info", title=t("page.stale"), text=t("page.stale_why"))
    if isinstance(pane, Code) and pane.resent and not shown.get("errors"):
        return Notice(icon="text", text=sent(t, pane, "code.resent"))
    left = seconds_left(showing.context)
    return closing(showing.context, t, left) if left <= WARNED else None


def seconds_left(context: PageContext) -> float:
    return max((context.expires_at - context.now).total_seconds(), 1)


def closing(context: PageContext, t: Texts, seconds: float) -> Notice:
    """The page closes in so many seconds, unless it is kept open."""
    said = stays(context, t) if context.can_stay else None
    return Notice(tone="warn", icon="clock", text=t("page.closing", span=t.span(seconds)), stays=said)


def stays(context: PageContext, t: Texts) -> Markup:
    """For how long a page stays open that is kept open, or has just been."""
    whole = context.expires_at - (context.started if context.can_stay else context.now)
    return t("page.stays", span=t.span(whole.total_seconds()))
