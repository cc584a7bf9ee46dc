"""What each pane's template is given: which words, which field has the focus, what was kept of an earlier try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from markupsafe import Markup

from cobalt_link.ehr.panes import (
    Choice,
    Choosable,
    Code,
    Consent,
    Credentials,
    Message,
    Pane,
    Picker,
    Problem,
    Waiting,
)
from cobalt_link.link import refused
from cobalt_link.link.drawing import Act, Head, Notice
from cobalt_link.link.forms import OTHER_EHR
from cobalt_link.link.hosts import drawn
from cobalt_link.link.scene import Scene, Search
from cobalt_link.link.words import Words, bare, clean, isolated

_WAY_ICONS = {"text": "text", "sms": "text", "email": "mail", "app": "app", "push": "phone", "call": "phone"}
_FIELD_PROBLEMS = ("wrong_code", "code_expired")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One showing of a pane. `errors` are sentences by field; `typed` is what may be shown again."""

    scene: Scene
    words: Words
    search: Search
    errors: dict[str, Markup]
    typed: Mapping[str, str]


def given(asked: Asked, pane: Pane) -> dict[str, Any]:
    """The template's name, header, title and everything else that it asks for."""
    return {"template": type(pane).__struct_config__.tag} | _VIEWS[type(pane)](asked, pane)


def _head(asked: Asked, wire: str) -> Head:
    return Head(wire="mend" if asked.scene.repairing else wire)


def _picker(asked: Asked, pane: Picker) -> dict[str, Any]:
    by_hand = pane.manual or not asked.errors.keys().isdisjoint({"ehr", "url"})
    return (_manual if by_hand else _search)(asked, pane) | {"search": asked.search, "head": _head(asked, "at1")}


def _search(asked: Asked, pane: Picker) -> dict[str, Any]:
    t, search = asked.words, asked.search
    return {
        "title": t("picker.title"),
        "why": None if search.query else t("picker.why"),
        "found": _found(t, search) if search.query and search.matches else None,
    }


def _found(t: Words, search: Search) -> Markup:
    shown = len(search.matches)
    if search.total > shown:
        return t("picker.found_more", shown=shown, total=search.total)
    return t.count("picker.found", shown)


def _manual(asked: Asked, pane: Picker) -> dict[str, Any]:
    t, typed = asked.words, asked.typed
    errors, chosen = asked.errors, typed.get("ehr", pane.ehr or "")
    ehrs = {vendor.value.rpartition(":")[2]: vendor.name for vendor in asked.search.vendors}
    if pane.problem and pane.problem.code == "not_this_address" and not errors:
        named = t.knowing(ehr=ehrs[chosen]) if chosen in ehrs else t
        errors = {"url": refused.why(named, pane.problem) or refused.title(t, pane.problem)}
    return {
        "template": "manual",
        "title": t("picker.manual_title"),
        "why": t("picker.manual_why"),
        "errors": errors,
        "ehrs": ehrs.items(),
        "chosen": chosen,
        "url": typed.get("url", pane.address or ""),
        "focus": next(iter(errors), "url" if chosen else "ehr"),
        "other_ehr": OTHER_EHR,
    }


def _consent(asked: Asked, pane: Consent) -> dict[str, Any]:
    t = asked.words
    facts = [
        *allowed(asked.scene, t),
        *((t(f"fact.{name}"), t(f"consent.{name}")) for name in ("cannot", "until", "undo")),
    ]
    return {"head": _head(asked, "at2"), "title": t("consent.title"), "why": t("consent.why"), "facts": facts}


def allowed(scene: Scene, t: Words) -> list[tuple[Markup, Markup]]:
    """What the app may see and do, as facts. Raises KeyError where the connector has no words for it."""
    lists = {"sees": scene.sees, "does": scene.does}
    return [
        (t(f"fact.{verb}"), Markup("<br>").join(t(f"consent.{verb}.{key}") for key in keys))
        for verb, keys in lists.items()
        if keys
    ]


def _credentials(asked: Asked, pane: Credentials) -> dict[str, Any]:
    t, scene, errors = asked.words, asked.scene, asked.errors
    username = pane.username or "" if pane.fixed else asked.typed.get("username", pane.username or "")
    refusal = "why" if pane.problem and pane.problem.code == "wrong_credentials" else ""
    return {
        "head": _head(asked, "at3"),
        "title": t("reconnect.title" if scene.repairing else "credentials.title"),
        "why": _sign_in_why(asked, pane),
        "host": drawn(scene.host) if scene.host else None,
        "change": scene.can_change and not scene.repairing and not pane.fixed,
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
        "promise": _promise(scene, t),
    }


def _sign_in_why(asked: Asked, pane: Credentials) -> Markup | None:
    t, scene = asked.words, asked.scene
    if pane.problem:
        return None
    if scene.repairing:
        return t("reconnect.why")
    return t("credentials.why" if scene.practice else "credentials.why_plain")


def _promise(scene: Scene, t: Words) -> Markup:
    if scene.repairing and scene.since:
        return t("reconnect.promise", since=t.day(scene.since, scene.now.date()))
    key = "credentials.kept" if scene.keeps_password else "credentials.not_kept"
    # "Run by Acme … Acme never receives it" would be a riddle: then it is the app that never does.
    return t(f"{key}_same" if scene.operator.casefold() == scene.app_name.casefold() else key)


def _code(asked: Asked, pane: Code) -> dict[str, Any]:
    t, errors = asked.words, dict(asked.errors)
    problem = pane.problem if pane.problem and pane.problem.code in _FIELD_PROBLEMS else None
    if problem and not errors:
        errors["code"] = refused.in_a_sentence(t, problem)
    ended = problem is not None and problem.code == "code_expired"
    left = None if ended else _code_left(asked, pane)
    return {
        "head": _head(asked, "at4"),
        "title": t("code.title"),
        "why": None if pane.resent else _sent(t, pane, "code.sent"),
        "label": t("code.label", length=pane.length) if pane.length else t("code.label_plain"),
        "box": f"code n{pane.length}" if pane.length in range(4, 9) else "in",
        "left": left,
        "ended": ended and pane.resend,
        "errors": errors,
        "described": " ".join(filter(None, ("ce" if errors else "", "ch" if left else ""))),
    }


def _sent(t: Words, pane: Code, key: str) -> Markup:
    way = pane.way or "other"
    ending = pane.sent_to if pane.sent_to and pane.sent_to.isdigit() else None
    return t.best(f"{key}.{way}_ending", f"{key}.{way}_to", f"{key}.{way}", ending=ending, to=pane.sent_to) or t(key)


def _code_left(asked: Asked, pane: Code) -> Markup | None:
    if pane.expires_at is None:
        return None
    seconds = (pane.expires_at - asked.scene.now).total_seconds()
    return asked.words("code.left", span=asked.words.span(seconds)) if seconds > 0 else None


def _choice(asked: Asked, pane: Choice) -> dict[str, Any]:
    t, count = asked.words, len(pane.options)
    words = {
        part: t.best(f"choice.{pane.name}.{part}", f"choice.any.{part}", count=count)
        for part in ("title", "why", "list", "none")
    }
    return {
        "head": _head(asked, "at4"),
        "title": words["title"],
        "why": words["why"],
        "list": bare(words["list"] or Markup()),
        "no_row": words["none"] if pane.none_of_these else None,
        "options": [_option(t, pane.name, option) for option in pane.options],
    }


def _option(t: Words, name: str, option: Choosable) -> dict[str, Any]:
    key = option.label if t.best(option.label) else f"choice.{name}.{option.label}"
    known = t.best(key) if option.known else None
    ending = option.detail if option.detail and option.detail.isdigit() else None
    detail = t.best(f"{key}_ending", f"{key}_detail", ending=ending) if known else None
    return {
        "value": option.value,
        "name": known or isolated(option.label),
        "detail": detail or (isolated(option.detail) if option.detail else None),
        "icon": _WAY_ICONS.get(option.label.rpartition(".")[2], "") if known else "",
        "mark": monogram(bare(known) if known else option.label),
    }


def monogram(name: str) -> str:
    """Up to two letters that stand for a name."""
    initials = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(initials[:2]).upper() or "•"


def _waiting(asked: Asked, pane: Waiting) -> dict[str, Any]:
    t = asked.words
    number = Markup('<b class="num" dir="ltr">{}</b>').format(clean(pane.number)) if pane.number else None
    seconds = (pane.expires_at - asked.scene.now).total_seconds() if pane.expires_at else 0
    keys = ("waiting.why_both", "waiting.why_number", "waiting.why_ending", "waiting.why")
    ending = pane.sent_to if pane.sent_to and pane.sent_to.isdigit() else None
    return {
        "head": Head(hero=True, wire="flow at4", knot=pane.number or "phone", tone="num" if pane.number else ""),
        "title": t("waiting.title"),
        "why": t.best(*keys, number=number, ending=ending),
        "step": t("waiting.step"),
        "left": t("waiting.left", span=t.span(seconds)) if seconds > 0 else None,
        "seconds": round(max(seconds, 0)),
        "acts": _waiting_acts(t, pane),
    }


def _waiting_acts(t: Words, pane: Waiting) -> list[Act]:
    possible = {"check": True, "resend": pane.resend, "other": pane.other_way}
    names = [name for name, is_possible in possible.items() if is_possible]
    if pane.problem and pane.resend:
        names.remove("check")  # that request is over: there is nothing left to approve
    return [Act(label=t(f"waiting.{name}"), value=name) for name in names]


def _message(asked: Asked, pane: Message) -> dict[str, Any]:
    t, problem = asked.words, Problem(pane.code, pane.details)
    return {
        "head": refused.head(pane.code),
        "title": refused.title(t, problem),
        "why": refused.why(t, problem),
        "facts": refused.facts(t, asked.scene, pane),
        "acts": refused.acts(t, asked.scene, pane),
    }


_VIEWS: dict[type[Pane], Callable[[Asked, Any], dict[str, Any]]] = {
    Picker: _picker,
    Consent: _consent,
    Credentials: _credentials,
    Code: _code,
    Choice: _choice,
    Waiting: _waiting,
    Message: _message,
}

FIELDS = frozenset({"ehr", "url", "username", "password", "code"})


def notice(asked: Asked, pane: Pane, shown: dict[str, Any], *, stale: bool) -> Notice | None:
    """The one notice above the form, if there is anything to say that no field says."""
    t = asked.words
    if loose := [text for field, text in asked.errors.items() if field not in FIELDS]:
        return Notice(tone="bad", icon="alert", text=loose[0])
    if pane.problem and not shown.get("errors"):
        return refused.notice(t, pane.problem)
    if stale:
        return Notice(icon="info", title=t("page.stale"), text=t("page.stale_why"))
    if isinstance(pane, Code) and pane.resent and not shown.get("errors"):
        return Notice(icon="text", text=_sent(t, pane, "code.resent"))
    return _closing(asked)


def _closing(asked: Asked) -> Notice | None:
    left = (asked.scene.expires_at - asked.scene.now).total_seconds()
    if left > 120:
        return None
    return Notice(tone="warn", icon="clock", text=asked.words("page.closing", span=asked.words.span(max(left, 1))))
