"""One showing of a pane: what every pane's page is made from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from markupsafe import Markup

from cobalt_link.link.pages.context import PageContext, Search
from cobalt_link.link.pages.layout import Head
from cobalt_link.link.pages.texts import Texts


class PaneShowing(msgspec.Struct, frozen=True, kw_only=True):
    """One showing of a pane. `errors` are sentences by field; `typed` is what may be shown again."""

    context: PageContext
    texts: Texts
    search: Search
    errors: dict[str, Markup]
    typed: Mapping[str, str]


def head_of(showing: PaneShowing, wire: str) -> Head:
    """A form's header: how far the wire is, or the mend while an account is being repaired."""
    return Head(wire="mend" if showing.context.repairing else wire)
