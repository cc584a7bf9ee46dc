"""Patients: a page of those that match, or one, in the contract's shape (§4.7)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.models import Patient
from cobalt_link.kit.text import trimmed
from cobalt_link.records.asked import FiveHundredMost, PartOfIt, Phone, UpdatedSince
from cobalt_link.records.engine import Ids, RecordsEngine
from cobalt_link.records.lists import endpoints
from cobalt_link.records.pending import Pending
from cobalt_link.records.resource import OneRecord, PatientNotFound, Resource, shown_as
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.paging import Page, Pagination


class PatientsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional. Names match partly and in any case, the rest exactly; several filters all have to match."""

    dob: Annotated[str | None, Cleaned(trimmed), Meta(description="YYYY-MM-DD."), Alias("date_of_birth")] = None
    first_name: PartOfIt = None
    last_name: PartOfIt = None
    mrn: Annotated[str | None, Cleaned(trimmed), Meta(description="The whole number."), Alias("patient_mrn")] = None
    ehr_id: Annotated[str | None, Cleaned(trimmed), Meta(description="The EHR's own id."), Alias("patient_ehr_id")] = (
        None
    )
    patient_id: Annotated[str | None, Cleaned(trimmed), Meta(description="Our id, in place of ehr_id.")] = None
    phone: Annotated[Phone, Alias("patient_phone")] = None
    updated_since: UpdatedSince = None
    page: Page = 1
    page_size: FiveHundredMost = 100


class PatientView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id; `dob` and `date_of_birth`, `sex` and `gender` are the same. `status` is
    `pending_update` while the job `job_id` is to change the patient."""

    id: str
    ehr_id: str
    mrn: str
    status: Literal["active", "pending_update"] = "active"
    job_id: int | None = None
    first_name: str
    middle_name: str | None
    last_name: str
    dob: date | None
    date_of_birth: date | None
    sex: Literal["male", "female", "unknown"]
    gender: Literal["male", "female", "unknown"]
    phone: str | None
    cell_phone: str | None
    email: str | None
    address_street: str | None
    address_line2: str | None
    address_city: str | None
    address_state: str | None
    address_zip: str | None
    updated_at: datetime | None


def view(patient: Patient, ids: Ids) -> PatientView:
    return shown_as(
        PatientView,
        patient,
        id=ids["patient", patient.ehr_id],
        date_of_birth=patient.dob,
        sex=patient.sex or "unknown",
        gender=patient.sex or "unknown",
    )


async def marked(engine: RecordsEngine, account: Account, found: list[PatientView]) -> list[PatientView]:
    """With what is being changed (contract §4.7)."""
    jobs = await engine.promises.changing(account, [each.id for each in found])
    return [
        msgspec.structs.replace(each, status="pending_update", job_id=jobs[each.id]) if each.id in jobs else each
        for each in found
    ]


def pending(each: Pending) -> dict[str, Any]:
    return {"date_of_birth": each.fields.get("dob"), "gender": each.fields.get("sex")}


RESOURCE: Resource[Patient] = Resource(
    capability="patients",
    kind="patient",
    path="/v1/patients",
    summary="Find patients, one page at a time.",
    key="patients",
    shown=PatientView,
    view=view,
    asked=PatientsAsked,
    filters={"patient_id": ("ehr_id", "patient")},
    pages=Pagination,
    one=OneRecord(path="/v1/patients/{patient_id}", key="patient", missing=PatientNotFound, pending=pending),
    marked=marked,
)
ENDPOINTS = endpoints(RESOURCE)
