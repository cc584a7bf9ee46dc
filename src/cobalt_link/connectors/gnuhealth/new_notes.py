"""Writes notes, which are evaluations of an appointment. Our reference is in the evaluation's code, which is unique.

A text is the field "Notes". The parts are where GNU Health's own summary of an encounter looks for them. Ending the
evaluation signs it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from cobalt_link.connector import (
    Held,
    HttpError,
    NewNote,
    NoteChange,
    NotWritten,
    Reason,
    Refusal,
    Soap,
    Written,
)
from cobalt_link.connectors.gnuhealth import appointments
from cobalt_link.connectors.gnuhealth.appointments import EVALUATION, TAKEN
from cobalt_link.connectors.gnuhealth.refused import PROVIDER, changed, may, row
from cobalt_link.connectors.gnuhealth.server import Fault, Server
from cobalt_link.connectors.gnuhealth.values import at, tag

PARTS = {"subjective": "present_illness", "objective": "evaluation_summary", "assessment": "info_diagnosis",
         "plan": "directions"}  # fmt: skip
SIGNED = ("done", "signed")
VISIT = ["patient", "institution", "appointment_date", "appointment_type", "visit_type", "urgency"]
HELD = ["appointment", "state", "notes", *PARTS.values()]
NO_APPOINTMENT = Reason("APPOINTMENT_NOT_FOUND", "GNU Health has no such appointment.", "appointment_ehr_id")
MEANWHILE = Reason("NOTE_SIGNED", "Somebody changed or signed this note just now. Read it again first.", "ehr_id")
NO_PROFESSIONAL = Reason(
    "NO_RIGHTS", "The GNU Health user is not a health professional. Only health professionals write notes there."
)


async def check(server: Server, write: NewNote) -> None:
    """Raises NotWritten with every reason why this note cannot be written."""
    await may(server, EVALUATION, "create")
    await _visit(server, write)


async def create(server: Server, write: NewNote) -> Written:
    visit = await _visit(server, write)
    values = {
        "code": tag(write.ref),
        "patient": visit["patient"],
        "appointment": visit["id"],
        "evaluation_type": visit["appointment_type"],
        "state": "in_progress",
        **{name: visit[name] for name in ("institution", "visit_type", "urgency")},
        **texts(write),
    }
    # Without a start the server takes its own time. One that lies ahead could not be signed.
    if (start := visit["appointment_date"]) and start < datetime.now(UTC):
        values["evaluation_start"] = at(start)
    (made,) = await changed(server, EVALUATION, "create", [values])
    if write.sign:
        await sign_what_is_written(server, made)
    return Written(ehr_id=str(made))


async def held(server: Server, write: NewNote, ehr_id: str | None) -> Held | None:
    """By the id that the server gave, else by our reference."""
    if ehr_id is not None:
        found = await row(server, EVALUATION, ehr_id, HELD)
    else:
        rows = await server.model(EVALUATION, "search_read", [["code", "=", tag(write.ref)]], 0, 1, None, HELD)
        found = rows[0] if rows else None
    return held_note(write, found) if found else None


async def _visit(server: Server, write: NewNote) -> dict[str, Any]:
    visit = await row(server, appointments.MODEL, write.appointment_ehr_id, VISIT, *TAKEN)
    reasons = [*([] if visit else [NO_APPOINTMENT]), *await no_professional(server)]
    if reasons or visit is None:
        raise NotWritten(*reasons)
    return visit


async def no_professional(server: Server) -> list[Reason]:
    """Without one behind the user, the server saves no evaluation and ends none."""
    mine = [["party.internal_user", "=", server.session.user], ["party.is_healthprof", "=", True]]
    return [] if await server.model(PROVIDER.model, "search_count", mine) else [NO_PROFESSIONAL]


async def sign(server: Server, note: int) -> None:
    found = await row(server, EVALUATION, str(note), ["state", "_timestamp"])
    if found and found["state"] not in SIGNED:
        seen = {f"{EVALUATION},{note}": found["_timestamp"]}
        await changed(server, EVALUATION, "end_evaluation", [note], meanwhile=MEANWHILE, _timestamp=seen)


async def sign_what_is_written(server: Server, note: int) -> None:
    """The text is in the chart: no refusal may look as if it were not. `read_back` says whether the note is signed."""
    with suppress(NotWritten, Refusal, HttpError, Fault):
        await sign(server, note)


def texts(write: NewNote | NoteChange) -> dict[str, Any]:
    texts = {"notes": write.text} | {theirs: getattr(write.parts, ours, None) for ours, theirs in PARTS.items()}
    return {name: text for name, text in texts.items() if text is not None}


def held_note(write: NewNote | NoteChange, found: dict[str, Any]) -> Held:
    """Of the two forms of a note the one that was asked for, and of the parts those."""
    signed = found["state"] in SIGNED
    fields: dict[str, Any] = {"appointment_ehr_id": str(found["appointment"])} if isinstance(write, NewNote) else {}
    if write.text is not None:
        fields["text"] = found["notes"] or None
    if write.parts is not None:
        asked = [name for name in PARTS if getattr(write.parts, name) is not None]
        fields["parts"] = Soap(**{name: found[PARTS[name]] or None for name in asked})
    if write.sign:
        fields["sign"] = signed
    return Held(ehr_id=str(found["id"]), fields=fields, pending_signature=not signed)
