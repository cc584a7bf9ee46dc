"""Changes and signs notes that nobody has signed yet. The server takes changes to a signed one too: we do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from cobalt_link.connector import Held, NoteChange, NotWritten, Reason, Written
from cobalt_link.connectors.gnuhealth.appointments import EVALUATION
from cobalt_link.connectors.gnuhealth.new_notes import (
    HELD,
    MEANWHILE,
    SIGNED,
    held_note,
    no_professional,
    sign,
    sign_what_is_written,
    texts,
)
from cobalt_link.connectors.gnuhealth.refused import RULE, changed, holds, may, row
from cobalt_link.connectors.gnuhealth.server import Server

NOT_FOUND = Reason("NOTE_NOT_FOUND", "GNU Health has no such note.", "ehr_id")
IS_SIGNED = Reason("NOTE_SIGNED", "This note is signed. GNU Health keeps it as it is.", "ehr_id")
NOT_YET = Reason(RULE, "GNU Health signs no note before the visit's time.", "sign")


async def check(server: Server, write: NoteChange) -> None:
    await may(server, EVALUATION, "write")
    await _unsigned(server, write)


async def update(server: Server, write: NoteChange) -> Written:
    before = await _unsigned(server, write)
    seen = {f"{EVALUATION},{before['id']}": before["_timestamp"]}
    if values := texts(write):
        await changed(server, EVALUATION, "write", [before["id"]], values, meanwhile=MEANWHILE, _timestamp=seen)
    if write.sign:
        await (sign_what_is_written if values else sign)(server, before["id"])
    return Written(ehr_id=write.ehr_id)


async def held(server: Server, write: NoteChange, ehr_id: str | None) -> Held | None:
    """None if the note is gone."""
    found = await row(server, EVALUATION, write.ehr_id, HELD)
    if found is None:
        return None
    kept = held_note(write, found)
    return msgspec.structs.replace(kept, took=holds(write, kept.fields, answered=ehr_id is not None))


async def _unsigned(server: Server, write: NoteChange) -> dict[str, Any]:
    found = await row(server, EVALUATION, write.ehr_id, ["state", "evaluation_start", "_timestamp"])
    if found is None:
        raise NotWritten(NOT_FOUND)
    if found["state"] in SIGNED:
        raise NotWritten(IS_SIGNED)
    if write.sign:
        ahead = (start := found["evaluation_start"]) and start > datetime.now(UTC)
        if reasons := [*([NOT_YET] if ahead else []), *await no_professional(server)]:
            raise NotWritten(*reasons)
    return found
