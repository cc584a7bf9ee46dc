"""Changes that staff overwrite before we look, and writes that the EHR does after everybody has given up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes import run
from tests.support.clinic import Clinic

MINUTES = timedelta(minutes=3)
TICK = 1.1  # seconds: the sandbox EHR dates its versions to the second


async def booked(clinic: Clinic) -> tuple[str, str]:
    """Our id and the EHR's of a new appointment."""
    job = await clinic.done("/v1/appointments", await clinic.new_appointment())
    assert job["state"] == "succeeded", job
    return job["record_id"], job["data"]["ehr_appointment_id"]


async def staff(clinic: Clinic, path: str, body: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {clinic.session}"}
    answer = await clinic.sandbox.http.patch(f"/api/{path}", json=body, headers=headers)
    assert answer.is_success, answer.text


async def held(clinic: Clinic) -> None:
    async with asyncio.timeout(10):
        while not (await clinic.sandbox.lab("held"))["held"]:
            await asyncio.sleep(0.02)


async def state(clinic: Clinic, job_id: int, wanted: str) -> None:
    async with asyncio.timeout(10):
        while (await clinic.job(job_id, wait=0))["state"] != wanted:
            await asyncio.sleep(0.02)


async def overwritten(clinic: Clinic, *, answers: bool) -> int:
    """The job of a change that the EHR makes, and staff overwrite before it answers, if it does."""
    ours, theirs = await booked(clinic)
    await clinic.sandbox.lab("faults", {"hold_writes": "after", "times": 1})
    job = (await clinic.write(f"/v1/appointments/{ours}", {"note": "Ours"}, "PATCH"))["job_id"]
    await held(clinic)
    await asyncio.sleep(TICK)
    await staff(clinic, f"appointments/{theirs}", {"note": "Theirs"})
    let_go = await clinic.sandbox.http.request("POST" if answers else "DELETE", "/api/_lab/held")
    assert let_go.json()["let_go"] == 1
    return job


async def test_a_change_that_the_ehr_took_and_staff_overwrote_has_succeeded_with_a_difference(clinic: Clinic) -> None:
    job = await clinic.job(await overwritten(clinic, answers=True))
    receipt = await clinic.receipt(job["job_id"])
    assert (job["state"], receipt["outcome"], receipt["verified"]) == ("succeeded", "succeeded", True)
    assert receipt["differences"] == [{"field": "note", "asked": "Ours", "holds": "Theirs"}]


async def test_without_a_proof_that_the_ehr_took_a_change_it_has_failed_and_the_receipt_says_what_is_there(
    clinic: Clinic, clock: MovedClock
) -> None:
    job_id = await overwritten(clinic, answers=False)
    await state(clinic, job_id, "running")
    clock.move(MINUTES)
    job, receipt = await clinic.job(job_id), await clinic.receipt(job_id)
    assert (job["state"], job["code"], receipt["outcome"]) == ("failed", "NOT_IN_EHR", "failed")
    assert receipt["differences"] == [{"field": "note", "asked": "Ours", "holds": "Theirs"}]


async def test_a_change_that_the_ehr_answers_and_does_not_do_has_failed(clinic: Clinic, clock: MovedClock) -> None:
    ours, theirs = await booked(clinic)
    await asyncio.sleep(TICK)
    await clinic.sandbox.lab("faults", {"write_done_although_not": True, "times": 1})
    job = (await clinic.write(f"/v1/appointments/{ours}", {"note": "Ours"}, "PATCH"))["job_id"]
    async with asyncio.timeout(10):  # a job runs before the EHR gets anything: the time counts from then
        while (await clinic.job(job, wait=0))["code"] != "not_in_ehr_yet":
            await asyncio.sleep(0.02)
    clock.move(MINUTES)
    assert (await clinic.job(job))["code"] == "NOT_IN_EHR"
    assert (await clinic.chart(f"appointments/{theirs}"))["appointment"]["note"] == ""


async def test_what_an_ehr_does_after_all_is_not_done_again(
    clinic: Clinic, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:  # S-086
    monkeypatch.setattr(run, "SENT_WITHIN", 0.3)
    await clinic.sandbox.lab("faults", {"hold_writes": "before", "times": 1})
    job_id = (await clinic.write("/v1/appointments", await clinic.new_appointment()))["job_id"]
    await state(clinic, job_id, "running")
    await held(clinic)
    await asyncio.sleep(0.5)  # until we have given up
    clock.move(timedelta(seconds=50))
    await state(clinic, job_id, "outcome_unknown")
    clock.move(MINUTES)
    assert (await clinic.job(job_id))["code"] == "NOT_IN_EHR"
    monkeypatch.undo()
    await clinic.sandbox.http.post("/api/_lab/held")
    async with asyncio.timeout(10):
        while not await clinic.rows(job_id):
            await asyncio.sleep(0.02)
    assert (await clinic.app.call("POST", f"/v1/jobs/{job_id}/retry")).status_code == 200
    job = await clinic.job(job_id)
    assert (job["state"], await clinic.rows(job_id)) == ("succeeded", 1)
    assert [each["name"] for each in job["steps"]].count("intent") == 1


async def test_a_change_tells_what_changed_and_names_the_record_however_it_was_named(clinic: Clinic) -> None:
    ours, theirs = await booked(clinic)
    moved = (await clinic.new_appointment(hour=21, days=4))["datetime"]
    for named, body, kind in (
        (ours, {"note": "Bring the card"}, "appointment.updated"),
        (theirs, {"reason": "Knee"}, "appointment.updated"),
        (ours, {"datetime": moved}, "appointment.updated"),
        (theirs, {"status": "CONF", "note": "Called"}, "appointment.status_updated"),
        (ours, {"status": "cancelled"}, "appointment.status_updated"),
    ):
        accepted = await clinic.write(f"/v1/appointments/{named}", body, "PATCH")
        assert accepted["appointment_id"] == ours
        assert (await clinic.job(accepted["job_id"]))["state"] == "succeeded", body
        (event,) = (await clinic.read("/v1/webhook-events", job_id=accepted["job_id"]))["webhook_events"]
        assert event["type"] == kind, body
        data, shown = event["data"], (await clinic.read(f"/v1/appointments/{ours}"))["appointment"]
        for name in SAID:  # contract §6.4
            assert data[name] == shown[name] or name == "datetime", (name, data[name], shown[name])
        assert (data["appointment_id"], data["ehr_appointment_id"]) == (ours, theirs)


SAID = ("id", "ehr_appointment_id", "patient_mrn", "patient_name", "datetime", "duration", "location", "status",
        "provider_name", "appointment_type", "appointment_mode")  # fmt: skip
