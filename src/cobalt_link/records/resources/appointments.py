"""Appointments: those of some days, or one by either of its ids, in the contract's shape (§4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Appointment, AppointmentQuery
from cobalt_link.kit.text import as_searched, trimmed
from cobalt_link.records import schedule
from cobalt_link.records.days import span
from cobalt_link.records.engine import Ids, RecordsEngine, Resource, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.schedule import Schedule
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import Problem

# What an EHR's own id looks like; connectors put it into paths, so dots alone and slashes are nobody's id.
EHR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._:~|=@-]{1,200}")
FILTERS = ("patient_mrn", "patient_name", "patient_phone", "appointment_mode", "include_note")


def named(found: Iterable[Appointment]) -> Iterable[Named]:
    for each in found:
        yield "appointment", each.ehr_id
        yield "patient", each.patient.ehr_id


RESOURCE: Resource[list[Appointment]] = Resource("appointments", named, frozenset(schedule.FIELDS))


class AppointmentNotFound(Problem):
    """Appointment not found."""

    code = "appointment_not_found"
    status = 404


class AppointmentsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both days are required, are days of the practice, and are included. A range may have any length."""

    start_date: Annotated[str | None, Cleaned(trimmed), Meta(description="First day, YYYY-MM-DD. Required.")] = None
    end_date: Annotated[str | None, Cleaned(trimmed), Meta(description="Last day, YYYY-MM-DD. Required.")] = None
    patient_mrn: Annotated[str | None, Cleaned(trimmed), Alias("mrn"), Meta(description="The whole number.")] = None
    patient_name: Annotated[str | None, Cleaned(as_searched), Meta(description="Part of the name, in any case.")] = None
    patient_phone: Annotated[str | None, Cleaned(as_searched), Meta(description="In any spelling.")] = None
    appointment_mode: Annotated[
        Literal["office", "telemedicine"] | None, Meta(description="Only those; without it all."), Alias("mode")
    ] = None
    include_note: Annotated[bool, Meta(description="Whether to read progress notes too.")] = False


class AppointmentAsked(msgspec.Struct, frozen=True):
    """A progress note comes only on request."""

    include_note: Annotated[bool, Meta(description="Whether to read the progress note too.")] = False


class Insurance(msgspec.Struct, frozen=True, kw_only=True):
    priority: int
    insurance_name: str | None
    insurance_subscriber_number: str | None
    group_id: str | None
    insurance_subscriber: str | None


class Metadata(msgspec.Struct, frozen=True):
    """`source` is "ehr" for what was made in the EHR itself."""

    source: str
    created_at: datetime | None


class AppointmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`id` and `patient_id` are ours; every id with `ehr` in its name and `location` are the EHR's.

    `datetime` has the practice's offset, and is null if the EHR has no date for the appointment. `duration` is in
    minutes; `status` and `appointment_type` are the EHR's own codes. `progress_note` comes only on request.
    """

    id: str
    ehr_appointment_id: str
    datetime: datetime | None
    duration: int | None
    status: str | None
    appointment_type: str | None
    appointment_mode: Literal["office", "telemedicine"]
    location: str | None
    location_name: str | None
    reason: str | None
    complaint_type: str | None
    patient_id: str | None
    patient_name: str
    patient_first_name: str
    patient_last_name: str
    patient_mrn: str
    patient_ehr_id: str
    patient_dob: date | None
    patient_sex: Literal["male", "female", "unknown"] | None
    patient_gender: Literal["male", "female", "unknown"] | None
    patient_phone: str | None
    provider_ehr_id: str | None
    provider_name: str | None
    provider_npi: str | None
    secondary_provider_ehr_id: str | None
    insurance: str | None
    insurance_number: str | None
    insurance_group_number: str | None
    insurance_subscriber: str | None
    secondary_insurance: str | None
    secondary_insurance_number: str | None
    insurances: list[Insurance]
    diagnoses: tuple[dict[str, str], ...]
    medications: tuple[dict[str, str], ...]
    note: str | None
    progress_note: str | None
    created_at: datetime | None
    object_metadata: Metadata


class AppointmentsAnswer(msgspec.Struct, frozen=True):
    appointments: list[AppointmentView]
    success: bool = True


class AppointmentAnswer(msgspec.Struct, frozen=True):
    """The one appointment, under the contract's plural key and under the singular one."""

    appointments: AppointmentView
    appointment: AppointmentView
    success: bool = True


async def read(reads: RecordsEngine, account: Account, asked: AppointmentsAsked) -> AppointmentsAnswer:
    wanted = query(asked, *span(asked.start_date, asked.end_date))
    ours = reads.left_to_us(account, RESOURCE, _filters(asked))
    zone = (await reads.org_settings(account)).time_zone

    async def step(connector: Schedule, chart: Chart) -> list[Appointment]:
        return await schedule.appointments(connector, chart, wanted, ours, zone)

    found, ids = await reads.read(account, RESOURCE, step)
    return AppointmentsAnswer([view(each, ids, notes=asked.include_note) for each in found])


async def read_one(
    reads: RecordsEngine, account: Account, either_id: str, asked: AppointmentAsked
) -> AppointmentAnswer:
    """By our id or the EHR's own. Raises AppointmentNotFound, or NotSupported if the EHR has no look-up by id and the
    appointment is not among those of 92 days before and after today."""
    ehr_id = await reads.resolve(account, "appointment", either_id)
    if not EHR_ID.fullmatch(ehr_id):
        raise AppointmentNotFound
    reads.left_to_us(account, RESOURCE, ["include_note"] if asked.include_note else [])
    zone = (await reads.org_settings(account)).time_zone

    async def step(connector: Schedule, chart: Chart) -> list[Appointment]:
        found = await schedule.appointment(connector, chart, ehr_id, zone, note=asked.include_note)
        if found is None and not schedule.has_lookup(connector):
            raise _no_lookup(reads.ehr_name(account))
        return [found] if found else []

    found, ids = await reads.read(account, RESOURCE, step)
    if not found:
        raise AppointmentNotFound
    shown = view(found[0], ids, notes=asked.include_note)
    return AppointmentAnswer(shown, shown)


def _no_lookup(ehr: str) -> NotSupported:
    return NotSupported(
        f"{ehr} cannot read one appointment by its id, and none of the {schedule.AROUND.days} days before and after"
        " today has it. Read its day with GET /v1/appointments."
    )


def query(asked: AppointmentsAsked, first: date, last: date) -> AppointmentQuery:
    return AppointmentQuery(
        start=first,
        end=last,
        patient_mrn=asked.patient_mrn,
        patient_name=asked.patient_name,
        patient_phone=asked.patient_phone,
        mode=asked.appointment_mode,
        include_note=asked.include_note,
    )


def view(each: Appointment, ids: Ids, *, notes: bool) -> AppointmentView:
    kept, patient = msgspec.structs.asdict(each), each.patient
    for name in ("ehr_id", "start", "mode", "location_ehr_id", "progress_note", "patient"):
        del kept[name]
    return AppointmentView(
        id=ids["appointment", each.ehr_id],
        ehr_appointment_id=each.ehr_id,
        datetime=each.start,
        appointment_mode=each.mode,
        location=each.location_ehr_id,
        patient_id=our_id(ids, "patient", patient.ehr_id),
        patient_name=f"{patient.first_name} {patient.last_name}".strip(),
        patient_first_name=patient.first_name,
        patient_last_name=patient.last_name,
        patient_mrn=patient.mrn,
        patient_ehr_id=patient.ehr_id,
        patient_dob=patient.dob,
        patient_sex=patient.sex,
        patient_gender=patient.sex,
        patient_phone=patient.cell_phone or patient.phone,
        insurances=_insurances(each),
        progress_note=each.progress_note if notes else None,
        object_metadata=Metadata("ehr", each.created_at),
        **kept,
    )


def _insurances(each: Appointment) -> list[Insurance]:
    first = Insurance(
        priority=1,
        insurance_name=each.insurance,
        insurance_subscriber_number=each.insurance_number,
        group_id=each.insurance_group_number,
        insurance_subscriber=each.insurance_subscriber,
    )
    second = Insurance(
        priority=2,
        insurance_name=each.secondary_insurance,
        insurance_subscriber_number=each.secondary_insurance_number,
        group_id=None,
        insurance_subscriber=None,
    )
    return [given for given in (first, second) if given.insurance_name or given.insurance_subscriber_number]


def _filters(asked: AppointmentsAsked) -> list[str]:
    return [name for name in FILTERS if getattr(asked, name)]
