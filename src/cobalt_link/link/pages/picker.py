"""The picker: searching what is known, starting with an EHR, or naming EHR and address by hand."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Picker
from cobalt_link.link.flow.link_sign_in import OTHER_EHR
from cobalt_link.link.pages import refusal
from cobalt_link.link.pages.context import Search
from cobalt_link.link.pages.pane_view import PaneShowing, head_of
from cobalt_link.link.pages.texts import Texts


def picker(showing: PaneShowing, pane: Picker) -> dict[str, Any]:
    by_hand = pane.manual or not showing.errors.keys().isdisjoint({"ehr", "url"})
    return (_manual if by_hand else _search)(showing, pane) | {
        "search": showing.search,
        "head": head_of(showing, "at1"),
    }


def _search(showing: PaneShowing, pane: Picker) -> dict[str, Any]:
    t, search = showing.texts, showing.search
    return {
        "title": t("picker.title"),
        "why": None if search.query else t("picker.why"),
        "found": _found(t, search) if search.query and search.matches else None,
    }


def _found(t: Texts, search: Search) -> Markup:
    shown = len(search.matches)
    if search.total > shown:
        return t("picker.found_more", shown=shown, total=search.total)
    return t.count("picker.found", shown)


def _manual(showing: PaneShowing, pane: Picker) -> dict[str, Any]:
    t, typed = showing.texts, showing.typed
    errors, chosen = showing.errors, typed.get("ehr", pane.ehr or "")
    ehrs = {vendor.value.rpartition(":")[2]: vendor.name for vendor in showing.search.vendors}
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
