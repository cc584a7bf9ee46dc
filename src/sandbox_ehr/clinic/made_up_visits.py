"""The made-up schedule: the visits of one clinic on one local day, the same every time somebody asks for that day."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic.practice import CLINICS, VISIT_TYPES, Clinic, Provider, VisitType, shift_of
from sandbox_ehr.clinic.seeded_choice import number, pick

# In minutes since midnight.
LUNCH = range(12 * 60, 13 * 60)
# The reason for the visit, then the diagnosis and its ICD-10-CM code once the visit is over.
REASONS = (
    ("Blood pressure check", "Essential hypertension", "I10"),
    ("Diabetes follow-up", "Type 2 diabetes mellitus without complications", "E11.9"),
    ("Sore throat for three days", "Acute pharyngitis, unspecified", "J02.9"),
    ("Knee pain after a fall", "Pain in right knee", "M25.561"),
    ("Annual wellness visit", "Encounter for general adult medical examination without abnormal findings", "Z00.00"),
    ("Medication refill", "Encounter for issue of repeat prescription", "Z76.0"),
    ("Cough and fever", "Acute upper respiratory infection, unspecified", "J06.9"),
    ("Trouble sleeping", "Insomnia, unspecified", "G47.00"),
    ("Review of lab results", "Person consulting for explanation of examination or test findings", "Z71.2"),
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
    """The rest of a visit: everything but its time, its patient and its status. The fields are the API's member names.

    `created_at` and `updated_at` are ISO 8601 times in the clinic's time zone.
    """

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
    updated_at: str
    created_by: str = "u1"
    client_ref: str = ""
    new_patient: bool = False


DIAGNOSES = {code: text for _, text, code in REASONS}


class PlannedVisit(msgspec.Struct, frozen=True):
    """`plan` is the status until the visit starts, `outcome` the status once it is over.

    `patient_number` is any number. The patient is the one at that position of the clinic's list, modulo its length.
    """

    id: str
    starts: datetime
    patient_number: int
    mode: str
    plan: str
    outcome: str
    details: VisitDetails


@lru_cache(1024)
def visits_on(clinic_id: str, day: date) -> tuple[PlannedVisit, ...]:
    clinic = CLINICS[clinic_id]
    working = [provider for provider in clinic.providers if day.weekday() in provider.days]
    return tuple(visit for provider in working for visit in _day_of(clinic, provider, day))


def _day_of(clinic: Clinic, provider: Provider, day: date) -> list[PlannedVisit]:
    """One provider's visits, one after the other with gaps between them, so that nobody is booked twice at once."""
    visits: list[PlannedVisit] = []
    opens, closes = shift_of(day.weekday())
    minute = opens + 20 * number(3, clinic.id, provider.id, day, "first")
    while True:
        key = f"{clinic.id}/{provider.id}/{day}/{len(visits)}"
        kind = pick(VISIT_TYPES, key, "type")
        if minute in LUNCH or minute < LUNCH.start < minute + kind.minutes:
            minute = LUNCH.stop
        if minute + kind.minutes > closes:
            return visits
        starts = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(clinic.timezone))
        visits.append(_visit(clinic, provider, starts, kind, f"{day:%Y%m%d}{provider.id}{len(visits):02}", key))
        minute += kind.minutes + 20 * number(4, key, "gap")


def _visit(
    clinic: Clinic, provider: Provider, starts: datetime, kind: VisitType, visit_id: str, key: str
) -> PlannedVisit:
    is_cancelled = number(12, key, "cancelled") == 0
    cancelled = pick(("CANC", "R/S"), key, "how")
    return PlannedVisit(
        id=visit_id,
        starts=starts,
        patient_number=number(10**6, key, "patient"),
        mode=kind.mode,
        # A value that a list contains several times is drawn that much more often.
        plan=cancelled if is_cancelled else pick(("SCHED", "CONF", "CONF"), key, "plan"),
        outcome=cancelled if is_cancelled else pick(("DONE",) * 9 + ("NOSHOW",), key, "outcome"),
        details=_details(clinic, provider, starts, kind, key),
    )


def _details(clinic: Clinic, provider: Provider, starts: datetime, kind: VisitType, key: str) -> VisitDetails:
    reason, diagnosis, code = pick(REASONS, key, "reason")
    # The words of each draw are part of its key. Another word would give every visit of every day other data.
    made = starts - timedelta(days=2 + number(40, key, "made"), minutes=number(300, key, "made at"))
    others = [other.id for other in clinic.providers if other.active and other is not provider]
    return VisitDetails(
        type=kind.code,
        minutes=kind.minutes,
        location_id=provider.days[starts.weekday()],
        provider_id=provider.id,
        second_provider_id=pick(others, key, "second") if kind.code == "PROC" else "",
        reason=reason,
        complaint=pick(("", "acute", "chronic"), key, "complaint"),
        note=pick(NOTES, key, "note"),
        progress_note=f"Seen for: {reason.lower()}. Made-up note, no real patient.",
        diagnoses=(Diagnosis(code, diagnosis),),
        medications=(Medication(*pick(MEDICINES, key, "medicine")),) if not number(3, key, "takes") else (),
        created_at=made.isoformat(timespec="seconds"),
        updated_at=made.isoformat(timespec="seconds"),
        new_patient=kind.code == "NP",
    )
