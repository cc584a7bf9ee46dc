"""A write: accepted at once, done once, reported by what the EHR holds."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes.run import LAST_LOOK
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, Shop


async def test_a_write_is_accepted_with_a_job_and_settles_with_what_the_ehr_holds(clinic: Clinic) -> None:
    wanted = await clinic.new_appointment(note="Bring the card")
    accepted = await clinic.write("/v1/appointments", wanted)
    assert accepted["data"] == {
        "appointment_id": accepted["appointment_id"],
        "job_id": accepted["job_id"],
        "job_execution_id": accepted["job_id"],
        "message": accepted["message"],
    }
    job = await clinic.job(accepted["job_id"])
    assert (job["state"], job["settled"], job["record_id"]) == ("succeeded", True, accepted["appointment_id"])
    assert [step["name"] for step in job["steps"]] == ["accepted", "intent", "read_back", "settled"]
    shown = await clinic.read(f"/v1/appointments/{accepted['appointment_id']}")
    theirs = (await clinic.chart(f"appointments/{shown['appointment']['ehr_appointment_id']}"))["appointment"]
    assert (theirs["patient"]["mrn"], theirs["note"], theirs["reason"]) == (
        wanted["mrn"],
        "Bring the card",
        "Follow-up",
    )
    assert shown["appointment"]["id"] == accepted["appointment_id"]
    day = wanted["datetime"][:10]
    listed = await clinic.read("/v1/appointments", start_date=day, end_date=day)
    assert accepted["appointment_id"] in {each["id"] for each in listed["appointments"]}
    assert await clinic.rows(job["job_id"]) == 1


async def test_a_receipt_is_verified_offline_with_the_published_key(clinic: Clinic) -> None:
    job = await clinic.done("/v1/appointments", await clinic.new_appointment())
    answer = (await clinic.app.call("GET", f"/v1/jobs/{job['job_id']}/receipt")).json()
    keys = (await clinic.app.http.get("/.well-known/receipts-jwks.json")).json()["keys"]
    header, payload, signature = answer["receipt"].split(".")

    def decoded(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    told = json.loads(decoded(header))
    assert told["alg"] == "Ed25519"
    key = next(each for each in keys if each["kid"] == told["kid"])
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    said = json.loads(decoded(payload))
    assert said == answer["payload"]
    assert (said["outcome"], said["verified"], said["differences"]) == ("succeeded", True, [])
    assert said["asked"]["reason"] == said["holds"]["reason"] == "Follow-up"


@pytest.mark.parametrize("lie", ["write_error_although_done", "write_empty_201"])
async def test_an_ehr_that_did_it_whatever_it_answered_has_done_it(clinic: Clinic, lie: str) -> None:
    await clinic.sandbox.lab("faults", {lie: True, "times": 1})
    job = await clinic.done("/v1/appointments", await clinic.new_appointment())
    assert (job["state"], await clinic.rows(job["job_id"])) == ("succeeded", 1)
    assert (await clinic.receipt(job["job_id"]))["outcome"] == "succeeded"


async def test_an_ehr_that_answers_success_and_did_nothing_has_failed(clinic: Clinic, clock: MovedClock) -> None:
    await clinic.sandbox.lab("faults", {"write_done_although_not": True, "times": 1})
    accepted = await clinic.write("/v1/appointments", await clinic.new_appointment())
    assert (await clinic.job(accepted["job_id"], wait=2))["state"] == "running"
    clock.move(timedelta(seconds=10))
    # The EHR may still do it, behind a gateway that has given up.
    job = await _state(clinic, accepted["job_id"], "outcome_unknown")
    assert (job["settled"], job["code"]) == (False, "not_in_ehr_yet")
    clock.move(LAST_LOOK)
    job = await clinic.job(accepted["job_id"])
    assert (job["state"], job["code"], await clinic.rows(job["job_id"])) == ("failed", "NOT_IN_EHR", 0)
    assert (await clinic.receipt(job["job_id"]))["holds"] is None


async def test_an_answer_that_is_lost_is_settled_by_looking_and_nothing_is_sent_twice(clinic: Clinic) -> None:  # S-086
    await clinic.sandbox.lab("faults", {"lose_answer": True, "times": 1, "only_path": "/api/appointments"})
    # The look-ups before the write must pass: only the POST is lost.
    await clinic.sandbox.lab("faults", {"hold_writes": "after"})
    accepted = await clinic.write("/v1/appointments", await clinic.new_appointment())
    await _held(clinic)
    assert (await clinic.sandbox.http.request("DELETE", "/api/_lab/held")).json()["let_go"] == 1
    await clinic.sandbox.lab("faults", {})
    job = await clinic.job(accepted["job_id"])
    assert (job["state"], await clinic.rows(job["job_id"])) == ("succeeded", 1)


async def test_a_refusal_names_its_reasons_and_can_be_done_again(clinic: Clinic) -> None:
    taken = await clinic.new_appointment(hour=19, prevent_double_booking="true")
    assert (await clinic.done("/v1/appointments", taken))["state"] == "succeeded"
    again = await clinic.done("/v1/appointments", taken)
    assert (again["state"], again["code"]) == ("failed", "SCHEDULE_CONFLICT")
    assert again["data"]["failure_reason"] == again["reasons"][0]["description"]
    assert (await clinic.rows(again["job_id"])) == 0
    moved = {"datetime": taken["datetime"].replace("T19", "T21")}
    changed = await clinic.write(f"/v1/appointments/{again['record_id']}", moved, "PATCH")
    assert changed["job_id"] == again["job_id"]
    assert (await clinic.job(again["job_id"]))["state"] == "succeeded"
    unknown = await clinic.done("/v1/appointments", taken | {"mrn": "nobody"})
    assert (unknown["state"], unknown["code"]) == ("failed", "PATIENT_NOT_FOUND")


async def test_one_key_has_one_effect_and_one_answer(clinic: Clinic) -> None:  # S-078, S-079, S-080
    wanted = await clinic.new_appointment()
    key = {"Idempotency-Key": "booking-1"}
    answers = await asyncio.gather(
        *(clinic.call("POST", "/v1/appointments", json=wanted, headers=key) for _ in range(16))
    )
    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert sum(each.headers.get("Idempotent-Replayed") == "true" for each in answers) == 15
    job = await clinic.job(answers[0].json()["job_id"])
    assert (job["state"], await clinic.rows(job["job_id"])) == ("succeeded", 1)
    for name in ("reason", "type", "datetime"):
        other = await clinic.call("POST", "/v1/appointments", json=wanted | {name: wanted[name] + "0"}, headers=key)
        assert (other.status_code, other.json()["error"]) in ((422, "idempotency_key_used"), (400, "invalid_request"))
    elsewhere = await clinic.call("POST", "/v1/claims", json={"appointment_id": job["record_id"]}, headers=key)
    assert elsewhere.status_code == 422


async def test_a_change_of_what_is_pending_has_one_effect_for_each_key(
    clinic: Clinic, clock: MovedClock
) -> None:  # S-078, S-079
    failed = await clinic.done("/v1/appointments", await clinic.new_appointment(provider="nobody"))
    path, right = f"/v1/appointments/{failed['record_id']}", (await clinic.new_appointment())["provider"]

    async def changed(key: str, **body: Any) -> httpx2.Response:
        return await clinic.call("PATCH", path, json=body, headers={"Idempotency-Key": key})

    await clinic.sandbox.lab("faults", {"down": True})  # so that it stays pending
    first = await changed("one", note="First", provider=right)
    await _waits(clinic, failed["job_id"])
    second = await changed("two", note="Second")
    again = await changed("one", note="First", provider=right)
    assert first.content == second.content == again.content
    assert [each.headers.get("Idempotent-Replayed") for each in (first, second, again)] == [None, None, "true"]
    other = await changed("two", note="Third")
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_used")
    assert (await clinic.read(path))["appointment"]["note"] == "Second"
    await clinic.sandbox.lab("faults", {})
    clock.move(timedelta(minutes=1))
    job = await clinic.job(failed["job_id"])
    late = await changed("one", note="First", provider=right)
    assert (late.json()["job_id"], job["state"]) == (job["job_id"], "succeeded")
    assert (await clinic.read(path))["appointment"]["note"] == "Second"


async def test_changes_at_once_to_what_is_pending_are_all_in_it(clinic: Clinic, clock: MovedClock) -> None:
    wanted = await clinic.new_appointment(note="Card", reason="Knee")
    await clinic.sandbox.lab("faults", {"down": True})
    accepted = await clinic.write("/v1/appointments", APPOINTMENT)
    await _waits(clinic, accepted["job_id"])
    path = f"/v1/appointments/{accepted['appointment_id']}"
    await asyncio.gather(*(clinic.write(path, {name: value}, "PATCH") for name, value in wanted.items()))
    shown = (await clinic.read(path))["appointment"]
    assert (shown["note"], shown["reason"], shown["appointment_type"]) == ("Card", "Knee", wanted["type"])
    await clinic.sandbox.lab("faults", {})
    clock.move(timedelta(minutes=1))
    assert (await clinic.job(accepted["job_id"]))["state"] == "succeeded"


async def test_a_key_has_at_most_255_characters_and_is_kept_for_30_days(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:  # S-081
    wanted, key = await clinic.new_appointment(), {"Idempotency-Key": "k" * 255}
    first = await clinic.write("/v1/appointments", wanted, headers=key)
    assert (await clinic.job(first["job_id"]))["state"] == "succeeded"
    day, second = timedelta(days=1), timedelta(seconds=1)
    kept = {"kept": timedelta(days=30), "erased": day}
    for passed in (day - second, 2 * second, 29 * day - 2 * second):
        clock.move(passed)
        await house.records.write_jobs.prune(clock.now(), **kept)
        again = await clinic.call("POST", "/v1/appointments", json=wanted, headers=key)
        assert (again.json()["job_id"], again.headers["Idempotent-Replayed"]) == (first["job_id"], "true")
    clock.move(2 * second)
    await house.records.write_jobs.prune(clock.now(), **kept)
    assert (await clinic.write("/v1/appointments", wanted, headers=key))["job_id"] != first["job_id"]
    long = await clinic.call("POST", "/v1/appointments", json=wanted, headers={"Idempotency-Key": "k" * 256})
    assert (long.status_code, long.json()["error"]) == (400, "invalid_request")


async def test_nothing_of_a_write_rests_in_the_clear(house: House, clinic: Clinic) -> None:  # S-082
    canaries = ("canary-key", "canary-note", "canary-reason")
    wanted = await clinic.new_appointment(note=canaries[1], reason=canaries[2])
    for body in (wanted, wanted | {"provider": "nobody"}):
        key = {"Idempotency-Key": f"{canaries[0]}-{body['provider']}"}
        accepted = await clinic.write("/v1/appointments", body, headers=key)
        assert (await clinic.job(accepted["job_id"]))["settled"]
    rows = await house.db.rows("SELECT write_jobs::text AS stored FROM write_jobs")
    for stored in (row["stored"] for row in rows):
        for secret in (*canaries, wanted["mrn"] + '"', "nobody"):
            assert secret not in stored and secret.encode().hex() not in stored


async def test_a_key_is_the_accounts_own(clinic: Clinic, acme: Shop, sandbox: Sandbox) -> None:
    wanted, key = await clinic.new_appointment(), {"Idempotency-Key": "booking-1"}
    other = await Clinic.of(acme, sandbox)
    jobs = [(await each.write("/v1/appointments", wanted, headers=key))["job_id"] for each in (clinic, other)]
    assert jobs[0] != jobs[1]


async def test_a_job_that_the_ehr_has_not_got_can_be_cancelled_and_one_that_it_has_cannot(clinic: Clinic) -> None:
    await clinic.sandbox.lab("faults", {"hold_writes": "before"})
    first = await clinic.write("/v1/appointments", await clinic.new_appointment())
    await _held(clinic)
    late = await clinic.app.call("POST", f"/v1/jobs/{first['job_id']}/cancel")
    assert (late.status_code, late.json()["error"]) == (409, "job_state")
    # A second job on the same record waits for the first.
    second = await clinic.write(f"/v1/appointments/{first['appointment_id']}", {"note": "Later"}, "PATCH")
    assert second["job_id"] != first["job_id"]
    cancelled = await clinic.app.call("POST", f"/v1/jobs/{second['job_id']}/cancel")
    assert (cancelled.json()["job"]["state"], cancelled.json()["job"]["code"]) == ("failed", "CANCELLED")
    await clinic.sandbox.lab("faults", {})
    await clinic.sandbox.http.post("/api/_lab/held")
    assert (await clinic.job(first["job_id"]))["state"] == "succeeded"


async def test_jobs_are_their_clients_own(clinic: Clinic, rival: Shop) -> None:
    job = (await clinic.write("/v1/appointments", await clinic.new_appointment()))["job_id"]
    for method, path in (("GET", ""), ("GET", "/receipt"), ("POST", "/cancel"), ("POST", "/retry")):
        foreign = await rival.call(method, f"/v1/jobs/{job}{path}")
        assert (foreign.status_code, foreign.json()["error"]) == (404, "job_not_found")


async def test_a_dry_run_says_what_the_ehr_would_refuse_and_writes_nothing(clinic: Clinic) -> None:
    wanted = await clinic.new_appointment(dry_run=True)
    before = (await clinic.sandbox.lab("written"))["written"]
    good = (await clinic.call("POST", "/v1/appointments", json=wanted)).json()
    bad = (await clinic.call("POST", "/v1/appointments", json=wanted | {"provider": "nobody"})).json()
    assert (good["valid"], good["reasons"]) == (True, [])
    assert (bad["valid"], bad["reasons"][0]["code"]) == (False, "PROVIDER_NOT_FOUND")
    assert (await clinic.sandbox.lab("written"))["written"] == before


BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("/v1/appointments", {}, "Missing required fields: location, provider, type"),
    ("/v1/claims", {}, "'appointment_id' is required."),
    ("/v1/claims", {"appointment_id": "17"}, "Invalid 'appointment_id' format. Please provide a valid UUID."),
    ("/v1/tasks/notes", {"emr_task_id": "1", "note": "x", "subject": "y"}, "Unexpected fields in request body"),
    ("/v1/patient-notes", {"note": "x", "location_id": "1"}, "Missing required field: subject"),
    ("/v1/notes", {"appointment_id": "0" * 32, "note": {"plan": ""}}, "The note is empty."),
    ("/v1/payments", {"payment_method": "Card", "reference_number": "1", "location": "1", "amount": "-3",
                      "patient_mrn": "1"}, "Invalid amount"),
    ("/v1/referring-providers", {"first_name": "A", "last_name": "B", "npi": "1234567890"}, "Invalid npi"),
)  # fmt: skip


async def test_what_makes_no_sense_is_refused_at_once(clinic: Clinic) -> None:
    for path, body, said in BAD:
        refused = await clinic.call("POST", path, json=body)
        assert refused.status_code == 400 and refused.json()["message"].startswith(said), (path, refused.text)
    unknown = await clinic.call("POST", "/v1/claims", json={"appointment_id": "0" * 32})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "record_not_found")


async def test_a_job_waits_for_its_user_and_goes_on_by_itself(clinic: Clinic) -> None:
    fault = {"fault": "password_changed"}
    broken = await clinic.app.call("POST", f"/v1/sandbox/accounts/{clinic.account}/break", json=fault)
    assert broken.status_code == 200
    accepted = await clinic.write("/v1/appointments", await clinic.new_appointment())
    job = await _state(clinic, accepted["job_id"], "waiting_for_sign_in")
    assert job["code"] == "login_required"
    await clinic.sign_in_again()
    job = await clinic.job(accepted["job_id"])
    assert (job["state"], await clinic.rows(job["job_id"])) == ("succeeded", 1)


async def test_a_job_that_nobody_helps_fails_when_it_expires(clinic: Clinic, clock: MovedClock) -> None:
    await clinic.sandbox.lab("faults", {"down": True})
    accepted = await clinic.write("/v1/appointments", {**APPOINTMENT, "expires_in": 3600})
    await _state(clinic, accepted["job_id"], "queued")
    clock.move(timedelta(minutes=61))
    job = await clinic.job(accepted["job_id"])
    assert (job["state"], job["code"]) == ("failed", "EHR_UNAVAILABLE")


APPOINTMENT = {"mrn": "1", "provider": "1", "location": "1", "type": "x", "datetime": "2026-12-01T09:00:00-05:00"}


async def _held(clinic: Clinic) -> None:
    async with asyncio.timeout(10):
        while not (await clinic.sandbox.lab("held"))["held"]:
            await asyncio.sleep(0.02)


async def _state(clinic: Clinic, job_id: int, state: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (job := await clinic.job(job_id, wait=0))["state"] != state:
            await asyncio.sleep(0.05)
    return job


async def _waits(clinic: Clinic, job_id: int) -> None:
    """Until a worker has found the EHR down, and left the job for later."""
    async with asyncio.timeout(10):
        while (await clinic.job(job_id, wait=0))["code"] != "ehr_down":
            await asyncio.sleep(0.02)
