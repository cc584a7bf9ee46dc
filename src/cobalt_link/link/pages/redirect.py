"""The pane of an EHR that signs its users in on its own page: in this window, or in one beside the app's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cobalt_link.connector.panes import Redirect
from cobalt_link.link.pages.hosts import host_markup
from cobalt_link.link.pages.layout import Head
from cobalt_link.link.pages.pane_view import PaneView, head_of


def redirect(view: PaneView, pane: Redirect) -> dict[str, Any]:
    t, context, parts = view.texts, view.context, urlsplit(pane.url)
    step = view.window if view.window in ("away", "blocked") else "go"
    return {
        "head": Head(hero=True, wire="flow at3", knot="window") if step == "away" else head_of(view, "at3"),
        "title": t(f"redirect.{step}_title"),
        "why": t(f"redirect.{step}_why"),
        "step": step,
        "host": host_markup(parts.netloc),
        "change": context.can_change and not context.repairing,
        "label": t({"away": "redirect.again", "blocked": "redirect.open", "go": "redirect.go"}[step]),
    }
