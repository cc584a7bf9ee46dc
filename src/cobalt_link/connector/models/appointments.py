"""Appointments, and the times of the schedule that are none: blocked ones, and open slots."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import in_any_case
from cobalt_link.connector.models.patients import Patient
from cobalt_link.connector.models.reading import Read, Records

Mode: TypeAlias = Literal["office", "telemedicine"]


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """`start` in the practice's time, None if the EHR has no date for it. `duration` in minutes. `status` and
    `appointment_type` are the EHR's own codes. `cancelled`: whether it takes no time of its provider anymore, because
    it was cancelled or moved.

    `patient` holds what the EHR's schedule says about the patient: id, record number, name, and what else it has.
    `diagnoses` and `medications` are small objects of texts, such as {"code": "J20.9", "text": "Acute bronchitis"}.
    `note` is the scheduler's remark; `progress_note` is the clinician's, and read only on request (`include_note`).
    """

    ehr_id: str
    start: datetime | None
    patient: Patient
    duration: int | None = None
    status: str | None = None
    cancelled: bool = False
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
    updated_at: datetime | None = None


class AppointmentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` are days, both included: days of the practice as the EHR counts them.

    If the app has set a time zone for the org, or the grant names one (`Grant.zone`, which the app's wins over), the
    query is one day wider on each side, and only appointments that start on the asked days in that zone are answered.
    So an EHR that counts days in UTC loses nothing, and no connector converts days. `patient_name` is part of the name,
    `patient_phone` in any spelling, `patient_mrn` the whole number, `patient_ehr_id` the EHR's own id. Only declared
    filters are ever set.
    """

    start: date
    end: date
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    patient_name: str | None = None
    patient_phone: str | None = None
    mode: Mode | None = None
    include_note: bool = False
    updated_since: datetime | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a provider takes no appointments. Times as in `Appointment.start`."""

    ehr_id: str
    start: datetime
    end: datetime
    provider_ehr_id: str | None = None
    location_ehr_id: str | None = None
    title: str | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A time that the practice keeps open for appointments. `title` is what the practice calls such slots ("Open")."""

    ehr_id: str
    start: datetime
    end: datetime
    provider_ehr_id: str | None = None
    location_ehr_id: str | None = None
    location_name: str | None = None
    title: str | None = None


class DaysQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are days of the practice, both included."""

    start_date: date
    end_date: date
    provider_ehr_id: str | None = None


class SlotQuery(DaysQuery, frozen=True, kw_only=True):
    title: str | None = None


class ReadsAppointments(Protocol):
    """`[reads] appointments`."""

    def appointments(self, chart: Chart, query: AppointmentQuery) -> Records[Appointment]:
        """All appointments that start on one of the days, ordered by start, with the declared filters applied."""
        ...


@runtime_checkable
class FindsAppointments(Protocol):
    """Optional, with `[reads] appointments`. Without it one appointment is looked for in the days around today."""

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        """One appointment by the EHR's id. None if the EHR does not know it."""
        ...


class ReadsBlocks(Protocol):
    """`[reads] blocks`."""

    def blocks(self, chart: Chart, query: DaysQuery) -> Records[Block]:
        """All blocked times that overlap one of the days."""
        ...


class ReadsSlots(Protocol):
    """`[reads] slots`."""

    def slots(self, chart: Chart, query: SlotQuery) -> Records[Slot]:
        """All open slots that start on one of the days, those that are taken by now included."""
        ...


DAYS = frozenset({"start_date", "end_date"})
READ = Read(
    protocol=ReadsAppointments,
    record=Appointment,
    query=AppointmentQuery,
    unfiltered=frozenset({"start", "end"}),
    renamed={"appointment_mode": "mode"},
    optional={"appointment": FindsAppointments},
    topics={
        Appointment: {
            "visits": "ehr_id start duration status cancelled appointment_type mode location_ehr_id location_name"
            " provider_ehr_id provider_name provider_npi secondary_provider_ehr_id created_at updated_at",
            "people": "patient",
            "reasons": "reason complaint_type note",
            "diagnoses": "diagnoses",
            "medications": "medications",
            "notes": "progress_note",
            "insurance": "insurance insurance_number insurance_group_number insurance_subscriber secondary_insurance"
            " secondary_insurance_number",
        },
    },
)
BLOCKS = Read(
    protocol=ReadsBlocks,
    record=Block,
    query=DaysQuery,
    unfiltered=DAYS,
    topics={Block: {"openings": "ehr_id start end provider_ehr_id location_ehr_id title"}},
)
SLOTS = Read(
    protocol=ReadsSlots,
    record=Slot,
    query=SlotQuery,
    unfiltered=DAYS,
    matches={"title": in_any_case("title")},
    topics={Slot: {"openings": "ehr_id start end provider_ehr_id location_ehr_id location_name title"}},
)
