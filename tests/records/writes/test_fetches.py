"""Live fetches: accepted with a job, answered with one event in the contract's shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.clinic import Clinic

TODAY = datetime.now(UTC).date()
WEEK = {"start_date": str(TODAY), "end_date": str(TODAY + timedelta(days=6))}


async def fetched(clinic: Clinic, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """The event of a live fetch, found as a client of the contract finds it."""
    accepted = await clinic.call("POST", f"/v1/{what}/fetch", json=body)
    assert accepted.status_code == 202, accepted.text
    said = accepted.json()
    assert said["job_id"] == said["job_execution_id"] and said["message"].startswith("Live fetch request accepted")
    assert (await clinic.job(said["job_id"]))["settled"]
    (event,) = (await clinic.read("/v1/webhook-events", job_id=said["job_id"]))["webhook_events"]
    return event


async def test_appointments_are_fetched_by_days_by_patient_and_by_provider(clinic: Clinic) -> None:
    event = await fetched(clinic, "appointments", WEEK)
    data = event["data"]
    assert event["event_type"] == "appointment.live_fetch_completed"
    assert data["success"] and data["appointment_count"] == len(data["appointments"]) > 0
    listed = (await clinic.read("/v1/appointments", **WEEK))["appointments"]
    assert {each["id"] for each in data["appointments"]} == {each["id"] for each in listed}
    mrn, provider = listed[0]["patient_mrn"], listed[0]["provider_ehr_id"]
    of_patient = (await fetched(clinic, "appointments", {"search_by": "mrn", "mrn": mrn}))["data"]
    assert {each["patient_mrn"] for each in of_patient["appointments"]} == {mrn}
    assert {"created_at", "created_by"} <= of_patient["appointments"][0].keys()
    day = {"start_date": listed[0]["datetime"][:10], "end_date": listed[0]["datetime"][:10]}
    by_provider = {"search_by": "provider", "provider_ids": [provider], **day}
    of_provider = (await fetched(clinic, "appointments", by_provider))["data"]
    assert {each["provider_id"] for each in of_provider["appointments"]} == {provider}


async def test_patients_are_fetched_with_what_is_included(clinic: Clinic) -> None:
    one = (await clinic.read("/v1/patients", page_size=1))["patients"][0]
    wanted = {"search_by": "name", "last_name": one["last_name"], "include": "insurances,tasks"}
    event = await fetched(clinic, "patients", wanted)
    assert event["event_type"] == "patient.live_fetch_completed"
    found = {each["mrn"]: each for each in event["data"]["patients"]}
    assert found[one["mrn"]]["date_of_birth"] == one["dob"]
    assert all(isinstance(each["insurances"], list) and isinstance(each["tasks"], list) for each in found.values())
    assert found[one["mrn"]].keys() >= KEYS
    full = [each for each in found.values() if each["insurances"] and each["medications"] and each["pharmacies"]]
    for each in full:
        first = min(each["insurances"], key=lambda plan: plan["priority"])
        assert (each["insurance_name"], each["insurance_subscriber_number"]) == (
            first["insurance_name"], first["insurance_subscriber_number"]
        )  # fmt: skip
        assert {*each["medications"][0]} == MEDICATION and {*each["pharmacies"][0]} == PHARMACY
        assert each["pharmacies"][0]["is_primary"] == "1" and each["pharmacies"][0]["name"]
    assert full
    nobody = await fetched(clinic, "patients", {"search_by": "mrn", "mrn": "nobody"})
    assert (nobody["data"]["success"], nobody["data"]["patient_count"]) == (True, 0)


async def test_free_times_are_fetched_for_a_provider(clinic: Clinic) -> None:
    provider = next(each for each in (await clinic.read("/v1/providers"))["providers"] if each["status"] == "active")
    days = {"start_date": str(TODAY + timedelta(days=1)), "end_date": str(TODAY + timedelta(days=5))}
    event = await fetched(clinic, "availability", {**days, "provider_ids": [provider["ehr_id"]]})
    read = await clinic.read("/v1/availability", **days, provider_ids=provider["ehr_id"])
    assert event["event_type"] == "availability.live_fetch_completed"
    assert event["data"]["availability"] == read["results"]["availability"]


# Contract §4.7.
KEYS = {
    "id", "mrn", "first_name", "middle_name", "last_name", "date_of_birth", "address_street", "address_city",
    "address_state", "address_zip", "phone", "cell_phone", "sex", "email", "insurance_name",
    "insurance_subscriber_number", "rendering_provider_id", "medications", "pharmacies", "insurances", "tasks",
}  # fmt: skip
MEDICATION = {"name", "strength", "frequency", "start_date", "encounter_date", "refills", "notes"}
PHARMACY = {"pharmacy_ehr_id", "is_primary", "name", "address", "city", "state", "zip", "phone"}

BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("appointments", {}, "Missing required parameters: start_date, end_date."),
    ("appointments", {"start_date": "soon", "end_date": "2026-01-01"}, "Invalid date format. Use ISO format"),
    ("appointments", {"start_date": "2026-01-02", "end_date": "2026-01-01"}, "end_date must be after start_date."),
    ("appointments", {"start_date": "2026-01-01", "end_date": "2026-01-09"}, "Date range cannot exceed 7 days."),
    ("appointments", {"search_by": "mrn"}, "Missing required parameters: mrn."),
    ("appointments", {"search_by": "provider", **WEEK}, "Missing required parameters: provider_ids."),
    ("patients", {}, "Missing required parameters: search_by."),
    ("patients", {"search_by": "name"}, "At least one of the following parameters must be provided"),
    ("availability", {"provider_ids": ["1", "2"], **WEEK}, "Ask for one day at a time."),
)


async def test_what_makes_no_sense_is_refused_in_the_contracts_words(clinic: Clinic) -> None:
    for what, body, said in BAD:
        refused = await clinic.call("POST", f"/v1/{what}/fetch", json=body)
        assert refused.status_code == 400 and refused.json()["message"].startswith(said), (body, refused.text)


async def test_an_ehr_that_refuses_is_reported_in_the_event(clinic: Clinic) -> None:
    fault = {"fault": "no_rights"}
    await clinic.app.call("POST", f"/v1/sandbox/accounts/{clinic.account}/break", json=fault)
    event = await fetched(clinic, "patients", {"search_by": "mrn", "mrn": "1"})
    assert (event["data"]["success"], event["data"]["reasons"][0]["code"]) == (False, "NO_RIGHTS")
