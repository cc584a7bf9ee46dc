"""The pages that show nothing of a link session, by the reason why it is closed."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class ClosedPage(msgspec.Struct, frozen=True):
    """`knot` is the icon on the cut wire. With `stay` the button loads the session's page again."""

    knot: str
    stay: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A link session whose time is over, for the browser that owned it."""

    app_name: str
    app_mark: str
    ehr_name: str | None
    ehr_mark: str | None
    accent: str | None
    locale: str | None
    open_for: timedelta


class FrameRefusal(msgspec.Struct, frozen=True):
    """Why no page may show Link in its frame, for the developer of that page. `fix` is a command, or empty."""

    message: str
    fix: str = ""


CLOSED = {
    "link_expired": ClosedPage("clock"),
    "connections_expired": ClosedPage("clock"),
    "link_used": ClosedPage("key"),
    "link_unknown": ClosedPage("key"),
    "other_browser": ClosedPage("window"),
    "no_cookies": ClosedPage("window", stay=True),
    "not_sent": ClosedPage("window"),
    "returned": ClosedPage("check"),
    "tested": ClosedPage("check"),
    "launch_unknown": ClosedPage("ask"),
    "launch_used": ClosedPage("key"),
    "launch_framed": ClosedPage("window"),
    "origin_not_registered": ClosedPage("window"),
    "cross_site": ClosedPage("ban", stay=True),
    "rate_limited": ClosedPage("clock", stay=True),
    "unavailable": ClosedPage("alert", stay=True),
    "not_found": ClosedPage("ask"),
    "only_looked": ClosedPage("window", stay=True),
}
