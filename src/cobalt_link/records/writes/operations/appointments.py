"""Writes of appointments (contract §4.5)."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cobalt_link.connector.writes import NewAppointment
from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Done, Fields, Operation
from cobalt_link.records.writes.shapes import DryRun, ForPatientAsked, Text, WriteAsked, need_patient
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField

TIME = re.compile(r"\s*(\d{1,2}):(\d{2})(?::\d{2})?\s*(?:([ap])\.?m?\.?)?\s*", re.IGNORECASE)
When = Annotated[
    str | None,
    Cleaned(trimmed),
    Alias("appointment_datetime", "date_time"),
    Meta(description="YYYY-MM-DDTHH:mm:ss±HH:MM. Without an offset it is the practice's time."),
]
D1_STATUSES = {"cancelled": "cancel", "canceled": "cancel"}


class NewAppointmentAsked(ForPatientAsked, frozen=True, kw_only=True):
    """`datetime`, or `date` and `time`: `time` as 10:00 am, or 14:30."""

    location: Annotated[str, Cleaned(trimmed), Alias("location_id"), Meta(description="The location's ehr_id.")]
    provider: Annotated[str, Cleaned(trimmed), Alias("provider_id"), Meta(description="The provider's ehr_id.")]
    type: Annotated[str, Cleaned(trimmed), Alias("visit_type"), Meta(description="A code of GET /v1/visit-types.")]
    datetime: When = None
    date: Annotated[str | None, Cleaned(trimmed), Meta(description="YYYY-MM-DD.")] = None
    time: Annotated[str | None, Cleaned(trimmed), Meta(description="h:mm am/pm, or HH:mm.")] = None
    duration: Annotated[int, Meta(ge=1, le=1440, description="Minutes. Without it as the EHR has it.")] | None = None
    secondary_provider: Annotated[str | None, Cleaned(trimmed), Meta(description="A provider's ehr_id.")] = None
    note: Annotated[Text, Meta(description="For the staff.")] = None
    reason: Annotated[Text, Meta(description="Why the patient comes.")] = None
    new_patient: Annotated[bool | None, Meta(description="The first visit of this patient.")] = None
    prevent_double_booking: Annotated[
        bool, Meta(description="Fail if the provider has another visit or a block at that time.")
    ] = False
    dry_run: DryRun = False


class AppointmentChangeAsked(WriteAsked, frozen=True, kw_only=True):
    """An appointment that the EHR has takes `status`, `note`, and what else the EHR lets us change. One that is still
    to be created takes every field."""

    status: Annotated[str | None, Cleaned(trimmed), Meta(description="A code of GET /v1/visit-statuses.")] = None
    note: Annotated[Text, Meta(description="For the staff.")] = None
    patient_mrn: Annotated[str | None, Cleaned(trimmed), Alias("mrn")] = None
    location: Annotated[str | None, Cleaned(trimmed), Alias("location_id")] = None
    provider: Annotated[str | None, Cleaned(trimmed), Alias("provider_id")] = None
    type: Annotated[str | None, Cleaned(trimmed), Alias("visit_type")] = None
    datetime: When = None
    date: Annotated[str | None, Cleaned(trimmed), Meta(description="YYYY-MM-DD, with time.")] = None
    time: Annotated[str | None, Cleaned(trimmed), Meta(description="h:mm am/pm, or HH:mm, with date.")] = None
    duration: Annotated[
        Annotated[int, Meta(ge=1, le=1440)] | None, Meta(description="Minutes. Without it as the EHR has it.")
    ] = None
    reason: Annotated[Text, Meta(description="Why the patient comes.")] = None
    secondary_provider: Annotated[str | None, Cleaned(trimmed), Meta(description="A provider's ehr_id.")] = None
    new_patient: Annotated[bool | None, Meta(description="The first visit of this patient.")] = None
    prevent_double_booking: Annotated[
        bool | None, Meta(description="Fail if the provider has another visit or a block at that time.")
    ] = None
    dry_run: DryRun = False


def start_of(asked: Any) -> datetime | None:
    """The start, with the offset that was sent, or without one. Raises InvalidRequest."""
    if asked.datetime:
        # If a client does not encode its form, the + of an offset arrives as a blank.
        for form in (asked.datetime, "+".join(asked.datetime.rsplit(" ", 1))):
            try:
                found = datetime.fromisoformat(form)
            except ValueError:
                continue
            # A date alone would be midnight, and a year such as 1 has no time in UTC.
            if ":" in form and 1900 <= found.year < 9999:
                return found
        raise InvalidRequest("Invalid datetime. Use YYYY-MM-DDTHH:mm:ss±HH:MM, such as 2026-01-31T09:30:00-05:00.")
    if not asked.date and not asked.time:
        return None
    if not asked.date or not asked.time:
        raise MissingField("date" if not asked.date else "time")
    try:
        day = date.fromisoformat(asked.date[:10])
    except ValueError:
        raise InvalidRequest("Invalid date format in date. Use ISO format (YYYY-MM-DD).") from None
    hour, minute = _clock_time(asked.time)
    return datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - the practice's zone is added later


def _clock_time(text: str) -> tuple[int, int]:
    found = TIME.fullmatch(text)
    hour, minute = (int(found[1]), int(found[2])) if found else (99, 0)
    half = (found[3] or "").lower() if found else ""
    if hour > 23 or minute > 59 or (half and not 1 <= hour <= 12):
        raise InvalidRequest("Invalid time. Use h:mm am/pm, such as 2:30 pm, or HH:mm.")
    return (hour % 12 + (12 if half == "p" else 0) if half else hour), minute


def _new(asked: NewAppointmentAsked) -> Fields:
    need_patient(asked, "mrn")
    start = start_of(asked)
    if start is None:
        raise MissingField("datetime")
    return {"start": start}


def _change(asked: AppointmentChangeAsked) -> Fields:
    start, status = start_of(asked), asked.status
    cancel = D1_STATUSES.get((status or "").lower()) == "cancel"
    if all(
        value is None for name, value in msgspec.structs.asdict(asked).items() if name not in ("expires_in", "dry_run")
    ):
        raise InvalidRequest("Send at least one field to change, such as status or note.")
    fields: Fields = {"start": start} if start else {}
    return fields | ({"status": None, "cancel": True} if cancel else {})


def _data(done: Done) -> Fields:
    write: NewAppointment = done.write
    return {
        "ehr_appointment_id": done.held.ehr_id,
        "mrn": write.patient_mrn,
        "date_time": msgspec.to_builtins(done.held.fields.get("start", write.start)),
        "timezone": done.held.shown.get("timezone"),
        "provider_id": write.provider_ehr_id,
        "provider_name": done.held.shown.get("provider_name"),
        "secondary_provider_id": write.secondary_provider_ehr_id,
        "differences": bool(done.held.fields and done.held.fields.get("start", write.start) != write.start),
    }


def _changed(done: Done) -> Fields:
    """The contract's names of a change (§6.4), and the write's own."""
    fields = {name: msgspec.to_builtins(each) for name, each in done.held.fields.items()}
    named = {ours: fields.get(theirs) for ours, theirs in IN_EVENTS.items()}
    return {"id": done.record_id, "ehr_appointment_id": done.held.ehr_id, **dict.fromkeys(OF_VISIT), **named, **fields}


# Contract §6.4. What the EHR's read-back does not say of the visit is null.
OF_VISIT = ("patient_mrn", "patient_name", "provider_name", "appointment_mode", "timezone")
IN_EVENTS = {
    "datetime": "start",
    "date_time": "start",
    "duration": "duration",
    "location": "location_ehr_id",
    "status": "status",
    "provider_id": "provider_ehr_id",
    "appointment_type": "type",
    "reason": "reason",
    "note": "note",
}
STATUS_UPDATED = "appointment.status_updated"
NAMES = {
    "location": "location_ehr_id",
    "provider": "provider_ehr_id",
    "secondary_provider": "secondary_provider_ehr_id",
}
OPERATIONS = (
    Operation(
        name="appointments.create",
        path="/v1/appointments",
        asked=NewAppointmentAsked,
        record="appointment_id",
        kind="appointment",
        message="Appointment processing. A webhook event will be sent upon completion.",
        summary="Create an appointment.",
        done="appointment.created",
        failed="appointment.failed",
        names=NAMES,
        advice=frozenset({"new_patient", "prevent_double_booking"}),
        called={"start": "datetime"},
        shape=_new,
        data=_data,
    ),
    Operation(
        name="appointments.update",
        method="PATCH",
        path="/v1/appointments/{appointment_id}",
        target="appointment_id",
        asked=AppointmentChangeAsked,
        record="appointment_id",
        kind="appointment",
        message="Appointment updated successfully",
        summary="Change an appointment's status or note, and what else the EHR lets us change. Its job does it.",
        done="appointment.updated",
        # A cancellation too: appointment.cancelled tells what staff did (contract §6.4).
        done_with={"status": STATUS_UPDATED, "cancel": STATUS_UPDATED},
        failed="appointment.failed",
        names=NAMES,
        only_new=frozenset({"patient_mrn", "secondary_provider", "new_patient", "prevent_double_booking"}),
        called={"start": "datetime", "cancel": "status"},
        shape=_change,
        data=_changed,
    ),
)
