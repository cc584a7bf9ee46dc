"""Notes about visits and about patients. A signed note never changes."""

import sqlite3
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records, visits
from sandbox_ehr.clinic.codes import Cpt, Icd10
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.practice import Code
from sandbox_ehr.clinic.records import Kind, Line, ListQuery, NewRow, Row, Text
from sandbox_ehr.refusals import RequestRefused

NOTE = Kind("note", "notes", "N", parent="visit_id")
PATIENT_NOTE = Kind("patient_note", "patient-notes", "PN")
NOTE_TYPES = (
    Code("progress", "Progress note"),
    Code("addendum", "Addendum"),
    Code("procedure", "Procedure note"),
    Code("telephone", "Telephone note"),
)
SECTIONS = ("subjective", "objective", "assessment", "plan")
NoteType = Literal["progress", "addendum", "procedure", "telephone"]
Section = Annotated[str, msgspec.Meta(max_length=20000)]


class Sections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subjective: Section = ""
    objective: Section = ""
    assessment: Section = ""
    plan: Section = ""


class NewNote(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/notes`: `text` or `sections`. `drafted_by` names the software that drafted it, if any."""

    visit_id: str
    type: NoteType = "progress"
    text: Section = ""
    sections: Sections | None = None
    icd10: tuple[Icd10, ...] = ()
    cpt: tuple[Cpt, ...] = ()
    drafted_by: Line = ""
    sign: bool = False


class NoteChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/notes/{id}`. What is left out stays."""

    text: Text | UnsetType = UNSET
    sections: Sections | UnsetType = UNSET
    icd10: tuple[Icd10, ...] | UnsetType = UNSET
    cpt: tuple[Cpt, ...] | UnsetType = UNSET
    drafted_by: Line | UnsetType = UNSET


class NoteQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""
    visit_id: str = ""
    type: NoteType | Literal[""] = ""
    signed: bool | None = None


class NewPatientNote(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/patient-notes`: a note about a patient and no visit."""

    patient_id: str
    location_id: str
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Text
    drafted_by: Line = ""


class PatientNoteQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""


def create(connection: sqlite3.Connection, context: ChartContext, body: NewNote) -> Row:
    visit = visits.find_one(connection, context.clinic, body.visit_id, context.now)
    if visit is None:
        raise RequestRefused(refusals.unknown_reference("visit_id"))
    if visit.status_at(context.now) in ("CANC", "R/S"):
        raise RequestRefused(refusals.not_changeable(visit.status_at(context.now)))
    doc: Row = msgspec.to_builtins(body)
    sign = doc.pop("sign")
    whose = {"patient_id": visit.patient.id, "provider_id": visit.details.provider_id}
    doc |= whose | {"text": _text(body.text, body.sections), **_signature(context, signed=sign)}
    return records.add(connection, context, NOTE, doc)


def change(connection: sqlite3.Connection, context: ChartContext, row_id: str, body: NoteChange) -> Row:
    before = _unsigned(connection, context, row_id)
    changes: Row = msgspec.to_builtins(body)
    if body.sections is not UNSET:
        changes["text"] = _text("" if body.text is UNSET else body.text, body.sections)
    elif body.text is not UNSET and before["sections"] is not None:
        changes["sections"] = None  # A note is a text or has sections, not both.
    return records.change(connection, context, NOTE, row_id, changes)


def sign(connection: sqlite3.Connection, context: ChartContext, row_id: str, _body: object) -> Row:
    _unsigned(connection, context, row_id)
    return records.change(connection, context, NOTE, row_id, _signature(context, signed=True))


def create_about_patient(connection: sqlite3.Connection, context: ChartContext, body: NewPatientNote) -> Row:
    patients.require(connection, context.clinic.id, body.patient_id)
    if body.location_id not in {location.id for location in context.clinic.locations}:
        raise RequestRefused(refusals.unknown_reference("location_id"))
    return records.add(connection, context, PATIENT_NOTE, msgspec.to_builtins(body))


def _unsigned(connection: sqlite3.Connection, context: ChartContext, row_id: str) -> Row:
    note = records.one(connection, context, NOTE, row_id)
    if note["signed"]:
        raise RequestRefused(refusals.signed())
    return note


def _signature(context: ChartContext, *, signed: bool) -> Row:
    at, by = (context.written_at, context.user_id) if signed else ("", "")
    return {"signed": signed, "signed_at": at, "signed_by": by}


def _text(text: str, sections: Sections | None) -> str:
    """The whole note as text. Raises RequestRefused if there is none, or a text and sections."""
    filled = [(name, getattr(sections, name)) for name in SECTIONS if sections and getattr(sections, name).strip()]
    if bool(text.strip()) == bool(filled):
        raise RequestRefused(refusals.invalid_value("text", "Send a text, or sections of which one at least has text."))
    return text or "\n\n".join(f"{name.capitalize()}:\n{said}" for name, said in filled)
