"""Appointments: booked, changed, moved, and cancelled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cobalt_link.connector import (
    AppointmentChange,
    Chart,
    Connector,
    Held,
    JsonClient,
    NewAppointment,
    NotWritten,
    Writing,
    Written,
)
from cobalt_link.connectors.sandbox.reads.schedule import MODE
from cobalt_link.connectors.sandbox.writes import appointment_rules
from cobalt_link.connectors.sandbox.writes.fields import Field, Fields, Row, body, took
from cobalt_link.connectors.sandbox.writes.refused import errors
from cobalt_link.connectors.sandbox.writes.rows import Table, client, version

CANCELLED = "CANC"


VISIT: Fields = (
    Field("location_ehr_id", "location_id"),
    Field("provider_ehr_id", "provider_id"),
    Field("type", "type"),
    Field("start", "start", datetime.isoformat, datetime.fromisoformat),
    Field("duration", "minutes"),
    Field("note", "note"),
    Field("reason", "reason"),
)
APPOINTMENTS = Table(
    path="/appointments",
    name="appointment",
    fields=(
        Field("patient_ehr_id", "patient.id"),
        Field("patient_mrn", "patient.mrn"),
        *VISIT,
        Field("secondary_provider_ehr_id", "second_provider_id"),
        Field("new_patient", "new_patient"),
    ),
)
CHANGES = Table(
    path="/appointments", name="appointment", fields=(*VISIT, Field("status", "status")), missing="visit_id"
)


async def create(connector: Connector, chart: Chart, write: NewAppointment) -> Written:
    more = {"patient_id": write.patient_ehr_id, "check_conflicts": write.prevent_double_booking}
    return await APPOINTMENTS.create(client(connector, chart), write, more)


async def change(connector: Connector, chart: Chart, write: AppointmentChange) -> Written:
    api = client(connector, chart)
    if not write.cancel:
        return await CHANGES.change(api, write.ehr_id, body(CHANGES.fields, write))
    if wrong := appointment_rules.more_than_a_note(write):
        raise NotWritten(wrong)
    path = f"{CHANGES.at(write.ehr_id)}/cancel"
    said = await api.post(path, {"note": write.note or ""}, errors=errors(CHANGES.names, CHANGES.missing))
    return Written(ehr_id=write.ehr_id, version=version(said["appointment"]) if said else None)


async def made(connector: Connector, chart: Chart, write: NewAppointment, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await APPOINTMENTS.made(api, write)
    return await _held(api, APPOINTMENTS, write, row) if row else None


async def changed(connector: Connector, chart: Chart, write: AppointmentChange, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await CHANGES.one(api, write.ehr_id)
    if row is None:
        return None
    cancelled = row["status"] == CANCELLED
    done = took(CHANGES.fields, write, row) and (cancelled or not write.cancel)
    return await _held(api, CHANGES, write, row, took=done, **({"cancel": cancelled} if write.cancel else {}))


async def _held(api: JsonClient, table: Table, write: Any, row: Row, **more: Any) -> Held:
    zone = (await api.get("/settings"))["timezone"]
    staff = {
        each["id"]: f"{each['last_name']}, {each['first_name']}" for each in (await api.get("/providers"))["providers"]
    }
    held = table.held(write, row, **more)
    patient = row["patient"]
    shown = {"timezone": zone, "provider_name": staff.get(row["provider_id"])}
    shown |= {"patient_mrn": patient["mrn"], "patient_name": f"{patient['first_name']} {patient['last_name']}"}
    return msgspec.structs.replace(held, shown=shown | {"mrn": patient["mrn"], "appointment_mode": MODE[row["mode"]]})


async def check_new(connector: Connector, chart: Chart, write: NewAppointment) -> None:
    await appointment_rules.check_new(client(connector, chart), write, APPOINTMENTS.names)


async def check_change(connector: Connector, chart: Chart, write: AppointmentChange) -> None:
    row = await CHANGES.one(client(connector, chart), write.ehr_id)
    await appointment_rules.check_change(client(connector, chart), write, row, CHANGES.names)


APPOINTMENT = Writing(write=create, read_back=made, check=check_new)
APPOINTMENT_CHANGE = Writing(write=change, read_back=changed, check=check_change)
