"""The pages that show nothing of an attempt: what is closed, and whether staying here can help."""

from __future__ import annotations

import msgspec


class Closed(msgspec.Struct, frozen=True):
    """`knot` on the cut wire; `stay`: the way forward is to load the attempt's page again."""

    knot: str
    stay: bool = False


CLOSED = {
    "link_expired": Closed("clock"),
    "connections_expired": Closed("clock"),
    "link_used": Closed("key"),
    "link_unknown": Closed("key"),
    "other_browser": Closed("window"),
    "no_cookies": Closed("window", stay=True),
    "not_registered": Closed("window"),
    "cross_site": Closed("ban", stay=True),
    "rate_limited": Closed("clock", stay=True),
    "unavailable": Closed("alert", stay=True),
    "not_found": Closed("ask"),
}
