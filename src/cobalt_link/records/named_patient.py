"""The patient that a request names: by our id or by the record number, whichever of the two the EHR's list takes."""

from __future__ import annotations

from typing import Any

from cobalt_link.accounts.account import Account
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.matching import matches_patient
from cobalt_link.connector.models import Capability, Patient, PatientQuery
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.gathering import gathered
from cobalt_link.records.resource import PatientNotFound

# The filters of a list that name a patient, and those of the list of patients.
PATIENT = {"patient_mrn": "mrn", "patient_ehr_id": "ehr_id"}
Filter = tuple[str, Any]


async def patients_of(connector: Any, chart: Chart, wanted: PatientQuery) -> list[Patient]:
    """The patients who match a record number or an id."""
    found = (await gathered(connector.patients(chart, wanted))).rows
    return [each for each in found if matches_patient(each, wanted)]


async def patient_named(engine: RecordsEngine, account: Account, sent: str, *, by_id: bool = False) -> Filter:
    """The filter that finds a patient: by the EHR's id for an id of ours, else by the record number. `by_id`: what is
    no id of ours is the EHR's own."""
    ehr_id = await engine.ours(account, "patient", sent)
    if ehr_id is None and not by_id:
        return "patient_mrn", sent
    return "patient_ehr_id", ehr_id or sent


async def patient_filter(
    engine: RecordsEngine, account: Account, capability: Capability, named: Filter, connector: Any, chart: Chart
) -> Filter:
    """The filter of this patient that the EHR's list has. A patient that was named in the other way is looked up.

    Raises PatientNotFound, or NotSupported if the EHR cannot look it up.
    """
    name, value = named
    declared = engine.declared(account, capability) or ()
    other = next((each for each in PATIENT if each in declared), name)
    if name in declared or other == name:
        return named
    if PATIENT[name] not in (engine.declared(account, "patients") or ()):
        raise engine.cannot_filter(account, "patients", [PATIENT[name]])
    found = await patients_of(connector, chart, PatientQuery(**{PATIENT[name]: value}, limit=2))
    if not found:
        raise PatientNotFound
    return other, getattr(found[0], PATIENT[other])
