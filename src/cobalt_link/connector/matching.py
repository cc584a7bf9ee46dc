"""Whether a patient or an appointment fits a query, the same for every EHR that cannot filter by itself."""

from __future__ import annotations

from cobalt_link.connector.models.appointments import Appointment, AppointmentQuery
from cobalt_link.connector.models.filters import holds, same_phone
from cobalt_link.connector.models.patients import Patient, PatientQuery


def names_patient(patient: Patient, name: str | None) -> bool:
    """Whether every word of `name` stands in one of the patient's names: "Betz, Ana" and "ana betz" are the same."""
    names = (patient.first_name, patient.middle_name, patient.last_name)
    return all(any(holds(each, word) for each in names) for word in (name or "").replace(",", " ").split())


def matches_appointment(each: Appointment, query: AppointmentQuery) -> bool:
    """Whether an appointment fits the query's filters. Days, `include_note`, and `updated_since` are not looked at."""
    patient = each.patient
    return (
        query.mode in (None, each.mode)
        and query.patient_mrn in (None, patient.mrn)
        and query.patient_ehr_id in (None, patient.ehr_id)
        and names_patient(patient, query.patient_name)
        and _has_phone(patient, query.patient_phone)
    )


def matches_patient(patient: Patient, query: PatientQuery) -> bool:
    """Whether a patient fits the query's filters. `updated_since` is not looked at."""
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
