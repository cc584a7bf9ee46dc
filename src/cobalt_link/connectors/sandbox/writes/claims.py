"""Claims. The EHR makes the charges of the visit's notes, or of its type."""

from __future__ import annotations

from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.rows import Table

CLAIMS = Table(path="/claims", name="claim", fields=(Field("appointment_ehr_id", "visit_id"),))
