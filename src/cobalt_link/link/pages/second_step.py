"""The panes that may follow a password: a choice, a code, or an approval on the phone."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Choice, Code, Option, Waiting
from cobalt_link.link.pages import refusal
from cobalt_link.link.pages.hosts import host_markup
from cobalt_link.link.pages.layout import Act, Head, Later
from cobalt_link.link.pages.pane_view import PaneView, head_of
from cobalt_link.link.pages.texts import Texts, bare, clean, isolated

_WAY_ICONS = {"text": "text", "sms": "text", "email": "mail", "app": "app", "push": "phone", "call": "phone"}
_FIELD_PROBLEMS = ("wrong_code", "code_expired")


def code(view: PaneView, pane: Code) -> dict[str, Any]:
    t, errors = view.texts, dict(view.errors)
    problem = pane.problem if pane.problem and pane.problem.code in _FIELD_PROBLEMS else None
    if problem and not errors:
        errors["code"] = refusal.in_a_sentence(t, problem)
    ended = problem is not None and problem.code == "code_expired"
    left = None if ended else _code_left(view, pane)
    return {
        "head": head_of(view, "at4"),
        "title": t("code.title"),
        "why": None if pane.resent else sent(t, pane, "code.sent"),
        "label": t("code.label", length=pane.length) if pane.length else t("code.label_plain"),
        "box": f"code n{pane.length}" if pane.length in range(4, 9) else "in",
        "left": left,
        "ended": ended and pane.resend,
        "resend": _resend(view, pane) if pane.resend else None,
        "host": host_markup(view.context.host) if view.context.host else None,
        "errors": errors,
        "described": " ".join(filter(None, ("ce" if errors else "", "ch" if left else ""))),
    }


def sent(t: Texts, pane: Code, key: str) -> Markup:
    way = pane.way or "other"
    ending = pane.sent_to if pane.sent_to and pane.sent_to.isdigit() else None
    return t.best(f"{key}.{way}_ending", f"{key}.{way}_to", f"{key}.{way}", ending=ending, to=pane.sent_to) or t(key)


def _code_left(view: PaneView, pane: Code) -> Markup | None:
    if pane.expires_at is None:
        return None
    seconds = (pane.expires_at - view.context.now).total_seconds()
    return view.texts("code.left", span=view.texts.left(seconds)) if seconds > 0 else None


def _resend(view: PaneView, pane: Code) -> Act:
    t, now = view.texts, view.context.now
    seconds = (pane.resend_at - now).total_seconds() if pane.resend_at else 0
    later = Later.of(t, "code.resend_later", seconds, t("code.resend_wait", wait=t.span(seconds)))
    return Act(label=t("code.resend"), name="resend", value="1", later=later)


def choice(view: PaneView, pane: Choice) -> dict[str, Any]:
    t, count = view.texts, len(pane.options)
    texts = {
        part: t.best(f"choice.{pane.name}.{part}", f"choice.any.{part}", count=count)
        for part in ("title", "why", "list", "none")
    }
    return {
        "head": head_of(view, "at4"),
        "title": texts["title"],
        "why": texts["why"],
        "list": bare(texts["list"] or Markup()),
        "no_row": texts["none"] if pane.none_of_these else None,
        "options": [_option(t, pane.name, option) for option in pane.options],
    }


def _option(t: Texts, name: str, option: Option) -> dict[str, Any]:
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
    """Up to two initials of a name, or a bullet if it has none."""
    initials = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(initials[:2]).upper() or "•"


def waiting(view: PaneView, pane: Waiting) -> dict[str, Any]:
    t = view.texts
    number = Markup('<b class="num" dir="ltr">{}</b>').format(clean(pane.number)) if pane.number else None
    seconds = (pane.expires_at - view.context.now).total_seconds() if pane.expires_at else 0
    keys = ("waiting.why_both", "waiting.why_number", "waiting.why_ending", "waiting.why")
    ending = pane.sent_to if pane.sent_to and pane.sent_to.isdigit() else None
    return {
        "head": Head(hero=True, wire="flow at4", knot=pane.number or "phone", tone="num" if pane.number else ""),
        "title": t("waiting.title"),
        "why": t.best(*keys, number=number, ending=ending),
        "over": _is_over(pane),
        "step": t("waiting.step"),
        "left": t("waiting.left", span=t.left(seconds)) if seconds > 0 else None,
        "seconds": round(max(seconds, 0)),
        "acts": _waiting_acts(t, pane),
    }


def _is_over(pane: Waiting) -> bool:
    """Whether the request was denied or expired. The user cannot approve anything until another one is sent."""
    return pane.problem is not None and pane.resend


def _waiting_acts(t: Texts, pane: Waiting) -> list[Act]:
    possible = {"check": True, "resend": pane.resend, "other": pane.other_way}
    names = [name for name, is_possible in possible.items() if is_possible]
    if _is_over(pane):
        names.remove("check")
    return [Act(label=t(f"waiting.{name}"), value=name) for name in names]
