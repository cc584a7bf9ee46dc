"""Patients as a live fetch gives them, with what they take and who insures them (contract §4.7)."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.models import Patient
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids, RecordsEngine
from cobalt_link.records.lists import read_list
from cobalt_link.records.resource import Resource, shown_as
from cobalt_link.records.resources import insurances, patients, pharmacies, tasks
from cobalt_link.records.resources.patients import PatientsAsked, PatientView

Found = dict[str, Any]


class FoundMedication(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    strength: str | None
    frequency: str | None
    start_date: date | None
    encounter_date: date | None
    refills: int | None
    notes: str | None


class FoundPharmacy(msgspec.Struct, frozen=True, kw_only=True):
    """`is_primary` is "1" or "0"."""

    pharmacy_ehr_id: str
    is_primary: str
    name: str | None
    address: str | None
    city: str | None
    state: str | None
    zip: str | None
    phone: str | None


class FoundPatient(PatientView, frozen=True, kw_only=True):
    """`rendering_provider_id` is the EHR's id. The insurance is the first of those that were included, else null."""

    rendering_provider_id: str | None
    medications: list[FoundMedication]
    pharmacies: list[FoundPharmacy]
    insurance_name: str | None = None
    insurance_subscriber_number: str | None = None


def view(patient: Patient, ids: Ids) -> FoundPatient:
    return FoundPatient(
        **msgspec.structs.asdict(patients.view(patient, ids)),
        rendering_provider_id=patient.rendering_provider_ehr_id,
        medications=[shown_as(FoundMedication, each) for each in patient.medications],
        pharmacies=[
            shown_as(FoundPharmacy, each, is_primary="1" if each.is_primary else "0") for each in patient.pharmacies
        ],
    )


RESOURCE = msgspec.structs.replace(patients.RESOURCE, shown=FoundPatient, view=view)


async def find(engine: RecordsEngine, account: Account, wanted: PatientsAsked, include: list[str]) -> Found:
    """The data of the event."""
    found: list[FoundPatient] = (await read_list(engine, account, RESOURCE, wanted, {}))["patients"]
    stores = await _stores(engine, account) if any(each.pharmacies for each in found) else {}
    shown = [await _with(engine, account, each, include, stores) for each in found]
    return {"success": True, "patient_count": len(shown), "patients": shown}


async def _with(
    engine: RecordsEngine, account: Account, each: FoundPatient, include: list[str], stores: dict[str, Found]
) -> Found:
    patient: Found = msgspec.to_builtins(each)
    patient["pharmacies"] = [
        one | stores.get(one["pharmacy_ehr_id"], {}) | {name: value for name, value in one.items() if value is not None}
        for one in patient["pharmacies"]
    ]
    for name, resource in (("insurances", insurances.RESOURCE), ("tasks", tasks.RESOURCE)):
        if name in include:
            patient[name] = await _of_patient(engine, account, resource, each.id)
    if plans := sorted(patient.get("insurances", ()), key=lambda plan: plan["priority"] or 9):
        patient |= {name: plans[0][name] for name in ("insurance_name", "insurance_subscriber_number")}
    return patient


async def _stores(engine: RecordsEngine, account: Account) -> dict[str, Found]:
    """The EHR's pharmacies by id, in the words of a patient's."""
    if not engine.offers(account, pharmacies.RESOURCE.capability):
        return {}
    rows = (await read_list(engine, account, pharmacies.RESOURCE, NothingAsked(), {}))["pharmacies"]
    names = ("name", "phone")
    return {
        row.ehr_id: {name: getattr(row, name) for name in names}
        | {"address": row.address.address1, **{part: getattr(row.address, part) for part in ("city", "state", "zip")}}
        for row in rows
    }


async def _of_patient(engine: RecordsEngine, account: Account, resource: Resource[Any], patient_id: str) -> Any:
    if resource.within:
        rows = await read_list(engine, account, resource, resource.asked(), {resource.within.parameter: patient_id})
    else:
        rows = await read_list(engine, account, resource, resource.asked(patient_id=patient_id), {})  # type: ignore[call-arg]
    return msgspec.to_builtins(rows[resource.key])
