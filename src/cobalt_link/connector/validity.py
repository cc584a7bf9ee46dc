"""Checks what a connector made from an EHR's answer before it is stored, for whatever is stored has to be read again.

A connector may put an EHR's own words into a pane, a refusal, or a grant. msgspec does not look at the types of what is
built in Python, only at what is decoded.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cobalt_link.connector.panes import Choice, Pane, Redirect
from cobalt_link.kit.text import is_web_url

T = TypeVar("T", bound=msgspec.Struct)
MOST_OPTIONS = 500  # rows of a choice: more than a person reads, and than a page can draw at once
MOST_BYTES = 2**18  # of a pane or a grant, as JSON
MOST_RESULT = 2**20  # of the result of a step
SOONEST, POLL, LATEST = 0.1, 1.0, 60.0  # seconds


class NotValid(ValueError):
    """It could not be read back, or is far too large. The reason is never shown: it may quote the EHR."""


def checked(value: T) -> T:
    """The same value, read back from JSON. Raises NotValid."""
    try:
        written = msgspec.json.encode(value)
        read = msgspec.json.decode(written, type=type(value))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        raise NotValid from None
    if len(written) > MOST_BYTES:
        raise NotValid
    return read


def poll_seconds(every: float) -> float:
    """Seconds between two polls, which an EHR may have named."""
    return float(every) if SOONEST <= every <= LATEST else POLL


def presentable(pane: Pane) -> Pane:
    """A pane as it can be stored and drawn. A choice keeps its first rows. Raises NotValid."""
    if isinstance(pane, Choice) and isinstance(pane.options, tuple):
        pane = msgspec.structs.replace(pane, options=pane.options[:MOST_OPTIONS])
    if isinstance(pane, Redirect) and not is_web_url(pane.url):
        raise NotValid
    return checked(pane)
