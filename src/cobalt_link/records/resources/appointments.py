"""Appointments: those of some days, or one by either of its ids, in the contract's shape (§4.5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Appointment, AppointmentQuery
from cobalt_link.kit.text import as_searched, trimmed
from cobalt_link.records import schedule
from cobalt_link.records.asked import PatientId, PatientMrn, Phone, UpdatedSince, moment
from cobalt_link.records.days import MissingParameters, span
from cobalt_link.records.engine import Ids, RecordsEngine, Source, our_id
from cobalt_link.records.ids import EHR_ID, GivenIds, Named
from cobalt_link.records.named_patient import patient_filter, patient_named
from cobalt_link.records.pending import Pending, pending_shape, shown_as_pending
from cobalt_link.records.resource import LIVE, PatientNotFound, ResourceRoute
from cobalt_link.records.schedule import Schedule
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.paging import Pagination
from cobalt_link.web.problems import InvalidRequest, Problem

PAGE_SIZE = 100
OURS = "cobalt_operation"
FILTERS = ("patient_name", "patient_phone", "appointment_mode", "include_note", "updated_since")


def named(found: Iterable[Appointment]) -> Iterable[Named]:
    for each in found:
        yield "appointment", each.ehr_id
        yield "patient", each.patient.ehr_id


SOURCE: Source[list[Appointment]] = Source("appointments", named, frozenset(schedule.FIELDS))


class AppointmentNotFound(Problem):
    """Appointment not found."""

    code = "appointment_not_found"
    status = 404


class AppointmentsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both days are required, are days of the practice, and are included. A range may have any length."""

    start_date: Annotated[str | None, Cleaned(trimmed), Meta(description="First day, YYYY-MM-DD. Required.")] = None
    end_date: Annotated[str | None, Cleaned(trimmed), Meta(description="Last day, YYYY-MM-DD. Required.")] = None
    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    patient_name: Annotated[str | None, Cleaned(as_searched), Meta(description="Part of the name, in any case.")] = None
    patient_phone: Phone = None
    appointment_mode: Annotated[
        Literal["office", "telemedicine"] | None, Meta(description="Only those; without it all."), Alias("mode")
    ] = None
    include_note: Annotated[bool, Meta(description="Whether to read progress notes too.")] = False
    updated_since: UpdatedSince = None
    page: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Which page, from 1. Without pages, all are answered."),
    ] = None
    page_size: Annotated[
        Annotated[int, Meta(ge=1, le=500)] | None, Meta(description="How many on one page. 100 if page is sent.")
    ] = None


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
    """`source` is "cobalt_operation" for what was made through this API, "ehr" for what was made in the EHR itself."""

    source: str
    created_at: datetime | None


class AppointmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`id` and `patient_id` are ours; every id with `ehr` in its name and `location` are the EHR's.

    `datetime` has the practice's offset, and is null if the EHR has no date for the appointment. `duration` is in
    minutes; `status` and `appointment_type` are the EHR's own codes, and `cancelled` says whether that status means
    that the visit does not take place at this time. `progress_note` comes only on request.
    """

    id: str
    ehr_appointment_id: str
    datetime: datetime | None
    duration: int | None
    status: str | None
    cancelled: bool
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
    updated_at: datetime | None
    object_metadata: Metadata


class AppointmentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`pagination` is null unless a page was asked for. `partial` says that the EHR has more than it gives,
    `partial_reason` why."""

    appointments: list[AppointmentView]
    pagination: Pagination | None = None
    partial: bool = False
    partial_reason: str | None = None
    success: bool = True


PendingAppointmentView: Any = pending_shape(AppointmentView)


class PendingAppointmentAnswer(msgspec.Struct, frozen=True):
    """An appointment that a write is still to make."""

    appointments: PendingAppointmentView
    appointment: PendingAppointmentView
    job_id: int
    success: bool = True


class AppointmentAnswer(msgspec.Struct, frozen=True):
    """The one appointment, under the contract's plural key and under the singular one."""

    appointments: AppointmentView
    appointment: AppointmentView
    success: bool = True


async def read(reads: RecordsEngine, account: Account, asked: AppointmentsAsked) -> AppointmentsAnswer:
    wanted = query(asked, *span(asked.start_date, asked.end_date))
    ours = reads.left_to_us(account, SOURCE, _filters(asked))
    zone = (await reads.org_settings(account)).time_zone
    sent, capped = asked.patient_id or asked.patient_mrn, list[str]()
    patient = await patient_named(reads, account, sent, by_id=bool(asked.patient_id)) if sent else None
    page: list[int] = []

    async def step(connector: Schedule, chart: Chart) -> list[Appointment]:
        capped.clear()  # a session that was renewed reads again
        left, narrowed = ours, wanted
        if patient:
            name, value = await patient_filter(reads, account, "appointments", patient, connector, chart)
            narrowed = msgspec.structs.replace(wanted, **{name: value})
            left |= reads.left_to_us(account, SOURCE, [name])
        found = await schedule.appointments(connector, chart, narrowed, left, zone, capped)
        page[:] = [len(found)]
        return _page(found, asked)

    found, ids = await reads.read(account, SOURCE, step)
    return AppointmentsAnswer(
        appointments=[view(each, ids, notes=asked.include_note) for each in found],
        pagination=Pagination.of(asked.page or 1, asked.page_size or PAGE_SIZE, page[0]) if _paged(asked) else None,
        partial=bool(capped),
        partial_reason=" ".join(dict.fromkeys(capped)) or None,
    )


def _page(found: list[Appointment], asked: AppointmentsAsked) -> list[Appointment]:
    size = asked.page_size or PAGE_SIZE
    return found[((asked.page or 1) - 1) * size :][:size] if _paged(asked) else found


def _paged(asked: AppointmentsAsked) -> bool:
    return asked.page is not None or asked.page_size is not None


async def read_one(
    reads: RecordsEngine, account: Account, asked: AppointmentAsked, appointment_id: str
) -> AppointmentAnswer | PendingAppointmentAnswer:
    """By our id or the EHR's own, or what is known of one that is still to be made. Raises AppointmentNotFound, or
    NotSupported if the EHR has no look-up by id and the appointment is not among those of 92 days before and after
    today."""
    ehr_id = await reads.resolve(account, "appointment", appointment_id)
    if ehr_id == appointment_id and (made := await reads.pending(account, ["appointment"], appointment_id)):
        awaited = shown_as_pending(AppointmentView, made, pending(made))
        return PendingAppointmentAnswer(awaited, awaited, made.job_id)
    if not EHR_ID.fullmatch(ehr_id):
        raise AppointmentNotFound
    reads.left_to_us(account, SOURCE, ["include_note"] if asked.include_note else [])
    zone = (await reads.org_settings(account)).time_zone

    async def step(connector: Schedule, chart: Chart) -> list[Appointment]:
        found = await schedule.appointment(connector, chart, ehr_id, zone, note=asked.include_note)
        if found is None and not schedule.has_lookup(connector):
            raise _no_lookup(reads.ehr_name(account))
        return [found] if found else []

    found, ids = await reads.read(account, SOURCE, step)
    if not found:
        raise AppointmentNotFound
    shown = view(found[0], ids, notes=asked.include_note)
    return AppointmentAnswer(shown, shown)


async def read_some(
    reads: RecordsEngine, account: Account, our_ids: Iterable[str]
) -> dict[str, AppointmentView | None]:
    """Appointments by our ids, on whatever day they are. None for one that the EHR no longer has."""
    wanted = {each: ehr_id for each in our_ids if (ehr_id := await reads.ours(account, "appointment", each))}
    zone = (await reads.org_settings(account)).time_zone

    async def step(connector: Schedule, chart: Chart) -> list[Appointment]:
        return await schedule.some(connector, chart, wanted.values(), zone)

    found, ids = await reads.read(account, SOURCE, step)
    views = {each.ehr_id: view(each, ids, notes=False) for each in found}
    return {our_id: views.get(ehr_id) for our_id, ehr_id in wanted.items()}


def _no_lookup(ehr: str) -> NotSupported:
    return NotSupported(
        f"{ehr} cannot read one appointment by its id, and none of the {schedule.AROUND.days} days before and after"
        " today has it. Read its day with GET /v1/appointments."
    )


def query(asked: AppointmentsAsked, first: date, last: date) -> AppointmentQuery:
    return AppointmentQuery(
        start=first,
        end=last,
        patient_name=asked.patient_name,
        patient_phone=asked.patient_phone,
        mode=asked.appointment_mode,
        include_note=asked.include_note,
        updated_since=moment(asked.updated_since, "updated_since") if asked.updated_since else None,
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
        object_metadata=Metadata(source_of(each, ids), each.created_at),
        **kept,
    )


def source_of(each: Appointment, ids: Ids) -> str:
    made_here = ids.made_here if isinstance(ids, GivenIds) else ()
    return OURS if ("appointment", each.ehr_id) in made_here else "ehr"


def pending(each: Pending) -> dict[str, Any]:
    asked = each.fields
    return {
        "datetime": asked.get("start"),
        "cancelled": False,
        "appointment_type": asked.get("type"),
        "provider_ehr_id": asked.get("provider"),
        "secondary_provider_ehr_id": asked.get("secondary_provider"),
        "object_metadata": Metadata(OURS, each.asked_at),
    }


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


ENDPOINTS = (
    ResourceRoute(
        name="list_appointments",
        path="/v1/appointments",
        run=read,
        asked=AppointmentsAsked,
        answer=AppointmentsAnswer,
        errors=(*LIVE, InvalidRequest, MissingParameters, PatientNotFound),
        summary="Read the schedule of a range of days.",
    ),
    ResourceRoute(
        name="show_appointment",
        path="/v1/appointments/{appointment_id}",
        also=("/v1/appointment/{appointment_id}",),
        run=read_one,
        asked=AppointmentAsked,
        answer=AppointmentAnswer | PendingAppointmentAnswer,
        errors=(*LIVE, AppointmentNotFound),
        summary="Read one appointment by its id: ours or the EHR's own.",
    ),
)
