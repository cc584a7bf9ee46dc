"""Reads each declared capability with a grant, and each declared filter with a value that must be found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cobalt_link.conformance.lines import at_code, at_key
from cobalt_link.conformance.lists import UNKNOWN_ID, given, misread_files, misread_list
from cobalt_link.conformance.report import Fault
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Capability,
    FindsAppointments,
    Patient,
    PatientQuery,
    Patients,
    PracticeSettings,
)
from cobalt_link.connector.topics import withheld

AROUND = timedelta(days=14)
SAMPLE = 100
PAGE = 3
# A filter of ours, and the field of a record whose value it must find.
APPOINTMENT_FIELDS = {
    "patient_mrn": "patient.mrn",
    "patient_name": "patient.last_name",
    "patient_phone": "patient.phone",
    "appointment_mode": "mode",
}


def methods_of(connector: Any, capability: str) -> list[str]:
    """The methods that read a capability."""
    optional = ["appointment"] if capability == "appointments" and isinstance(connector, FindsAppointments) else []
    return [capability, *optional]


async def misread(connector: Any, chart: Chart, capability: Capability, today: date) -> AsyncIterator[Fault]:
    """What is wrong with a read. Nothing if it is right. Lets the refusals of the EHR through."""
    where = at_code(getattr(type(connector), capability))
    match capability:
        case "appointments":
            found = _appointments(connector, chart, today)
        case "patients":
            found = _patients(connector, chart)
        case "settings":
            found = _settings(connector, chart)
        case "document_files":
            found = misread_files(connector, chart)
        case _:
            found = misread_list(connector, chart, capability, today)
    async for text in found:
        yield text if isinstance(text, Fault) else Fault(text, where)


async def _settings(connector: Any, chart: Chart) -> AsyncIterator[str]:
    if not isinstance(await connector.settings(chart), PracticeSettings):
        yield "settings does not return a PracticeSettings."


async def _appointments(connector: Any, chart: Chart, today: date) -> AsyncIterator[str | Fault]:
    days: dict[str, Any] = {"start": today - AROUND, "end": today + AROUND}
    found = await given(connector.appointments(chart, AppointmentQuery(**days)))
    if not isinstance(found, list) or not all(isinstance(row, Appointment) for row in found):
        yield "appointments does not return a list of Appointment."
        return
    if any(row.start is None for row in found):
        yield "An appointment in a list of days has no start. Leave it out there: it is on none of the days."
        return
    if chart.zone is None and any(row.start.tzinfo is None for row in found):
        yield "The start of an appointment has no offset. Add the practice's, or name its time zone in Grant.zone."
    elif [row.start for row in found] != sorted(row.start for row in found):
        yield "appointments are not in the order of their start. Sort them."
    if not found:
        yield f"There are no appointments from {days['start']} to {days['end']}. Use a login that sees some."
        return
    for text in _denied(connector, found):
        yield text
    async for text in _one_day(connector, chart, found):
        yield text
    if isinstance(connector, FindsAppointments):
        async for text in _by_id(connector, chart, found[0]):
            yield Fault(text, at_code(type(connector).appointment))
    for name in connector.manifest.reads["appointments"]:
        async for text in _appointment_filter(connector, chart, days, found, name):
            yield Fault(text, _declared(connector, "appointments"))


async def _one_day(connector: Any, chart: Chart, found: list[Appointment]) -> AsyncIterator[str]:
    """A query of one day: the last day belongs to the query."""
    # Only appointments that are on the same day in UTC: the EHR may count its days in that zone.
    zone = ZoneInfo(chart.zone or "UTC")
    starts = [(row, row.start) for row in found if row.start]
    aware = [(row, start, start if start.tzinfo else start.replace(tzinfo=zone)) for row, start in starts]
    rows = [(row, start.date()) for row, start, utc in aware if utc.astimezone(UTC).date() == start.date()]
    if not rows:
        return
    row, day = rows[-1]
    only = await given(connector.appointments(chart, AppointmentQuery(start=day, end=day)))
    if row.ehr_id not in {each.ehr_id for each in only}:
        yield f"A query from {day} to {day} leaves out an appointment of that day. `end` is included."
    if any(each.start is None or abs(each.start.date() - day) > timedelta(days=1) for each in only):
        yield f"A query from {day} to {day} gives appointments of other days. Send `start` and `end` to the EHR."


async def _by_id(connector: Any, chart: Chart, row: Appointment) -> AsyncIterator[str]:
    one = await connector.appointment(chart, row.ehr_id)
    if one is None:
        yield "appointment does not find an id that appointments listed."
    elif (one.ehr_id, one.start) != (row.ehr_id, row.start):
        yield "appointment gives another appointment than the one asked for."
    if await connector.appointment(chart, UNKNOWN_ID) is not None:
        yield f"appointment gives an appointment for the id {UNKNOWN_ID}, which does not exist. Return None."


async def _appointment_filter(
    connector: Any, chart: Chart, days: dict[str, Any], found: list[Appointment], name: str
) -> AsyncIterator[str]:
    if name == "include_note":
        noted = await given(connector.appointments(chart, AppointmentQuery(**days, include_note=True)))
        if not any(row.progress_note for row in noted):
            yield _unproved("include_note", "appointment", "a progress_note")
        return
    if name == "updated_since":
        rows, query = found, AppointmentQuery(**days, updated_since=_latest(found))
        only = await given(connector.appointments(chart, query)) if query.updated_since else []
        if not _since(only, rows, query.updated_since):
            yield _unproved(name, "appointment", "an updated_at, and another one an earlier one")
        return
    path = APPOINTMENT_FIELDS.get(name)
    if path is None:
        return
    row = _distinctive(found, path)
    if row is None:
        yield _unproved(name, "appointment", f"a {path}, and another one without it")
        return
    value = field(row, path)
    query = AppointmentQuery(**days, **{"mode" if name == "appointment_mode" else name: value})
    only = await given(connector.appointments(chart, query))
    if row.ehr_id not in {each.ehr_id for each in only} or not _narrowed(only, found, path, value, name):
        yield f"appointments are not filtered by {name}. Send it to the EHR, or do not declare it."


async def _patients(connector: Any, chart: Chart) -> AsyncIterator[str | Fault]:
    page = await _page(connector, chart, PatientQuery(limit=PAGE))
    if not all(isinstance(row, Patient) for row in page.items) or len(page.items) > PAGE:
        yield "patients does not return a page of Patient with at most `limit` of them."
        return
    if not page.items:
        yield "There are no patients. Use a login that sees some."
        return
    other = await _page(connector, chart, PatientQuery(limit=PAGE, offset=PAGE))
    if {row.ehr_id for row in other.items} & {row.ehr_id for row in page.items}:
        yield "patients gives some of them on two pages. Use a stable order, and count `offset` from 0."
    if page.total < len(page.items) + len(other.items) or (other.items and other.total != page.total):
        yield f"`total` is {page.total}, but there are more patients. Count all patients that match, on all pages."
    elif page.total > 0 and not (await _page(connector, chart, PatientQuery(limit=PAGE, offset=page.total - 1))).items:
        yield f"`total` is {page.total}, but there are fewer patients. Count the patients that match."
    sample = list((await _page(connector, chart, PatientQuery(limit=SAMPLE))).items)
    for text in _denied(connector, sample):
        yield text
    for name in connector.manifest.reads["patients"]:
        async for text in _patient_filter(connector, chart, sample, name):
            yield Fault(text, _declared(connector, "patients"))


async def _patient_filter(connector: Any, chart: Chart, sample: list[Patient], name: str) -> AsyncIterator[str]:
    if name == "updated_since":
        since = _latest(sample)
        only = (await _page(connector, chart, PatientQuery(limit=SAMPLE, updated_since=since))).items if since else ()
        if not _since(only, sample, since):
            yield _unproved(name, "patient", "an updated_at, and another one an earlier one")
        return
    row = _distinctive(sample, name)
    if row is None:
        yield _unproved(name, "patient", f"a {name}, and another one without it")
        return
    value = getattr(row, name)
    only = await _page(connector, chart, PatientQuery(limit=SAMPLE, **{name: value}))
    if row.ehr_id not in {each.ehr_id for each in only.items} or not _narrowed(only.items, sample, name, value, name):
        yield f"patients are not filtered by {name}. Send it to the EHR, or do not declare it."


async def _page(connector: Any, chart: Chart, query: PatientQuery) -> Patients:
    """The page asked for, also of a connector that gives all patients at once."""
    found = await given(connector.patients(chart, query))
    if isinstance(found, Patients):
        return found
    return Patients(items=tuple(found[query.offset :][: query.limit]), total=len(found))


def field(row: Any, path: str) -> Any:
    """The value at "patient.mrn" of a record."""
    for name in path.split("."):
        row = getattr(row, name)
    return row


def _latest(rows: list[Any]) -> datetime | None:
    return max((row.updated_at for row in rows if row.updated_at), default=None)


def _since(only: Sequence[Any], all_rows: list[Any], since: datetime | None) -> bool:
    """Whether only the records that changed since then are left."""
    return bool(only) and len(only) < len(all_rows) and all(row.updated_at >= since for row in only)


def _denied(connector: Any, found: list[Any]) -> Iterator[str]:
    for topic in connector.manifest.without:
        if withheld(found, frozenset({topic})) != found:
            yield f"The records say something on {topic}, and the API drops it. Remove {topic} from without."


def _distinctive(rows: list[Any], path: str) -> Any:
    """A row whose value not all rows have, so that a filter by it must leave some out. None if there is none."""
    values = [field(row, path) for row in rows]
    return next(
        (row for row, value in zip(rows, values, strict=True) if value and any(each != value for each in values)), None
    )


def _narrowed(only: Any, all_rows: list[Any], path: str, value: object, name: str) -> bool:
    """Whether a filter found its rows and left others out. Names match partly, phones in any spelling."""
    if "phone" in name:
        # Another field of the patient may hold the same phone, so only the count can be compared.
        return len(only) < len(all_rows)
    if "name" in name:
        return all(str(value).casefold() in str(field(row, path)).casefold() for row in only)
    return all(field(row, path) == value for row in only)


def _unproved(name: str, record: str, what: str) -> str:
    return f"No {record} proves the filter {name}: none has {what}. Use a login that sees such records."


def _declared(connector: Any, capability: str) -> str:
    return at_key(connector.folder / "manifest.toml", capability, "reads")
