"""High priority, as documents and telephone encounters have it."""

from __future__ import annotations

from cobalt_link.connectors.sandbox.writes.fields import Field


def named(high: bool) -> str:
    return "high" if high else "normal"


PRIORITY = Field("is_high_priority", "priority", named, lambda theirs: theirs == "high")
