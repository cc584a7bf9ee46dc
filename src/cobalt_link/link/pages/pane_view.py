"""What every page of a pane is made from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from markupsafe import Markup

from cobalt_link.link.pages.context import EhrWindow, PageContext, Search
from cobalt_link.link.pages.layout import Head
from cobalt_link.link.pages.texts import Texts


class PaneView(msgspec.Struct, frozen=True, kw_only=True):
    """`errors` are sentences by field. `typed` holds the values that may be shown again, which excludes secrets.
    `window`: the user is `away` at the EHR in another window, or the browser `blocked` that window."""

    context: PageContext
    texts: Texts
    search: Search
    errors: dict[str, Markup]
    typed: Mapping[str, str]
    window: EhrWindow = ""


def head_of(view: PaneView, wire: str) -> Head:
    """The header of a form. While an account is being repaired, the wire shows a mend instead of the progress."""
    return Head(wire="mend" if view.context.repairing else wire)
