"""The pages that show nothing of a link session, by the reason why it is closed."""

from __future__ import annotations

import msgspec


class ClosedPage(msgspec.Struct, frozen=True):
    """`knot` is the icon on the cut wire. With `stay` the button loads the session's page again."""

    knot: str
    stay: bool = False


CLOSED = {
    "link_expired": ClosedPage("clock"),
    "connections_expired": ClosedPage("clock"),
    "link_used": ClosedPage("key"),
    "link_unknown": ClosedPage("key"),
    "other_browser": ClosedPage("window"),
    "no_cookies": ClosedPage("window", stay=True),
    "not_registered": ClosedPage("window"),
    "cross_site": ClosedPage("ban", stay=True),
    "rate_limited": ClosedPage("clock", stay=True),
    "unavailable": ClosedPage("alert", stay=True),
    "not_found": ClosedPage("ask"),
}
