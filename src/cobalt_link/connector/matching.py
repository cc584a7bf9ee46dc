"""How a filter matches a record, the same for every EHR that cannot filter by itself."""

from __future__ import annotations

import re
import unicodedata

from cobalt_link.connector.models import Appointment, AppointmentQuery, Patient, PatientQuery
from cobalt_link.kit.text import as_searched

# Enough digits to tell two numbers apart if only one of them has a country code.
LEAST_DIGITS = 7


def holds(text: str | None, part: str | None) -> bool:
    """Whether `part` stands in `text`: in any case, with any kind of apostrophe, hyphen, and blank, with letters that
    are composed or not. None and "" stand in every text."""
    return _folded(part) in _folded(text)


def names_patient(patient: Patient, name: str | None) -> bool:
    """Whether every word of `name` stands in one of the patient's names: "Betz, Ana" and "ana betz" are the same."""
    names = (patient.first_name, patient.middle_name, patient.last_name)
    return all(any(holds(each, word) for each in names) for word in (name or "").replace(",", " ").split())


def same_phone(one: str | None, other: str | None) -> bool:
    """Whether two spellings are one phone number, with or without a country code."""
    shorter, longer = sorted((digits(one), digits(other)), key=len)
    return bool(shorter) and (shorter == longer or (len(shorter) >= LEAST_DIGITS and longer.endswith(shorter)))


def digits(phone: str | None) -> str:
    return re.sub(r"[^0-9]", "", phone or "")


def matches_appointment(each: Appointment, query: AppointmentQuery) -> bool:
    """Whether an appointment fits the query's filters. Days and `include_note` are not looked at."""
    patient = each.patient
    return (
        query.mode in (None, each.mode)
        and query.patient_mrn in (None, patient.mrn)
        and names_patient(patient, query.patient_name)
        and _has_phone(patient, query.patient_phone)
    )


def matches_patient(patient: Patient, query: PatientQuery) -> bool:
    """Whether a patient fits the query's filters."""
    return (
        query.ehr_id in (None, patient.ehr_id)
        and query.mrn in (None, patient.mrn)
        and query.dob in (None, patient.dob)
        and holds(patient.first_name, query.first_name)
        and holds(patient.last_name, query.last_name)
        and _has_phone(patient, query.phone)
    )


def _has_phone(patient: Patient, phone: str | None) -> bool:
    return phone is None or any(same_phone(phone, each) for each in (patient.phone, patient.cell_phone))


def _folded(text: str | None) -> str:
    return unicodedata.normalize("NFKC", as_searched(text or "").casefold())
