"""Notes in the chart: a page of those that match, or one. The contract has no such reads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Note, NoteParts
from cobalt_link.kit.ids import HEX, canonical
from cobalt_link.kit.text import trimmed
from cobalt_link.records.asked import EhrId, FirstDay, HundredMost, LastDay, PatientId, PatientMrn, UpdatedSince
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.lists import endpoints
from cobalt_link.records.pending import Pending
from cobalt_link.records.resource import OneRecord, Resource, shown_as
from cobalt_link.web import Cleaned
from cobalt_link.web.paging import Page, Pagination
from cobalt_link.web.problems import Problem


class NoteNotFound(Problem):
    """Note not found. Send an id of GET /v1/notes."""

    code = "note_not_found"
    status = 404


class NotesAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional, unless the EHR lists notes of one patient only. The days are those on which notes were made."""

    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    appointment_id: Annotated[
        str | None, Cleaned(trimmed), Meta(description="Only those of this appointment: our id or the EHR's own.")
    ] = None
    ehr_id: EhrId = None
    start_date: FirstDay = None
    end_date: LastDay = None
    updated_since: UpdatedSince = None
    page: Page = 1
    page_size: HundredMost = 100


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """`note` is the whole text; `parts` are those of a structured note. `type` is `visit` for a note of an appointment,
    `patient` for one about the patient."""

    id: str
    ehr_id: str
    type: Literal["visit", "patient"]
    note: str
    parts: NoteParts | None
    subject: str | None
    icd_10_codes: tuple[str, ...]
    cpt_codes: tuple[str, ...]
    appointment_id: str | None
    ehr_appointment_id: str | None
    patient_id: str | None
    patient_ehr_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    location_id: str | None
    author_ehr_id: str | None
    author_name: str | None
    signed: bool
    signed_at: datetime | None
    signed_by: str | None
    created_at: datetime | None
    updated_at: datetime | None


def kind_of(each: Note) -> str:
    return "note" if each.kind == "visit" else "patient_note"


def named(each: Note) -> list[Named]:
    return [("appointment", each.appointment_ehr_id)] if each.appointment_ehr_id else []


def view(each: Note, ids: Ids) -> NoteView:
    return shown_as(
        NoteView,
        each,
        id=ids[kind_of(each), each.ehr_id],
        type=each.kind,
        note=each.text,
        appointment_id=our_id(ids, "appointment", each.appointment_ehr_id),
        ehr_appointment_id=each.appointment_ehr_id,
        patient_id=our_id(ids, "patient", each.patient_ehr_id),
        location_id=each.location_ehr_id,
    )


def pending(each: Pending) -> dict[str, Any]:
    """The id in a request is ours, or the EHR's own."""
    asked = each.fields.get("appointment_id") or ""
    ours = HEX.fullmatch(canonical(asked))
    return {
        "type": "visit" if each.kind == "note" else "patient",
        "note": each.fields.get("text") if each.kind == "note" else each.fields["note"],
        "appointment_id": canonical(asked) if ours else None,
        "ehr_appointment_id": None if ours else asked or None,
        "signed": False,
    }


RESOURCE: Resource[Note] = Resource(
    capability="notes",
    kind="note",
    kind_of=kind_of,
    other_kinds=("patient_note",),
    named=named,
    path="/v1/notes",
    summary="List notes, one page at a time.",
    key="notes",
    shown=NoteView,
    view=view,
    asked=NotesAsked,
    filters={"appointment_id": ("appointment_ehr_id", "appointment")},
    pages=Pagination,
    one=OneRecord(path="/v1/notes/{note_id}", key="note", missing=NoteNotFound, pending=pending),
)
ENDPOINTS = endpoints(RESOURCE)
