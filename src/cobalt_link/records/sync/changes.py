"""What changed between two reads of a schedule, from keyed digests of what the EHR had.

Nothing of the chart rests with us. EHRs' own times of change are not looked at, because they cannot be trusted.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Literal

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


class SeenAppointment(msgspec.Struct, array_like=True):
    """An appointment as it was: its digest, whether it was cancelled, its day as a number, our id of its patient, and
    the digest of the insurance that it shows."""

    digest: bytes
    cancelled: bool
    day: int
    patient: str | None
    insurance: bytes


class Digests(msgspec.Struct, array_like=True):
    """All of a read. `until` is the last day that was read. Patients are those of its appointments."""

    until: int
    appointments: dict[str, SeenAppointment]
    patients: dict[str, bytes]


class ScheduleChange(msgspec.Struct, frozen=True):
    """`view` is the appointment as it is now, None if the EHR no longer has it. `id` is ours, of the appointment or the
    patient."""

    kind: Kind
    id: str
    view: AppointmentView | None


def digests(key: bytes, views: Iterable[AppointmentView], until: date) -> Digests:
    appointments: dict[str, SeenAppointment] = {}
    patients: dict[str, bytes] = {}
    for each in views:
        fields = {name: value for name, value in msgspec.to_builtins(each).items() if name not in NOT_COMPARED}
        day = each.datetime.date().toordinal() if each.datetime else 0
        own = {name: value for name, value in fields.items() if name not in OF_PATIENT | INSURANCE}
        insurance = _digest(key, {name: fields[name] for name in INSURANCE})
        appointments[each.id] = SeenAppointment(
            _digest(key, own), is_cancelled(each.status), day, each.patient_id, insurance
        )
        if each.patient_id:
            patients[each.patient_id] = _digest(key, {name: fields[name] for name in OF_PATIENT})
    return Digests(until.toordinal(), appointments, patients)


def is_cancelled(status: str | None) -> bool:
    """Whether an EHR's code of a status says so: `CANC`, `user_cancelled`, `CANCELED`."""
    return "canc" in (status or "").lower()


def changes(
    before: Digests, now: Digests, views: Mapping[str, AppointmentView], first: date, ours: Collection[str]
) -> list[ScheduleChange]:
    """What others changed. `first` is the first day of this read, `ours` are the ids of what we have just written.

    What came into the window of days because the time went on is no change, and neither is what left it.
    """
    found: list[ScheduleChange] = []
    for id_, seen in now.appointments.items():
        known = before.appointments.get(id_)
        if id_ in ours or (known and known.digest == seen.digest) or (not known and seen.day > before.until):
            continue
        if not known:
            kind: Kind = "appointment.created"
        else:
            kind = "appointment.cancelled" if seen.cancelled and not known.cancelled else "appointment.updated"
        found.append(ScheduleChange(kind, id_, views[id_]))
    gone = [id_ for id_, known in before.appointments.items() if id_ not in now.appointments]
    found += [
        ScheduleChange("appointment.cancelled", id_, None)
        for id_ in gone
        if id_ not in ours and before.appointments[id_].day >= first.toordinal()
        and not before.appointments[id_].cancelled
    ]  # fmt: skip
    shown = {each.patient_id: each for each in views.values()}
    found += [
        ScheduleChange("patient.updated", id_, shown[id_]) for id_ in _updated_patients(before, now) if id_ not in ours
    ]
    return found


def hold_back(before: Digests, now: Digests) -> None:
    """Leaves out of `now` what is new, so that the next read looks at it again.

    Not what came into the window of days: the next read could no longer tell that from what was created.
    """
    for id_, seen in list(now.appointments.items()):
        if id_ not in before.appointments and seen.day <= before.until:
            del now.appointments[id_]


def _updated_patients(before: Digests, now: Digests) -> list[str]:
    updated = {id_ for id_, digest in now.patients.items() if before.patients.get(id_, digest) != digest}
    for id_, seen in now.appointments.items():
        known = before.appointments.get(id_)
        if known and seen.patient and known.patient == seen.patient and known.insurance != seen.insurance:
            updated.add(seen.patient)
    return sorted(updated)


def _digest(key: bytes, fields: Mapping[str, Any]) -> bytes:
    return hmac.digest(key, msgspec.json.encode(fields, order="sorted"), "sha256")[:16]
