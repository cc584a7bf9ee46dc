"""Reads each declared capability with a grant, and each declared filter with a value that must be found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

from cobalt_link.connector.capabilities import FindsAppointments, listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Location,
    Patient,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
)

AROUND = timedelta(days=14)
UNKNOWN_ID = "999999999"
# A filter of ours, and the field of a record whose value it must find.
APPOINTMENT_FIELDS = {
    "patient_mrn": "patient.mrn",
    "patient_name": "patient.last_name",
    "patient_phone": "patient.phone",
    "appointment_mode": "mode",
}
ROWS = {"providers": Provider, "locations": Location}


async def misread(connector: Any, chart: Chart, capability: str, today: date) -> AsyncIterator[str]:
    """What is wrong with a read; nothing when all is well. Lets refusals of the EHR through."""
    match capability:
        case "appointments":
            async for text in _appointments(connector, chart, today):
                yield text
        case "patients":
            async for text in _patients(connector, chart):
                yield text
        case "settings":
            if not isinstance(await connector.settings(chart), PracticeSettings):
                yield "settings gives no PracticeSettings."
        case _:
            rows = await listed(getattr(connector, capability)(chart))
            if not all(isinstance(row, ROWS[capability]) for row in rows):
                yield f"{capability} gives no list of {ROWS[capability].__name__}."


async def _appointments(connector: Any, chart: Chart, today: date) -> AsyncIterator[str]:
    days: dict[str, Any] = {"start": today - AROUND, "end": today + AROUND}
    found = await listed(connector.appointments(chart, AppointmentQuery(**days)))
    if not all(isinstance(row, Appointment) for row in found):
        yield "appointments gives no list of Appointment."
        return
    if [row.start for row in found] != sorted(row.start for row in found):
        yield "appointments are not in the order of their start."
    if chart.zone is None and any(row.start.tzinfo is None for row in found):
        yield "an appointment's start has no offset, and the grant names no zone."
    if isinstance(connector, FindsAppointments):
        if found and (one := await connector.appointment(chart, found[0].ehr_id)) and one.ehr_id != found[0].ehr_id:
            yield "appointment gives another one than was asked for."
        if await connector.appointment(chart, UNKNOWN_ID) is not None:
            yield f"appointment gives something for the id {UNKNOWN_ID}, which nobody has."
    for name in connector.manifest.reads["appointments"]:
        row = next(
            (each for each in found if name in APPOINTMENT_FIELDS and field(each, APPOINTMENT_FIELDS[name])), None
        )
        if row is None:
            continue
        value = field(row, APPOINTMENT_FIELDS[name])
        only = await listed(
            connector.appointments(
                chart, AppointmentQuery(**days, **{"mode" if name == "appointment_mode" else name: value})
            )
        )
        if row.ehr_id not in {each.ehr_id for each in only} or not _all_have(
            only, APPOINTMENT_FIELDS[name], value, name
        ):
            yield f"appointments are not filtered by {name}."


async def _patients(connector: Any, chart: Chart) -> AsyncIterator[str]:
    page = await _page(connector, chart, PatientQuery(limit=3))
    if not all(isinstance(row, Patient) for row in page.items) or len(page.items) > 3 or page.total < len(page.items):
        yield "patients gives no page of Patient: at most `limit` of them, and `total` counts all."
        return
    if page.total > 3:
        other = await _page(connector, chart, PatientQuery(limit=3, offset=3))
        if {row.ehr_id for row in other.items} & {row.ehr_id for row in page.items}:
            yield "patients gives some of them on two pages. Give a stable order, and count offset from 0."
    for name in connector.manifest.reads["patients"]:
        row = next((each for each in page.items if getattr(each, name)), None)
        if row is None:
            continue
        value = getattr(row, name)
        only = await _page(connector, chart, PatientQuery(**{name: value}))
        if row.ehr_id not in {each.ehr_id for each in only.items} or not _all_have(only.items, name, value, name):
            yield f"patients are not filtered by {name}."


async def _page(connector: Any, chart: Chart, query: PatientQuery) -> Patients:
    """The asked page, also of a connector that gives all patients at once."""
    given = connector.patients(chart, query)
    found = await listed(given) if isinstance(given, AsyncIterator) else await given
    if isinstance(found, Patients):
        return found
    return Patients(items=tuple(found[query.offset :][: query.limit]), total=len(found))


def field(row: Any, path: str) -> Any:
    """The value at "patient.mrn" of a record."""
    for name in path.split("."):
        row = getattr(row, name)
    return row


def _all_have(rows: Any, path: str, value: object, name: str) -> bool:
    """Names match partly, phones in any spelling, the rest exactly."""
    if "phone" in name:
        return True
    if "name" in name:
        return all(str(value).casefold() in str(field(row, path)).casefold() for row in rows)
    return all(field(row, path) == value for row in rows)
