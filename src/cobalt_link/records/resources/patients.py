"""Patients: a page of those that match, in the contract's shape (§4.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.capabilities import ReadsPatients, Records, listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.matching import matches_patient
from cobalt_link.connector.models import Patient, PatientQuery, Patients
from cobalt_link.kit.text import as_searched, trimmed
from cobalt_link.records.days import day
from cobalt_link.records.engine import Ids, RecordsEngine, Resource
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.paging import Page, Pagination

FILTERS = ("dob", "first_name", "last_name", "mrn", "ehr_id", "phone")
# As many patients as we read at once to apply a filter that the EHR lacks.
MOST = 500
RESOURCE: Resource[Patients] = Resource(
    "patients", lambda found: [("patient", each.ehr_id) for each in found.items], frozenset(FILTERS)
)


class PatientsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional. Names match partly and in any case, the rest exactly; several filters all have to match."""

    dob: Annotated[str | None, Cleaned(trimmed), Meta(description="YYYY-MM-DD."), Alias("date_of_birth")] = None
    first_name: Annotated[str | None, Cleaned(as_searched), Meta(description="Part of it.")] = None
    last_name: Annotated[str | None, Cleaned(as_searched), Meta(description="Part of it.")] = None
    mrn: Annotated[str | None, Cleaned(trimmed), Meta(description="The whole number."), Alias("patient_mrn")] = None
    ehr_id: Annotated[str | None, Cleaned(trimmed), Meta(description="The EHR's own id."), Alias("patient_ehr_id")] = (
        None
    )
    phone: Annotated[str | None, Cleaned(as_searched), Meta(description="In any spelling."), Alias("patient_phone")] = (
        None
    )
    page: Page = 1
    page_size: Annotated[int, Meta(ge=1, le=500, description="How many on one page.")] = 100


class PatientView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id; `dob` and `date_of_birth`, `sex` and `gender` are the same."""

    id: str
    ehr_id: str
    mrn: str
    status: Literal["active"] = "active"
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


class PatientsAnswer(msgspec.Struct, frozen=True):
    patients: list[PatientView]
    pagination: Pagination
    success: bool = True


async def read(reads: RecordsEngine, account: Account, asked: PatientsAsked) -> PatientsAnswer:
    wanted = query(asked)
    ours = reads.left_to_us(account, RESOURCE, [name for name in FILTERS if getattr(wanted, name) is not None])

    async def step(connector: ReadsPatients, chart: Chart) -> Patients:
        if not ours:
            return await _page(connector.patients(chart, wanted), wanted)
        sent = msgspec.structs.replace(wanted, offset=0, limit=MOST, **dict.fromkeys(ours))
        whole = await _page(connector.patients(chart, sent), None)
        if whole.total > len(whole.items):
            raise reads.cannot_filter(account, RESOURCE.capability, ours)
        return _cut([each for each in whole.items if matches_patient(each, wanted)], wanted)

    found, ids = await reads.read(account, RESOURCE, step)
    pagination = Pagination.of(asked.page, asked.page_size, found.total)
    return PatientsAnswer([view(each, ids) for each in found.items], pagination)


async def patients_of(connector: ReadsPatients, chart: Chart, wanted: PatientQuery) -> list[Patient]:
    """The patients who match a record number or an id."""
    found = (await _page(connector.patients(chart, wanted), wanted)).items
    return [each for each in found if matches_patient(each, wanted)]


async def _page(given: Awaitable[Patients] | Records[Patient], wanted: PatientQuery | None) -> Patients:
    """The page of an EHR that has pages, else the part of all patients that `wanted` asks for (None: all)."""
    found = await listed(given) if isinstance(given, AsyncIterator) else await given
    return found if isinstance(found, Patients) else _cut(list(found), wanted)


def _cut(found: list[Patient], wanted: PatientQuery | None) -> Patients:
    part = found[wanted.offset :][: wanted.limit] if wanted else found
    return Patients(items=tuple(part), total=len(found))


def query(asked: PatientsAsked) -> PatientQuery:
    return PatientQuery(
        dob=day(asked.dob) if asked.dob else None,
        first_name=asked.first_name,
        last_name=asked.last_name,
        mrn=asked.mrn,
        ehr_id=asked.ehr_id,
        phone=asked.phone,
        offset=(asked.page - 1) * asked.page_size,
        limit=asked.page_size,
    )


def view(patient: Patient, ids: Ids) -> PatientView:
    return PatientView(
        id=ids["patient", patient.ehr_id],
        date_of_birth=patient.dob,
        gender=patient.sex or "unknown",
        **msgspec.structs.asdict(patient) | {"sex": patient.sex or "unknown"},
    )
