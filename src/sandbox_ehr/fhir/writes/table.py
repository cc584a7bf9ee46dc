"""Which types can be written here, by whom, and how."""

import sqlite3
from collections.abc import Callable

import msgspec

from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.writes import appointments, documents, office, orders

Create = Callable[[sqlite3.Connection, ChartContext, Resource], str]
Update = Callable[[sqlite3.Connection, ChartContext, str, Resource], None]


class Writer(msgspec.Struct, frozen=True):
    """`right` is the staff user's. Without `update` a row never changes, and without `create` nobody adds one."""

    right: str
    create: Create | None
    update: Update | None = None


WRITERS = {
    "Appointment": Writer("schedule.write", appointments.create, appointments.update),
    "DocumentReference": Writer("documents.write", documents.create, documents.update),
    "Task": Writer("tasks.write", office.create_task, office.update_task),
    "Communication": Writer("messages.write", office.create_communication, office.update_communication),
    "Patient": Writer("patients.write", office.create_patient, office.update_patient),
    "Coverage": Writer("insurance.write", office.create_coverage, office.update_coverage),
    "ServiceRequest": Writer("notes.write", orders.create, orders.update),
    "Slot": Writer("schedule.write", None, appointments.update_slot),
}


def written_by(kind: str) -> tuple[str, ...]:
    """The interactions of FHIR that write a type."""
    writer = WRITERS.get(kind)
    if writer is None:
        return ()
    return (*(("create",) if writer.create else ()), *(("update", "patch") if writer.update else ()))
