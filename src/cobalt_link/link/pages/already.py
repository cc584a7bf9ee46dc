"""The page that asks whether to keep a working connection or to make a second one beside it."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector.panes import Choice
from cobalt_link.link.flow import already
from cobalt_link.link.pages import consent
from cobalt_link.link.pages.layout import Head
from cobalt_link.link.pages.pane_view import PaneView
from cobalt_link.link.pages.texts import isolated


def variables(view: PaneView, pane: Choice) -> dict[str, Any]:
    t, context = view.texts, view.context
    since = t.day(context.since, context.now.date()) if context.since else None
    used = t.moment(context.last_used, context.now) if context.last_used else t("page.never_used")
    practice = isolated(context.practice) if context.practice else consent.practice_claim(context, t)
    facts = [(t("fact.practice"), practice)] if practice else []
    return {
        "template": "already",
        "head": Head(hero=True, wire="at5", knot="check", tone="on", joined=True),
        "title": t("already.title"),
        "why": t("already.why", since=since) if since else t("already.why_plain"),
        "facts": [*facts, (t("fact.last_used"), used)],
        "options": [
            (option.value, t("already.another" if option.value == already.ANOTHER else "already.keep"))
            for option in pane.options
        ],
    }
