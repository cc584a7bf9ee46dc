"""What connectors read: the unified records, with the EHR's own ids. `records` turns them into the API's shapes.

Days are `date`. Times are `datetime` with the practice's offset, or without one if the grant names the practice's zone.
A field that the EHR does not have is None. Texts are as the EHR writes them, without surrounding spaces.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal, TypeAlias

import msgspec

Sex: TypeAlias = Literal["male", "female", "unknown"]
Mode: TypeAlias = Literal["office", "telemedicine"]


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id, `mrn` the medical record number that people use ("" if there is none).

    Phones are as the EHR writes them. `sex` is None if the EHR does not say. `address_state` is a code ("AZ").
    """

    ehr_id: str
    mrn: str
    first_name: str
    last_name: str
    middle_name: str | None = None
    dob: date | None = None
    sex: Sex | None = None
    phone: str | None = None
    cell_phone: str | None = None
    email: str | None = None
    address_street: str | None = None
    address_line2: str | None = None
    address_city: str | None = None
    address_state: str | None = None
    address_zip: str | None = None


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """`start` in the practice's time, None if the EHR has no date for it. `duration` in minutes. `status` and
    `appointment_type` are the EHR's own codes.

    `patient` holds what the EHR's schedule says about the patient: id, record number, name, and what else it has.
    `diagnoses` and `medications` are small objects of texts, such as {"code": "J20.9", "text": "Acute bronchitis"}.
    `note` is the scheduler's remark; `progress_note` is the clinician's, and read only on request (`include_note`).
    """

    ehr_id: str
    start: datetime | None
    patient: Patient
    duration: int | None = None
    status: str | None = None
    appointment_type: str | None = None
    mode: Mode = "office"
    location_ehr_id: str | None = None
    location_name: str | None = None
    reason: str | None = None
    complaint_type: str | None = None
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


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Working hours that come back every week, in the practice's time. `weekday` is 1 for Monday to 7 for Sunday."""

    weekday: int
    start: time
    end: time
    location_ehr_id: str | None = None
    location_name: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who sees patients. `name` is "Last, First"; `npi` has 10 digits; `timezone` is an IANA name. `hours` are
    empty if the EHR does not keep them."""

    ehr_id: str
    name: str
    npi: str | None = None
    active: bool = True
    timezone: str | None = None
    hours: tuple[Shift, ...] = ()


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the practice works. `state` is a code ("AZ")."""

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
    """A code of the EHR, and what people call it."""

    code: str
    description: str


class PracticeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR says about the practice. `timezone` is an IANA name. `required_patient_fields` are fields of
    `Patient` that the EHR asks for when a patient is added."""

    timezone: str | None = None
    visit_types: tuple[Coded, ...] = ()
    visit_statuses: tuple[Coded, ...] = ()
    required_patient_fields: tuple[str, ...] = ()


class AppointmentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` are days, both included: days of the practice as the EHR counts them.

    If the app has set a time zone for the org, or the grant names one (`Grant.zone`, which the app's wins over), the
    query is one day wider on each side, and only appointments that start on the asked days in that zone are answered.
    So an EHR that counts days in UTC loses nothing, and no connector converts days. `patient_name` is part of the name,
    `patient_phone` in any spelling, `patient_mrn` the whole number. Only declared filters are ever set.
    """

    start: date
    end: date
    patient_mrn: str | None = None
    patient_name: str | None = None
    patient_phone: str | None = None
    mode: Mode | None = None
    include_note: bool = False


class PatientQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Names match partly and in any case, `phone` in any spelling, the rest exactly. Only declared filters
    are ever set.

    `offset` counts patients from 0, `limit` is at most 500.
    """

    dob: date | None = None
    first_name: str | None = None
    last_name: str | None = None
    mrn: str | None = None
    ehr_id: str | None = None
    phone: str | None = None
    offset: int = 0
    limit: int = 100


class Patients(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `total` counts all patients that match, on all pages."""

    items: tuple[Patient, ...]
    total: int
