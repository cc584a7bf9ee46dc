"""Writes of notes on a visit, and of notes on a patient (contract §4.10)."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from cobalt_link.connector.writes import Ai, Soap
from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Done, Fields, Operation, Other
from cobalt_link.records.writes.shapes import DryRun, ForPatientAsked, WriteAsked, need_patient
from cobalt_link.web import Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField

# U too: U07.1 is COVID-19.
ICD_10 = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
CPT = re.compile(r"[0-9]{4}[0-9A-Z]")
Codes = Annotated[tuple[str, ...], Meta(max_length=50)]


class NoteTextAsked(WriteAsked, frozen=True, kw_only=True):
    """`note` is a text with line breaks, or an object of subjective, objective, assessment, and plan."""

    note: Annotated[str | Soap | None, Meta(description="Text, or its four parts.")] = None
    icd_10_codes: Annotated[Codes, Meta(description="Diagnoses, such as J20.9. Only with a structured note.")] = ()
    cpt_codes: Annotated[Codes, Meta(description="Procedures, such as 99213. Only with a structured note.")] = ()
    sign: Annotated[bool, Meta(description="Sign it, which ends all edits.")] = False
    ai: Annotated[Ai | None, Meta(description="Which model wrote it, and who answers for it.")] = None
    dry_run: DryRun = False


class NewNoteAsked(NoteTextAsked, frozen=True, kw_only=True):
    appointment_id: Annotated[str, Cleaned(trimmed), Meta(description="Our id of the appointment, or the EHR's.")]


class NewPatientNoteAsked(ForPatientAsked, frozen=True, kw_only=True):
    note: Annotated[str, Meta(min_length=1), Meta(description="The text.")]
    subject: Annotated[str, Cleaned(trimmed), Meta(min_length=1), Meta(description="What it is about.")]
    location_id: Annotated[str, Cleaned(trimmed), Meta(description="The location's ehr_id.")]


def _new(asked: NewNoteAsked) -> Fields:
    if asked.note is None:
        raise MissingField("note")
    return _shape(asked)


def _shape(asked: NoteTextAsked) -> Fields:
    parts = asked.note if isinstance(asked.note, Soap) else None
    if asked.note is None and not asked.sign:
        raise MissingField("note")
    if parts and not any(map(_says, (parts.subjective, parts.objective, parts.assessment, parts.plan))):
        raise InvalidRequest("The note is empty. Fill at least one of subjective, objective, assessment, plan.")
    if isinstance(asked.note, str) and not _says(asked.note):
        raise InvalidRequest("The note is empty. Send its text.")
    if not parts and (asked.icd_10_codes or asked.cpt_codes):
        raise InvalidRequest("Codes go with a structured note. Send note as an object of subjective, objective, …")
    for name, codes, form in (("icd_10_codes", asked.icd_10_codes, ICD_10), ("cpt_codes", asked.cpt_codes, CPT)):
        if wrong := [code for code in codes if not form.fullmatch(code.strip().upper())]:
            raise InvalidRequest(f"Invalid {name}: {', '.join(wrong[:5])[:100]}. Send codes such as J20.9 or 99213.")
    return {
        "text": None if parts else asked.note,
        "parts": parts,
        "icd_10_codes": [code.strip().upper() for code in asked.icd_10_codes],
        "cpt_codes": [code.strip().upper() for code in asked.cpt_codes],
    }


def _says(text: str | None) -> bool:
    return bool(text and trimmed(text))


def _patient_note(asked: NewPatientNoteAsked) -> Fields:
    need_patient(asked)
    if not _says(asked.note):
        raise InvalidRequest("The note is empty. Send its text.")
    return {}


def _data(done: Done) -> Fields:
    return {
        "appointment_id": done.asked.get("appointment_id"),
        "ehr_note_id": done.held.ehr_id,
        "pending_signature": done.held.pending_signature,
    }


OPERATIONS = (
    Operation(
        name="notes.create",
        path="/v1/notes",
        asked=NewNoteAsked,
        record="note_id",
        kind="note",
        message="Note upload in progress.",
        summary="Write the note of a visit.",
        done="note.uploaded",
        failed="note.failed",
        ids={"appointment_id": Other(kinds=("appointment",), field="appointment_ehr_id")},
        called={"text": "note", "parts": "note"},
        echo=("appointment_id",),
        changes=frozenset({"appointment"}),
        advice=frozenset({"ai"}),
        shape=_new,
        data=_data,
        max_body=2**20,
    ),
    Operation(
        name="notes.update",
        method="PATCH",
        path="/v1/notes/{note_id}",
        target="note_id",
        asked=NoteTextAsked,
        record="note_id",
        kind="note",
        message="Note update in progress.",
        summary="Replace the text of a note that is not signed yet, or sign it.",
        done="note.updated",
        failed="note.failed",
        called={"text": "note", "parts": "note"},
        advice=frozenset({"ai"}),
        shape=_shape,
        data=_data,
        max_body=2**20,
    ),
    Operation(
        name="patient_notes.create",
        path="/v1/patient-notes",
        asked=NewPatientNoteAsked,
        record="patient_note_id",
        kind="patient_note",
        message="Patient note processing. A webhook event will be sent upon completion.",
        summary="Write a note on a patient.",
        done="patient_note.created",
        failed="patient_note.failed",
        names={"location_id": "location_ehr_id"},
        shape=_patient_note,
        data=lambda done: {"patient_mrn": done.write.patient_mrn, "subject": done.write.subject},
        max_body=2**20,
    ),
)
