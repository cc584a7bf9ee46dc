"""Notes of visits, as text or in parts. A signed note is never changed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from cobalt_link.connector import (
    Chart,
    Connector,
    Held,
    JsonClient,
    NewNote,
    NoteChange,
    NotWritten,
    Soap,
    Writing,
    Written,
)
from cobalt_link.connectors.sandbox.writes import note_rules
from cobalt_link.connectors.sandbox.writes.authorship import AUTHORSHIP
from cobalt_link.connectors.sandbox.writes.fields import Field, Fields, Row, body, took
from cobalt_link.connectors.sandbox.writes.refused import errors, unknown
from cobalt_link.connectors.sandbox.writes.rows import Table, client

ABOUT: Fields = (
    Field("icd_10_codes", "icd10", list, tuple),
    Field("cpt_codes", "cpt", list, tuple),
    AUTHORSHIP,
)
CALLED = {"text": "text", "sections": "parts"}
NOTES = Table(path="/notes", name="note", fields=(Field("appointment_ehr_id", "visit_id"), *ABOUT), called=CALLED)
CHANGES = Table(path="/notes", name="note", fields=ABOUT, missing="note_id", called=CALLED)


def sections(parts: Soap, before: Row | None = None) -> Row:
    """As the EHR takes them, all four. A part that the app left out stays as it was."""
    given = {name: value for name, value in msgspec.structs.asdict(parts).items() if value is not None}
    return dict.fromkeys(Soap.__struct_fields__, "") | (before or {}) | given


async def create(connector: Connector, chart: Chart, write: NewNote) -> Written:
    more: Row = {"sign": write.sign}
    if write.text is not None:
        more["text"] = write.text
    if write.parts is not None:
        more["sections"] = sections(write.parts)
    return await NOTES.create(client(connector, chart), write, more)


async def change(connector: Connector, chart: Chart, write: NoteChange) -> Written:
    api = client(connector, chart)
    changes = body(ABOUT, write)
    if write.text is not None:
        changes["text"] = write.text
    if write.parts is not None:
        changes["sections"] = sections(write.parts, (await found(api, write.ehr_id))["sections"])
    if not write.sign:
        return await CHANGES.change(api, write.ehr_id, changes)
    if not changes:
        return await _sign(api, write.ehr_id)
    await CHANGES.change(api, write.ehr_id, changes)
    # The text is in the chart by now. If the EHR does not let this user sign it, somebody else has to.
    with suppress(NotWritten):
        await _sign(api, write.ehr_id)
    # Without the version of the text: the signature has made another one.
    return Written(ehr_id=write.ehr_id)


async def made(connector: Connector, chart: Chart, write: NewNote, _ehr_id: str | None) -> Held | None:
    row = await NOTES.made(client(connector, chart), write)
    return _held(NOTES, write, row) if row else None


async def changed(connector: Connector, chart: Chart, write: NoteChange, _ehr_id: str | None) -> Held | None:
    row = await CHANGES.one(client(connector, chart), write.ehr_id)
    return _held(CHANGES, write, row, took=_took(write, row)) if row else None


async def found(api: JsonClient, ehr_id: str) -> Row:
    """The note. Raises NotWritten if there is none."""
    row = await NOTES.one(api, ehr_id)
    if row is None:
        raise NotWritten(unknown("note_id", {}))
    return row


async def _sign(api: JsonClient, ehr_id: str) -> Written:
    await api.post(f"{NOTES.at(ehr_id)}/sign", {}, errors=errors(CHANGES.names, CHANGES.missing))
    return Written(ehr_id=ehr_id)


def _took(write: NoteChange, row: Row) -> bool:
    texts = write.text in (None, row["text"])
    parts = write.parts is None or _parts(row, write.parts) == write.parts
    only_signed = write.sign and write.text is None and write.parts is None and not body(ABOUT, write)
    return texts and parts and took(ABOUT, write, row) and (row["signed"] or not only_signed)


def _held(table: Table, write: Any, row: Row, **more: Any) -> Held:
    said: Row = {"parts": _parts(row, write.parts)} if row["sections"] else {"text": row["text"]}
    return table.held(write, row, sign=row["signed"], pending_signature=not row["signed"], **more, **said)


def _parts(row: Row, asked: Soap | None) -> Soap:
    """The parts of the note. What was left out of the request is left out here, as the EHR has more than was sent."""
    there = row["sections"] or {}
    names = [name for name in Soap.__struct_fields__ if asked is None or getattr(asked, name) is not None]
    return Soap(**{name: there.get(name) if asked else there.get(name) or None for name in names})


async def check_new(connector: Connector, chart: Chart, write: NewNote) -> None:
    visit = await client(connector, chart).find(f"/appointments/{quote(write.appointment_ehr_id, safe='')}")
    note_rules.check_new(write, visit["appointment"] if visit else None)


async def check_change(connector: Connector, chart: Chart, write: NoteChange) -> None:
    note_rules.check_change(write, await NOTES.one(client(connector, chart), write.ehr_id))


NOTE = Writing(write=create, read_back=made, check=check_new)
NOTE_CHANGE = Writing(write=change, read_back=changed, check=check_change)
