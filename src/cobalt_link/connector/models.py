"""What connectors read: the unified records, with the EHR's own ids. `records` turns them into the contract's shapes.

Dates are `date`; times are aware `datetime` with the practice's offset. A field that the EHR lacks is None.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    ehr_id: str
    mrn: str
    first_name: str
    last_name: str
    middle_name: str | None = None
    dob: date | None = None
    sex: Literal["male", "female", "unknown"] = "unknown"
    phone: str | None = None
    cell_phone: str | None = None
    email: str | None = None
    address_street: str | None = None
    address_line2: str | None = None
    address_city: str | None = None
    address_state: str | None = None
    address_zip: str | None = None


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """`duration` in minutes; None where the EHR keeps none. `status` and `appointment_type` are the EHR's own codes."""

    ehr_id: str
    start: datetime
    patient_ehr_id: str
    patient_mrn: str
    patient_first_name: str
    patient_last_name: str
    duration: int | None = None
    status: str | None = None
    appointment_type: str | None = None
    mode: Literal["office", "telemedicine"] = "office"
    location_ehr_id: str | None = None
    location_name: str | None = None
    reason: str | None = None
    complaint_type: str | None = None
    patient_dob: date | None = None
    patient_sex: Literal["male", "female", "unknown"] | None = None
    patient_phone: str | None = None
    provider_ehr_id: str | None = None
    provider_name: str | None = None
    provider_npi: str | None = None
    secondary_provider_ehr_id: str | None = None
    insurance: str | None = None
    insurance_number: str | None = None
    insurance_group_number: str | None = None
    insurance_subscriber: str | None = None
    secondary_insurance: str | None = None
    secondary_insurance_number: str | None = None
    diagnoses: tuple[dict[str, str], ...] = ()
    medications: tuple[dict[str, str], ...] = ()
    note: str | None = None
    progress_note: str | None = None
    created_at: datetime | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    ehr_id: str
    name: str
    npi: str | None = None
    active: bool = True
    timezone: str | None = None


class Location(msgspec.Struct, frozen=True, kw_only=True):
    ehr_id: str
    name: str
    active: bool = True
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    phone: str | None = None
    fax: str | None = None


class Coded(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    description: str


class PracticeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR says of the practice itself. `timezone` is an IANA name; None where the EHR keeps none."""

    timezone: str | None = None
    visit_types: tuple[Coded, ...] = ()
    visit_statuses: tuple[Coded, ...] = ()
    required_patient_fields: tuple[str, ...] = ()


class AppointmentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` are days of the practice, both included."""

    start: date
    end: date
    patient_mrn: str | None = None
    patient_name: str | None = None
    patient_phone: str | None = None
    mode: Literal["office", "telemedicine"] | None = None
    include_note: bool = False


class PatientQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Names match partly and in any case; the rest exactly. `offset` counts from 0."""

    dob: date | None = None
    first_name: str | None = None
    last_name: str | None = None
    mrn: str | None = None
    ehr_id: str | None = None
    phone: str | None = None
    offset: int = 0
    limit: int = 100


class Patients(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `total` counts all that match, on all pages."""

    items: tuple[Patient, ...]
    total: int
