"""Notes about a patient that belong to no visit."""

from __future__ import annotations

from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table

PATIENT_NOTES = Table(
    path="/patient-notes",
    name="patient_note",
    fields=(
        *PATIENT,
        Field("subject", "subject"),
        Field("note", "text"),
        Field("location_ehr_id", "location_id"),
    ),
)
