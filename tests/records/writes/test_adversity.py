"""Writes against what apps, users, and EHRs do at the wrong moment: each is done once, or not at all, and ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cobalt_link.kit.clock import MovedClock
from tests.support.clinic import Clinic

TEXTS = (
    "Zoë Nuñez 診療所 кли́ника 🏥 👩‍⚕️ ﷺ",
    "a\u202eb\u200bc\u2028d\u00a0e",
    "one\r\ntwo\tthree\n\nfour",
    "'; DROP TABLE notes; -- <script>alert(1)</script> ${jndi:ldap://x} {{7*7}} %s %00",
    '\\u0000 \\ " / \x7f \x1b[31m',
)


async def held(clinic: Clinic) -> None:
    async with asyncio.timeout(10):
        while not (await clinic.sandbox.lab("held"))["held"]:
            await asyncio.sleep(0.02)


async def let_go(clinic: Clinic) -> None:
    await clinic.sandbox.lab("faults", {})
    await clinic.sandbox.http.post("/api/_lab/held")


async def test_odd_texts_arrive_as_they_were_sent_and_what_is_no_text_is_refused(clinic: Clinic) -> None:
    visit = await clinic.new_appointment()
    whose = {"patient_mrn": visit["mrn"], "subject": "Odd", "location_id": visit["location"]}
    for text in TEXTS:
        job = await clinic.done("/v1/patient-notes", whose | {"note": text})
        assert job["state"] == "succeeded", (text, job["reasons"])
        note = (await clinic.read(f"/v1/notes/{job['record_id']}"))["note"]
        theirs = (await clinic.chart(f"patient-notes/{note['ehr_id']}"))["patient_note"]
        assert theirs["text"] == note["note"] == text
        receipt = await clinic.receipt(job["job_id"])
        assert (receipt["asked"]["note"], receipt["differences"]) == (text, [])
    for raw in (b'"\\ud800"', b'"\xff\xfe"', b"{}", b"[]", b"7"):
        body = b'{"patient_mrn": "1", "subject": "x", "location_id": "1", "note": ' + raw + b"}"
        headers = {"Content-Type": "application/json"}
        refused = await clinic.call("POST", "/v1/patient-notes", content=body, headers=headers)
        # A number is a text (contract §9 row 41).
        assert refused.status_code == (200 if raw == b"7" else 400), (raw, refused.text)


async def test_a_request_that_is_too_large_for_us_or_for_the_ehr_says_so(clinic: Clinic) -> None:
    visit = await clinic.new_appointment()
    whose = {"patient_mrn": visit["mrn"], "subject": "Long", "location_id": visit["location"]}
    large = await clinic.call("POST", "/v1/patient-notes", json=whose | {"note": "x" * 2**20})
    assert (large.status_code, large.json()["error"]) == (413, "too_large")
    job = await clinic.done("/v1/patient-notes", whose | {"note": "x" * 2**19})
    assert (job["state"], job["code"], await clinic.rows(job["job_id"])) == ("failed", "TOO_LARGE", 0)


async def test_an_account_that_is_disconnected_while_the_ehr_has_its_write_leaves_no_open_job(clinic: Clinic) -> None:
    one, other = await clinic.new_appointment(), await clinic.new_appointment(hour=11)
    await clinic.sandbox.lab("faults", {"hold_writes": "before"})
    running = (await clinic.write("/v1/appointments", one))["job_id"]
    await held(clinic)
    await clinic.sandbox.lab("faults", {"hold_writes": "before", "down": True, "only_path": "/api/pat"})
    waiting = (await clinic.write("/v1/appointments", other))["job_id"]
    gone = await clinic.app.call("DELETE", f"/v1/accounts/{clinic.account}")
    assert gone.status_code == 200, gone.text
    await let_go(clinic)
    jobs = [await clinic.job(each) for each in (running, waiting)]
    assert [each["settled"] for each in jobs] == [True, True]
    assert (jobs[0]["state"], jobs[1]["state"], jobs[1]["code"]) == (
        "outcome_unknown",
        "failed",
        "ACCOUNT_DISCONNECTED",
    )
    retried = await clinic.app.call("POST", f"/v1/jobs/{waiting}/retry")
    if retried.status_code == 200:
        assert (await clinic.job(waiting))["code"] == "ACCOUNT_DISCONNECTED"


async def test_a_user_who_changes_the_password_during_a_write_does_not_make_two_of_it(clinic: Clinic) -> None:
    await clinic.sandbox.lab("faults", {"hold_writes": "before"})
    job_id = (await clinic.write("/v1/appointments", await clinic.new_appointment()))["job_id"]
    await held(clinic)
    fault = {"fault": "password_changed"}
    assert (
        await clinic.app.call("POST", f"/v1/sandbox/accounts/{clinic.account}/break", json=fault)
    ).status_code == 200
    await let_go(clinic)
    async with asyncio.timeout(20):
        while (await clinic.job(job_id, wait=0))["state"] not in ("waiting_for_sign_in", "succeeded"):
            await asyncio.sleep(0.05)
    await clinic.sign_in_again()
    job = await clinic.job(job_id)
    assert (job["state"], await clinic.rows(job_id)) == ("succeeded", 1)


async def test_a_failed_job_is_done_again_once_however_many_ask_for_it(clinic: Clinic) -> None:
    taken = await clinic.new_appointment(hour=19, prevent_double_booking="true")
    first = await clinic.done("/v1/appointments", taken)
    failed = await clinic.done("/v1/appointments", taken)
    assert failed["code"] == "SCHEDULE_CONFLICT"
    moved = await clinic.done(f"/v1/appointments/{first['record_id']}", {"status": "cancelled"}, "PATCH")
    assert moved["state"] == "succeeded"
    await clinic.sandbox.lab("faults", {"write_slow_ms": 300})
    asked = (clinic.app.call("POST", f"/v1/jobs/{failed['job_id']}/retry") for _ in range(8))
    answers = sorted(each.status_code for each in await asyncio.gather(*asked))
    assert answers == [200] + [409] * 7
    job = await clinic.job(failed["job_id"])
    assert (job["state"], await clinic.rows(job["job_id"])) == ("succeeded", 1)


async def test_what_is_cancelled_in_the_last_moment_is_written_or_cancelled_and_never_both(clinic: Clinic) -> None:
    visits = [await clinic.new_appointment(hour=hour) for hour in range(8, 18)]
    accepted = await asyncio.gather(*(clinic.write("/v1/appointments", each) for each in visits))

    async def cancelled(number: int, job_id: int) -> int:
        await asyncio.sleep(number * 0.01)
        return (await clinic.app.call("POST", f"/v1/jobs/{job_id}/cancel")).status_code

    answers = await asyncio.gather(*(cancelled(n, each["job_id"]) for n, each in enumerate(accepted)))
    for each, answer in zip(accepted, answers, strict=True):
        job = await clinic.job(each["job_id"])
        wanted = ("failed", "CANCELLED", 0) if answer == 200 else ("succeeded", None, 1)
        assert (job["state"], job["code"], await clinic.rows(job["job_id"])) == wanted


async def test_changes_to_one_record_are_done_in_the_order_in_which_they_came(
    clinic: Clinic, clock: MovedClock
) -> None:
    ours = (await clinic.done("/v1/appointments", await clinic.new_appointment()))["record_id"]
    jobs = [
        (await clinic.write(f"/v1/appointments/{ours}", {"note": f"Note {n}"}, "PATCH"))["job_id"] for n in range(6)
    ]
    ended = [await clinic.job(each) for each in jobs]
    assert {each["state"] for each in ended} == {"succeeded"}
    assert [each["settled_at"] for each in ended] == sorted(each["settled_at"] for each in ended)
    assert (await clinic.read(f"/v1/appointments/{ours}"))["appointment"]["note"] == "Note 5"
    clock.move(timedelta(days=31))
    assert (await clinic.job(jobs[0]))["state"] == "succeeded"
