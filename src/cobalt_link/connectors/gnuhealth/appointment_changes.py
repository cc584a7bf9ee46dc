"""Moves, cancels, and changes appointments."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import AppointmentChange, Held, NotWritten, Reason, Written
from cobalt_link.connectors.gnuhealth.appointments import MODEL, TAKEN
from cobalt_link.connectors.gnuhealth.new_appointments import HELD, held_fields, provider_values
from cobalt_link.connectors.gnuhealth.refused import (
    LOCATION,
    PROVIDER,
    changed,
    holds,
    may,
    missing,
    row,
    unknown_codes,
)
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import at, inside, number

CANCELLED = ("user_cancelled", "center_cancelled")
NOT_FOUND = Reason("APPOINTMENT_NOT_FOUND", "GNU Health has no such appointment.", "ehr_id")


async def check(server: Server, write: AppointmentChange) -> None:
    await may(server, MODEL, "write")
    await _to_change(server, write)


async def update(server: Server, write: AppointmentChange) -> Written:
    before = await _to_change(server, write)
    if values := await _changes(server, write, before):
        await changed(server, MODEL, "write", [before["id"]], values)
    return Written(ehr_id=write.ehr_id)


async def held(server: Server, write: AppointmentChange, ehr_id: str | None) -> Held | None:
    """None if the appointment is gone."""
    found = await row(server, MODEL, write.ehr_id, HELD, *TAKEN)
    if found is None:
        return None
    fields = held_fields(server, found) | {"status": found["state"], "cancel": found["state"] in CANCELLED}
    mrn = inside(found, "patient", "party", "ref")
    shown = {"mrn": mrn, "patient_mrn": mrn}
    done = holds(write, fields, answered=ehr_id is not None)
    return Held(ehr_id=write.ehr_id, fields=fields, shown=shown, took=done)


async def _to_change(server: Server, write: AppointmentChange) -> dict[str, Any]:
    before = await row(server, MODEL, write.ehr_id, ["state", "name"], *TAKEN)
    reasons = [
        *([] if before else [NOT_FOUND]),
        *await missing(server, PROVIDER, write.provider_ehr_id, "provider_ehr_id"),
        *await missing(server, LOCATION, write.location_ehr_id, "location_ehr_id"),
        *await unknown_codes(server, write.type, write.status),
    ]
    if reasons or before is None:
        raise NotWritten(*reasons)
    return before


async def _changes(server: Server, write: AppointmentChange, before: dict[str, Any]) -> dict[str, Any]:
    asked = {
        "appointment_date": at(write.start) if write.start else None,
        "institution": number(write.location_ehr_id) if write.location_ehr_id else None,
        "visit_type": write.type,
        "comments": write.reason,
        "state": write.status,
    }
    values = {name: value for name, value in asked.items() if value is not None}
    if write.provider_ehr_id:
        values |= await provider_values(server, write.provider_ehr_id)
    if write.cancel and before["state"] not in CANCELLED:
        values["state"] = "user_cancelled"
    if values.get("state") == "confirmed" and before["name"]:
        # Else the server gives a new ID to each appointment that becomes confirmed, and ours is lost.
        values["name"] = before["name"]
    return values
