"""A visit as the API shows it, with what its notes say."""

import sqlite3
from typing import Any

import msgspec

from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_visits import DIAGNOSES
from sandbox_ehr.clinic.notes import NOTE
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.clinic.visits import Visit


def appointment_shape(
    connection: sqlite3.Connection, context: ChartContext, found: list[Visit], *, with_note: bool
) -> list[dict[str, Any]]:
    """Times are in the clinic's time zone, with their offset."""
    notes: dict[str, list[Row]] = {}
    for note in records.of_parents(connection, context, NOTE, [visit.id for visit in found]):
        # The note that was made up with the visit is in the visit's own details.
        if note["id"] != f"N{note['visit_id']}":
            notes.setdefault(note["visit_id"], []).append(note)
    return [_shape(context, visit, notes.get(visit.id, []), with_note=with_note) for visit in found]


def _shape(context: ChartContext, visit: Visit, notes: list[Row], *, with_note: bool) -> dict[str, Any]:
    details = msgspec.structs.asdict(visit.details)
    status = visit.status_at(context.now)
    # Notes and diagnoses are made up with the visit, but nobody can have written them before it is over.
    own_note, diagnoses = details.pop("progress_note"), details.pop("diagnoses")
    texts, shown = [note["text"] for note in notes], []
    if status == "DONE" and not visit.set_status:
        texts, shown = [own_note, *texts], [msgspec.to_builtins(each) for each in diagnoses]
    codes = [code for note in notes for code in note["icd10"]]
    shown += [{"code": code, "text": DIAGNOSES.get(code, "")} for code in dict.fromkeys(codes)]
    whole = {
        "id": visit.id,
        "start": context.shown(visit.starts_at),
        "status": status,
        "mode": visit.mode,
        "patient": records.brief(visit.patient),
        **details,
        "insurance": visit.patient.insurance,
        "diagnoses": shown,
    }
    return whole | ({"progress_note": "\n\n".join(filter(None, texts))} if with_note else {})
