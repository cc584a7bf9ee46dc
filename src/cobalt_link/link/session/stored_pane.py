"""Reads the pane of a link session. Whatever is stored, the session's pages and the API have to go on."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector.panes import Message, Pane
from cobalt_link.connector.refusals import Unexpected


def stored_pane(stored: Any) -> Pane:
    """A pane that this version cannot read, such as one of a newer version, becomes one to try again from."""
    try:
        return msgspec.convert(stored, Pane)
    except msgspec.ValidationError:
        return Message(code=Unexpected.code)
