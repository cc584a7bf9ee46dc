"""Appointments: those of some days, or one by either of its ids, in the contract's shape (§4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.models import Appointment, AppointmentQuery
from cobalt_link.records.days import span
from cobalt_link.records.engine import Ids, RecordsEngine, Resource, our_id
from cobalt_link.records.ids import Named
from cobalt_link.web import Alias
from cobalt_link.web.problems import Problem

# What an EHR's own id looks like; connectors put it into paths, so dots alone and slashes are nobody's id.
EHR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._:~|=@-]{1,200}")
FILTERS = ("patient_mrn", "patient_name", "patient_phone", "appointment_mode", "include_note")


def named(found: Iterable[Appointment]) -> Iterable[Named]:
    for each in found:
        yield "appointment", each.ehr_id
        yield "patient", each.patient_ehr_id


RESOURCE: Resource[list[Appointment]] = Resource("appointments", named)


class AppointmentNotFound(Problem):
    """Appointment not found."""

    code = "appointment_not_found"
    status = 404


class AppointmentsAsked(msgspec.Struct, frozen=True):
    """Both days are required, are days of the practice and are included; at most 184 of them."""

    start_date: Annotated[str | None, Meta(description="First day, YYYY-MM-DD. Required.")] = None
    end_date: Annotated[str | None, Meta(description="Last day, YYYY-MM-DD. Required.")] = None
    patient_mrn: Annotated[str | None, Meta(description="The whole number."), Alias("mrn")] = None
    patient_name: Annotated[str | None, Meta(description="Part of the name, in any case.")] = None
    patient_phone: Annotated[str | None, Meta(description="In any spelling.")] = None
    appointment_mode: Annotated[
        Literal["office", "telemedicine"] | None, Meta(description="Only those; without it all."), Alias("mode")
    ] = None
    include_note: Annotated[bool, Meta(description="Whether to read progress notes too.")] = False


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

    `datetime` has the practice's offset, `duration` is in minutes; `status` and `appointment_type` are the EHR's own
    codes. `progress_note` comes only on request.
    """

    id: str
    ehr_appointment_id: str
    datetime: datetime
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
    first, last = span(asked.start_date, asked.end_date)
    zone = _zone((await reads.org_settings(account)).time_zone)
    wanted = query(asked, first, last, wider=zone is not None)
    found, ids = await reads.read(
        account, RESOURCE, lambda connector, chart: connector.appointments(chart, wanted), _filters(asked)
    )
    local = [each if zone is None else _moved(each, zone) for each in found]
    inside = [each for each in local if first <= each.start.date() <= last]
    return AppointmentsAnswer([view(each, ids, notes=asked.include_note) for each in inside])


async def read_one(reads: RecordsEngine, account: Account, either_id: str) -> AppointmentAnswer:
    """By our id or the EHR's own; raises AppointmentNotFound."""
    ehr_id = await reads.resolve(account, "appointment", either_id)
    if not EHR_ID.fullmatch(ehr_id):
        raise AppointmentNotFound

    async def step(connector: Any, chart: Any) -> list[Appointment]:
        found = await connector.appointment(chart, ehr_id)
        return [found] if found else []

    found, ids = await reads.read(account, RESOURCE, step)
    if not found:
        raise AppointmentNotFound
    zone = _zone((await reads.org_settings(account)).time_zone)
    shown = view(_moved(found[0], zone) if zone else found[0], ids, notes=False)
    return AppointmentAnswer(shown, shown)


def query(asked: AppointmentsAsked, first: date, last: date, *, wider: bool) -> AppointmentQuery:
    """`wider` by a day each way: the org's time zone, not the EHR's, then decides what belongs to a day."""
    more = timedelta(days=1 if wider else 0)
    return AppointmentQuery(
        start=first - more,
        end=last + more,
        patient_mrn=asked.patient_mrn,
        patient_name=asked.patient_name,
        patient_phone=asked.patient_phone,
        mode=asked.appointment_mode,
        include_note=asked.include_note,
    )


def view(each: Appointment, ids: Ids, *, notes: bool) -> AppointmentView:
    kept = msgspec.structs.asdict(each)
    for name in ("ehr_id", "start", "mode", "location_ehr_id", "progress_note"):
        del kept[name]
    return AppointmentView(
        id=ids["appointment", each.ehr_id],
        ehr_appointment_id=each.ehr_id,
        datetime=each.start,
        appointment_mode=each.mode,
        location=each.location_ehr_id,
        patient_id=our_id(ids, "patient", each.patient_ehr_id),
        patient_name=f"{each.patient_first_name} {each.patient_last_name}".strip(),
        patient_gender=each.patient_sex,
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


def _zone(name: str | None) -> ZoneInfo | None:
    return ZoneInfo(name) if name else None


def _moved(each: Appointment, zone: ZoneInfo) -> Appointment:
    return msgspec.structs.replace(each, start=each.start.astimezone(zone))
