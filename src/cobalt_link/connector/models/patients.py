"""Patients: who they are and how to reach them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, partly, phone
from cobalt_link.connector.models.reading import Read, Records

Sex: TypeAlias = Literal["male", "female", "unknown"]


class PatientMedication(msgspec.Struct, frozen=True, kw_only=True):
    """What a patient takes. `encounter_date` is the day of the visit in which it was prescribed."""

    name: str
    strength: str | None = None
    frequency: str | None = None
    start_date: date | None = None
    encounter_date: date | None = None
    refills: int | None = None
    notes: str | None = None


class PatientPharmacy(msgspec.Struct, frozen=True, kw_only=True):
    """Where a patient gets medications. What is left out is looked up in the EHR's list of pharmacies."""

    pharmacy_ehr_id: str
    is_primary: bool = False
    name: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    phone: str | None = None


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id, `mrn` the medical record number that people use ("" if there is none).

    Phones are as the EHR writes them. `sex` is None if the EHR does not say. `address_state` is a code ("AZ").
    `rendering_provider_ehr_id` is who usually sees the patient.
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
    rendering_provider_ehr_id: str | None = None
    medications: tuple[PatientMedication, ...] = ()
    pharmacies: tuple[PatientPharmacy, ...] = ()
    updated_at: datetime | None = None


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
    updated_since: datetime | None = None
    offset: int = 0
    limit: int = 100


class Patients(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `total` counts all patients that match, on all pages. `partial` says in a sentence, without anything of
    a patient, why the EHR has more than it gives."""

    items: tuple[Patient, ...]
    total: int
    partial: str | None = None


class ReadsPatients(Protocol):
    """`[reads] patients`."""

    def patients(self, chart: Chart, query: PatientQuery) -> Awaitable[Patients] | Records[Patient]:
        """One page of the patients that match, as `Patients`, in a stable order.

        An EHR without pages returns or yields all patients that match: `offset` and `limit` are applied afterwards.
        """
        ...


READ = Read(
    protocol=ReadsPatients,
    record=Patient,
    query=PatientQuery,
    unfiltered=frozenset({"offset", "limit"}),
    matches={
        "dob": exactly("dob"),
        "first_name": partly("first_name"),
        "last_name": partly("last_name"),
        "mrn": exactly("mrn"),
        "ehr_id": exactly("ehr_id"),
        "phone": phone("phone", "cell_phone"),
    },
    topics={
        Patient: {
            "people": "ehr_id mrn first_name last_name middle_name dob sex rendering_provider_ehr_id updated_at",
            "contact": "phone cell_phone email address_street address_line2 address_city address_state address_zip",
            "medications": "medications pharmacies",
        },
        PatientMedication: {"medications": "name strength frequency start_date encounter_date refills notes"},
        PatientPharmacy: {"medications": "pharmacy_ehr_id is_primary name address city state zip phone"},
        Patients: {"people": "items total partial"},
    },
)
