"""The part that a model had in a text. The EHR keeps it as one line, `drafted_by`."""

from __future__ import annotations

from cobalt_link.connector import Ai
from cobalt_link.connectors.sandbox.writes.fields import Field


def line(ai: Ai) -> str:
    parts = (
        " ".join(filter(None, (ai.model, ai.version))),
        f"edited by {ai.editor}" if ai.editor else "",
        f"signed by {ai.signer}" if ai.signer else "",
    )
    return "; ".join(filter(None, parts))


AUTHORSHIP = Field("ai", "drafted_by", line, lambda text: Ai(model=text))
