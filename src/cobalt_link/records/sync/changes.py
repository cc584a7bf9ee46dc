"""What changed between two reads of a schedule, from keyed digests of what the EHR had.

Nothing of the chart rests with us. EHRs' own times of change are not looked at, because they cannot be trusted.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Literal

import msgspec

from cobalt_link.records.resources.appointments import AppointmentView

Kind = Literal["appointment.created", "appointment.updated", "appointment.cancelled", "patient.updated"]
# The EHR's times, and what only we say.
NOT_COMPARED = {"created_at", "updated_at", "object_metadata"}
OF_PATIENT = {
    "patient_name",
    "patient_first_name",
    "patient_last_name",
    "patient_mrn",
    "patient_dob",
    "patient_sex",
    "patient_gender",
    "patient_phone",
}
FIELDS = sorted(each.name for each in msgspec.structs.fields(AppointmentView))
# Of the patient too, but some EHRs have it for each appointment.
INSURANCE = {
    "insurance",
    "insurance_number",
    "insurance_group_number",
    "insurance_subscriber",
    "secondary_insurance",
    "secondary_insurance_number",
    "insurances",
}


Span = tuple[float, float]
"""Two Unix times: between them, an appointment came into the EHR or at least into what we read of it."""


class SeenAppointment(msgspec.Struct, array_like=True):
    """An appointment as it was: its digest, whether it was cancelled, its day as a number, our id of its patient, and
    the digest of the insurance that it shows."""

    digest: bytes
    cancelled: bool
    day: int
    patient: str | None
    insurance: bytes


class Digests(msgspec.Struct, array_like=True):
    """All of a read. `until` is the last day that was read. Patients are those of its appointments.

    `form` is the same for two reads whose digests can be compared: if only we look at the EHR in another way, nothing
    has changed there. `held` are new appointments that may be ours, with when they came (see `hold_back`). `is_partial`
    says that the EHR had more than it gave. `began` is a Unix time by the database's clock.
    """

    until: int
    appointments: dict[str, SeenAppointment]
    patients: dict[str, bytes]
    form: bytes = b""
    held: dict[str, Span] = {}
    is_partial: bool = False
    began: float = 0


class ScheduleRead(msgspec.Struct, frozen=True, kw_only=True):
    """What is known besides the digests of two reads.

    `first` is the first day of the later one. `ours` are our ids of what we have just written. `views` are the
    appointments as they are now. `older` are the ids of ours that were there before the last read. `looked_up` are
    appointments that are no longer among those of these days, None if the EHR has them no longer.
    """

    views: Mapping[str, AppointmentView]
    first: date
    ours: Collection[str] = ()
    older: Collection[str] = ()
    looked_up: Mapping[str, SeenAppointment | None] = {}


class ScheduleChange(msgspec.Struct, frozen=True):
    """`view` is the appointment as it is now, None if the EHR no longer has it. `id` is ours, of the appointment or the
    patient."""

    kind: Kind
    id: str
    view: AppointmentView | None


def digests(key: bytes, views: Iterable[AppointmentView], until: date, form: object = ()) -> Digests:
    """`form` is what the digests depend on besides the EHR."""
    appointments: dict[str, SeenAppointment] = {}
    patients: dict[str, bytes] = {}
    for each in views:
        fields = {name: value for name, value in msgspec.to_builtins(each).items() if name not in NOT_COMPARED}
        # The same moment in another zone is no change.
        if each.datetime and each.datetime.tzinfo:
            fields["datetime"] = each.datetime.timestamp()
        day = each.datetime.date().toordinal() if each.datetime else 0
        own = {name: value for name, value in fields.items() if name not in OF_PATIENT | INSURANCE}
        insurance = _digest(key, {name: fields[name] for name in INSURANCE})
        appointments[each.id] = SeenAppointment(
            _digest(key, own), is_cancelled(each.status), day, each.patient_id, insurance
        )
        if each.patient_id:
            patients[each.patient_id] = _digest(key, {name: fields[name] for name in OF_PATIENT})
    return Digests(until.toordinal(), appointments, patients, _digest(key, [FIELDS, form]))


def is_cancelled(status: str | None) -> bool:
    """Whether an EHR's code of a status says so: `CANC`, `user_cancelled`, `CANCELED`."""
    return "canc" in (status or "").lower()


def gone(before: Digests, now: Digests, first: date) -> list[str]:
    """Appointments that the last read had and this one lacks, although it reads their day. They may have been moved.

    Not those that were cancelled: many EHRs leave these out.
    """
    return [
        id_
        for id_, known in before.appointments.items()
        if id_ not in now.appointments and not known.cancelled and known.day >= first.toordinal()
    ]


def arrived(before: Digests, now: Digests, ours: Collection[str]) -> list[str]:
    """Appointments that only this read has, on days that the last one read too. If it is not the first time that
    somebody sees them, they were moved here."""
    return [
        id_
        for id_, seen in now.appointments.items()
        if id_ not in before.appointments and id_ not in ours and id_ not in before.held and seen.day <= before.until
    ]


def changes(before: Digests, now: Digests, seen: ScheduleRead) -> list[ScheduleChange]:
    """What others changed.

    What came into the window of days because the time went on is no change, and neither is what left it.
    """
    looked_up = {id_: each for id_, each in seen.looked_up.items() if each}
    found = [
        ScheduleChange(kind, id_, seen.views[id_])
        for id_, each in {**now.appointments, **looked_up}.items()
        if id_ not in seen.ours and (kind := _kind(before, now, id_, each, seen.older))
    ]
    found += [
        ScheduleChange("appointment.cancelled", id_, None)
        for id_, each in seen.looked_up.items()
        if not each and id_ not in seen.ours
    ]
    shown = {each.patient_id: each for each in seen.views.values()}
    updated = _updated_patients(before, now) if before.form == now.form else []
    found += [ScheduleChange("patient.updated", id_, shown[id_]) for id_ in updated if id_ not in seen.ours]
    return found


def _kind(before: Digests, now: Digests, id_: str, seen: SeenAppointment, older: Collection[str]) -> Kind | None:
    known = before.appointments.get(id_)
    if known is None:
        # Of an EHR that gives a part of what it has, nobody knows what is new in it.
        if seen.day > before.until or before.is_partial or now.is_partial:
            return None
        return "appointment.updated" if id_ in older else "appointment.created"
    if seen.cancelled and not known.cancelled:
        return "appointment.cancelled"
    return "appointment.updated" if known.digest != seen.digest and before.form == now.form else None


def keep(before: Digests, now: Digests, seen: ScheduleRead) -> None:
    """Adds to `now` what the EHR did not list and has, or may have: it is the same appointment when it comes back."""
    first = seen.first.toordinal()
    for id_, known in before.appointments.items():
        if id_ in now.appointments or known.day < first:
            continue
        found = seen.looked_up.get(id_, None if id_ in seen.ours else known)
        if found and first <= found.day <= now.until:
            now.appointments[id_] = found


def hold_back(before: Digests, now: Digests, arriving: Collection[Span], came: Span) -> None:
    """Leaves out of `now` what may be an appointment of ours, so that the next read looks at it again.

    `arriving` are the times when ours may reach the EHR, `came` is the time from the last read to this one. Nothing of
    what came into the window of days is held back: the next read could no longer tell that from what was created.
    """
    for id_, seen in list(now.appointments.items()):
        if id_ in before.appointments or seen.day > before.until:
            continue
        after, until = before.held.get(id_, came)
        if any(first <= until and after <= last for first, last in arriving):
            now.held[id_] = (after, until)
            del now.appointments[id_]


def _updated_patients(before: Digests, now: Digests) -> list[str]:
    updated = {id_ for id_, digest in now.patients.items() if before.patients.get(id_, digest) != digest}
    for id_, seen in now.appointments.items():
        known = before.appointments.get(id_)
        if known and seen.patient and known.patient == seen.patient and known.insurance != seen.insurance:
            updated.add(seen.patient)
    return sorted(updated)


def _digest(key: bytes, fields: object) -> bytes:
    return hmac.digest(key, msgspec.json.encode(fields, order="sorted"), "sha256")[:16]
