"""What the EHR would say to a note, told by what it holds. Nothing is sent that changes the chart."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cobalt_link.connector import NewNote, NoteChange, NotWritten, Reason
from cobalt_link.connectors.sandbox.writes.authorship import line
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.refused import invalid, reason, unknown
from cobalt_link.connectors.sandbox.writes.rules import CPT, ICD_10, misspelled

LONGEST = 20_000
LONGEST_LINE = 200
OVER = ("CANC", "R/S")
TEXTS = {
    "icd_10_codes": "One of these is not spelled as ICD-10 codes are, such as J20.9.",
    "cpt_codes": "One of these is not spelled as CPT codes are, such as 99213.",
}


def check_new(write: NewNote, visit: Row | None) -> None:
    """Raises NotWritten. `visit` is the note's, if there is one."""
    reasons = [*_wrong(write)]
    if bool(write.text and write.text.strip()) == has_parts(write):
        reasons.append(invalid("Send a text, or parts of which one at least has text.", "text"))
    if visit is None:
        reasons.append(unknown("visit_id", {"visit_id": "appointment_ehr_id"}))
    elif visit["status"] in OVER:
        reasons.append(reason("not_changeable", status=visit["status"]))
    if reasons:
        raise NotWritten(*reasons)


def check_change(write: NoteChange, note: Row | None) -> None:
    """Raises NotWritten. `note` is the one to change, if there is one."""
    if note is None:
        raise NotWritten(unknown("note_id", {}))
    if note["signed"]:
        raise NotWritten(reason("signed"))
    reasons = [*_wrong(write)]
    if write.text == "" or (write.text and write.text.strip() and write.parts):
        reasons.append(invalid("Send a text, or parts of which one at least has text.", "text"))
    if reasons:
        raise NotWritten(*reasons)


def has_parts(write: NewNote | NoteChange) -> bool:
    return write.parts is not None and any(text and text.strip() for text in msgspec.structs.astuple(write.parts))


def _wrong(write: NewNote | NoteChange) -> Iterator[Reason]:
    parts = msgspec.structs.asdict(write.parts) if write.parts else {}
    for name, text in [("text", write.text), *(("parts", text) for text in parts.values())]:
        if text and len(text) > LONGEST:
            yield invalid(f"The EHR takes at most {LONGEST} characters.", name)
    if write.ai and len(line(write.ai)) > LONGEST_LINE:
        yield invalid(f"The EHR takes at most {LONGEST_LINE} characters.", "ai")
    yield from misspelled(write, {"icd_10_codes": ICD_10, "cpt_codes": CPT}, TEXTS)
