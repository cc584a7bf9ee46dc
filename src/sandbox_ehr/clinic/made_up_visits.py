"""The made-up schedule: one clinic's visits of one local day, the same every time that day is asked for."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic.practice import CLINICS, VISIT_TYPES, Clinic, Provider, VisitType, shift_of
from sandbox_ehr.clinic.seeded_choice import number, pick

LUNCH = range(12 * 60, 13 * 60)
REASONS = (
    ("Blood pressure check", "Essential hypertension", "I10"),
    ("Diabetes follow-up", "Type 2 diabetes mellitus without complications", "E11.9"),
    ("Sore throat for three days", "Acute pharyngitis, unspecified", "J02.9"),
    ("Knee pain after a fall", "Pain in right knee", "M25.561"),
    ("Annual wellness visit", "", ""),
    ("Medication refill", "", ""),
    ("Cough and fever", "Acute upper respiratory infection, unspecified", "J06.9"),
    ("Trouble sleeping", "Insomnia, unspecified", "G47.00"),
    ("Review of lab results", "", ""),
    ("Headaches, worse in the morning", "Migraine, unspecified", "G43.909"),
)
MEDICINES = (
    ("Lisinopril", "10 mg tablet", "Once a day"),
    ("Metformin", "500 mg tablet", "Twice a day with food"),
    ("Atorvastatin", "20 mg tablet", "At bedtime"),
    ("Albuterol", "90 mcg inhaler", "2 puffs as needed"),
)
NOTES = ("", "", "", "Needs an interpreter.", "Arrives by wheelchair, first floor please.", "Call before coming.")


class Diagnosis(msgspec.Struct, frozen=True):
    """`code` is ICD-10-CM."""

    code: str
    text: str


class Medication(msgspec.Struct, frozen=True):
    name: str
    strength: str
    frequency: str


class VisitDetails(msgspec.Struct, frozen=True):
    """What the schedule says of a visit besides when, who and its status; `created_at` is local, with its offset."""

    type: str
    minutes: int
    location_id: str
    provider_id: str
    second_provider_id: str
    reason: str
    complaint: str
    note: str
    progress_note: str
    diagnoses: tuple[Diagnosis, ...]
    medications: tuple[Medication, ...]
    created_at: str


class Visit(msgspec.Struct, frozen=True):
    """A visit as planned; `plan` is its status until it begins, `outcome` once it is over."""

    id: str
    starts: datetime
    patient: int
    mode: str
    plan: str
    outcome: str
    details: VisitDetails


@lru_cache(1024)
def visits_of(clinic_id: str, day: date) -> tuple[Visit, ...]:
    """All visits of that day; `patient` is a number to take modulo the clinic's patients."""
    clinic = CLINICS[clinic_id]
    working = [provider for provider in clinic.providers if day.weekday() in provider.days]
    return tuple(visit for provider in working for visit in _day_of(clinic, provider, day))


def _day_of(clinic: Clinic, provider: Provider, day: date) -> list[Visit]:
    visits: list[Visit] = []
    opens, closes = shift_of(day.weekday())
    minute = opens + 20 * number(3, clinic.id, provider.id, day, "first")
    while True:
        key = f"{clinic.id}/{provider.id}/{day}/{len(visits)}"
        kind = pick(VISIT_TYPES, key, "type")
        if minute in LUNCH or minute < LUNCH.start < minute + kind.minutes:
            minute = LUNCH.stop
        if minute + kind.minutes > closes:
            return visits
        visits.append(_visit(clinic, provider, day, minute, kind, len(visits), key))
        minute += kind.minutes + 20 * number(4, key, "gap")


def _visit(clinic: Clinic, provider: Provider, day: date, minute: int, kind: VisitType, place: int, key: str) -> Visit:
    starts = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(clinic.timezone))
    gone = number(12, key, "cancelled") == 0
    cancelled = pick(("CANC", "R/S"), key, "how")
    return Visit(
        id=f"{day:%Y%m%d}{provider.id}{place:02}",
        starts=starts,
        patient=number(10**6, key, "patient"),
        mode=kind.mode,
        plan=cancelled if gone else pick(("SCHED", "CONF", "CONF"), key, "plan"),
        outcome=cancelled if gone else pick(("DONE",) * 9 + ("NOSHOW",), key, "outcome"),
        details=_details(clinic, provider, day, kind, starts, key),
    )


def _details(
    clinic: Clinic, provider: Provider, day: date, kind: VisitType, starts: datetime, key: str
) -> VisitDetails:
    complaint, diagnosis, code = pick(REASONS, key, "reason")
    made = starts - timedelta(days=2 + number(40, key, "made"), minutes=number(300, key, "made at"))
    others = [other.id for other in clinic.providers if other.active and other is not provider]
    return VisitDetails(
        type=kind.code,
        minutes=kind.minutes,
        location_id=provider.days[day.weekday()],
        provider_id=provider.id,
        second_provider_id=pick(others, key, "second") if kind.code == "PROC" else "",
        reason=complaint,
        complaint=pick(("", "acute", "chronic"), key, "complaint"),
        note=pick(NOTES, key, "note"),
        progress_note=f"Seen for: {complaint.lower()}. Made-up note, no real patient." if diagnosis else "",
        diagnoses=(Diagnosis(code, diagnosis),) if diagnosis else (),
        medications=(Medication(*pick(MEDICINES, key, "medicine")),) if not number(3, key, "takes") else (),
        created_at=made.isoformat(timespec="seconds"),
    )
