"""Changes how patients are reached."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector import Held, NotWritten, PatientChange, Reason, Written
from cobalt_link.connectors.gnuhealth import patients
from cobalt_link.connectors.gnuhealth.demographics import HELD, addresses, numbers
from cobalt_link.connectors.gnuhealth.new_patients import PARTY, held_patient
from cobalt_link.connectors.gnuhealth.refused import changed, holds, may, row
from cobalt_link.connectors.gnuhealth.server import Server

NOT_FOUND = Reason("PATIENT_NOT_FOUND", "GNU Health has no active patient with this id.", "ehr_id")


async def check(server: Server, write: PatientChange) -> None:
    await may(server, PARTY, "write")
    await _steps(server, write)


async def update(server: Server, write: PatientChange) -> Written:
    party, steps = await _steps(server, write)
    if steps:
        await changed(server, PARTY, "write", [party], steps)
    return Written(ehr_id=write.ehr_id)


async def held(server: Server, write: PatientChange, ehr_id: str | None) -> Held | None:
    """None if the patient is gone."""
    found = await row(server, patients.MODEL, write.ehr_id, HELD)
    if found is None:
        return None
    kept = held_patient(found)
    fields = {name: value for name, value in kept.fields.items() if name in write.__struct_fields__}
    return msgspec.structs.replace(kept, fields=fields, took=holds(write, fields, answered=ehr_id is not None))


async def _steps(server: Server, write: PatientChange) -> tuple[int, dict[str, Any]]:
    """The person, and what to change there."""
    found = await row(server, patients.MODEL, write.ehr_id, HELD)
    if found is None:
        raise NotWritten(NOT_FOUND)
    party = found["party."]
    steps = {
        "contact_mechanisms": numbers(write, party.get("contact_mechanisms.") or []),
        "addresses": await addresses(server, write, party.get("addresses.") or []),
    }
    return party["id"], {name: each for name, each in steps.items() if each}
