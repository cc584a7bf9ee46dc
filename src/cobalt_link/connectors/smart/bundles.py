"""Pages of a search as servers send them: outcomes among the records, records without a mode, included ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cobalt_link.connector import NotUnderstood
from cobalt_link.connectors.smart.outcomes import CAPPED, Issue, error_in, issues_of
from cobalt_link.connectors.smart.references import local
from cobalt_link.connectors.smart.values import Resource, every, text, whole


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`matches` are the records that were asked for, `included` others by type and id. `losses` say in sentences what
    is missing. `total` counts the records of all pages, if the server says it. `next` is as it was sent."""

    matches: list[Resource] = []
    included: dict[tuple[str, str], Resource] = {}
    losses: list[str] = []
    total: int | None = None
    next: str | None = None

    def with_(self, other: Page) -> Page:
        return Page(
            matches=[*self.matches, *other.matches],
            included={**self.included, **other.included},
            losses=list(dict.fromkeys((*self.losses, *other.losses))),
            total=other.total if self.total is None else self.total,
        )


def page_of(bundle: Resource, kind: str, base: str) -> Page:
    """A page of a search for a type. Raises NotUnderstood for what is no bundle, and what an error in it means."""
    if bundle.get("resourceType") == "OperationOutcome":
        issues = issues_of(bundle)
        if error := error_in(issues):
            raise error
        return Page(losses=_losses(issues))
    if bundle.get("resourceType") != "Bundle":
        raise NotUnderstood("no bundle")
    page = Page(matches=[], included={}, losses=[], total=whole(bundle, "total"), next=_next(bundle))
    issues: tuple[Issue, ...] = ()
    for entry in every(bundle, "entry"):
        found = issues_of(entry.get("resource")) if isinstance(entry, Mapping) else ()
        issues += found
        if not found and isinstance(entry, Mapping):
            _sort(page, entry, kind, base)
    if not page.matches and (error := error_in(issues)):
        raise error
    page.losses.extend(_losses(issues))
    return page


def _sort(page: Page, entry: Mapping[str, Any], kind: str, base: str) -> None:
    resource = entry.get("resource")
    if not isinstance(resource, Mapping):
        return
    if resource.get("resourceType") == kind and text(entry, "search.mode") in (None, "match"):
        page.matches.append(resource)
        return
    place = local(text(entry, "fullUrl") or "", base) or (text(resource, "resourceType"), text(resource, "id"))
    if place[0] and place[1]:
        page.included[place[0], place[1]] = resource


def _next(bundle: Resource) -> str | None:
    return next((text(each, "url") for each in every(bundle, "link") if text(each, "relation") == "next"), None)


def _losses(issues: tuple[Issue, ...]) -> list[str]:
    """What a caller must know: errors beside records, and that there is more than what came."""
    capped = any({*each.own} & {*CAPPED} for each in issues)
    failed = [f"A part could not be read ({each.code})." for each in issues if each.is_error]
    return [*(["The EHR has more, and gives no more. Ask for less at once."] if capped else []), *failed]
