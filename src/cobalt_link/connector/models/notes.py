"""Notes in the chart: those of visits, and those about a patient."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, last_day
from cobalt_link.connector.models.reading import Read, Records


class NoteParts(msgspec.Struct, frozen=True, kw_only=True):
    """The four parts of a structured note."""

    subjective: str | None = None
    objective: str | None = None
    assessment: str | None = None
    plan: str | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the whole note with line breaks `\\n`, also of one that has `parts`. `kind`: whether it is of a visit
    or about a patient. A signed note is never changed."""

    ehr_id: str
    text: str
    kind: Literal["visit", "patient"] = "visit"
    subject: str | None = None
    parts: NoteParts | None = None
    icd_10_codes: tuple[str, ...] = ()
    cpt_codes: tuple[str, ...] = ()
    appointment_ehr_id: str | None = None
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    location_ehr_id: str | None = None
    author_ehr_id: str | None = None
    author_name: str | None = None
    signed: bool = False
    signed_at: datetime | None = None
    signed_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class NoteQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are the days on which notes were made, both included."""

    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    appointment_ehr_id: str | None = None
    ehr_id: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    updated_since: datetime | None = None


class ReadsNotes(Protocol):
    """`[reads] notes`."""

    def notes(self, chart: Chart, query: NoteQuery) -> Records[Note]:
        """The notes that match, drafts included, in a stable order."""
        ...


READ = Read(
    protocol=ReadsNotes,
    record=Note,
    query=NoteQuery,
    matches={
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "appointment_ehr_id": exactly("appointment_ehr_id"),
        "ehr_id": exactly("ehr_id"),
        "start_date": first_day("created_at"),
        "end_date": last_day("created_at"),
    },
    topics={
        Note: {
            "people": "patient_ehr_id patient_mrn patient_name",
            "notes": "ehr_id text kind subject parts icd_10_codes cpt_codes appointment_ehr_id location_ehr_id"
            " author_ehr_id author_name signed signed_at signed_by created_at updated_at",
        },
        NoteParts: {"notes": "subjective objective assessment plan"},
    },
)
