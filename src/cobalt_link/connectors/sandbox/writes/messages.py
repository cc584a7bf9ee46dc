"""Messages to providers."""

from __future__ import annotations

from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.rows import Table

MESSAGES = Table(
    path="/messages",
    name="message",
    fields=(Field("provider_ehr_id", "provider_id"), Field("subject", "subject"), Field("message", "text")),
)
