"""The picker: the user searches the known practices, starts from an EHR, or enters an EHR and its address."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Picker
from cobalt_link.directory.engine.index import MOST
from cobalt_link.link.flow.link_sign_in import OTHER_EHR
from cobalt_link.link.pages import refusal
from cobalt_link.link.pages.context import Match, Search
from cobalt_link.link.pages.pane_view import PaneView, head_of
from cobalt_link.link.pages.texts import Texts


def picker(view: PaneView, pane: Picker) -> dict[str, Any]:
    by_hand = pane.manual or not view.errors.keys().isdisjoint({"ehr", "url"})
    return (_manual if by_hand else _search)(view, pane) | {
        "search": view.search,
        "head": head_of(view, "at1"),
    }


def _search(view: PaneView, pane: Picker) -> dict[str, Any]:
    t, search = view.texts, view.search
    return {
        "title": t("picker.title"),
        "why": None if search.query else t("picker.why"),
        "found": _found(t, search) if search.query and search.matches else None,
        "rows": [(match, _state(view, match)) for match in search.matches],
    }


def _state(view: PaneView, match: Match) -> Markup | None:
    """How the EHR of a practice is, before anybody signs in there."""
    if match.worked_at is None:
        return None
    when = view.texts.moment(match.worked_at, view.context.now)
    return view.texts("picker.fails" if match.fails else "picker.worked", when=when)


def _found(t: Texts, search: Search) -> Markup:
    shown = len(search.matches)
    if search.total >= MOST:
        return t("picker.found_many", shown=shown)
    if search.total > shown:
        return t("picker.found_more", shown=shown, total=search.total)
    return t.count("picker.found", shown)


def _manual(view: PaneView, pane: Picker) -> dict[str, Any]:
    t, typed = view.texts, view.typed
    errors, chosen = view.errors, typed.get("ehr", pane.ehr or "")
    ehrs = {vendor.value.rpartition(":")[2]: vendor.name for vendor in view.search.vendors}
    if pane.problem and pane.problem.code == "not_this_address" and not errors:
        named = t.with_names(ehr=ehrs[chosen]) if chosen in ehrs else t
        errors = {"url": refusal.why(named, pane.problem) or refusal.title(t, pane.problem)}
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
