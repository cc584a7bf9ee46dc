"""Generated from the contract's tables (§4.5 to §4.20): every endpoint that writes takes what is documented, answers
with every documented key, and refuses in the documented words.

What is documented comes from contract.py. contract_values.py has values for it: a field that the contract has and that
file lacks is a failure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House, serving, working
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.webhooks.event_types import TYPES
from tests.api.contract import Endpoint, endpoints
from tests.api.contract_values import Practice, forms, required, whole
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, connected, opened, settings_for, shop

ALL = endpoints()
# What every answer has, also where the contract shows an older generation's (§5.1, §9 rows 9 and 19).
EVERYWHERE = {"success", "message", "job_id", "job_execution_id", "data"}
# Only an appointment that is still to be created takes it.
ONLY_NEW = {"PATCH /appointments/{id}": {"mrn"}}
# Contract §6.4: what the events of these calls say.
SAID = {
    "POST /appointments": "appointment_id mrn date_time timezone provider_id provider_name secondary_provider_id",
    "POST /patients": "patient_id mrn patient_mrn",
    "POST /patients/{patient_mrn}/insurances": "emr_insurance_id audit_trail",
    "PATCH /patients/{patient_mrn}/insurances/{emr_insurance_id}": "emr_insurance_id",
    "POST /notes": "appointment_id",
    "POST /documents": "document_id patient_mrn folder_name",
    "POST /tasks": "task_id emr_task_id subject description",
}
# The same for failures, with a field that makes one.
SAID_OF_FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "POST /appointments": ({"provider": "nobody"}, "appointment_id mrn failure_reason reasons"),
    "POST /patients": ({"insurance_provider_id": "nobody"}, "patient_id failure_reason reasons"),
    "POST /patients/{patient_mrn}/insurances": ({"insurance_provider_id": "nobody"}, "failure_reason reasons"),
    "POST /documents": ({"folder_name": "None"}, "document_id patient_mrn folder_name failure_reason reasons"),
    "POST /tasks": ({"assignee_user_id": "nobody"}, "task_id failure_reason reasons"),
}


@pytest.fixture
async def house(dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path) -> AsyncIterator[House]:
    """Accepts writes, and does them only while a test lets it work."""
    async with opened(settings_for(tmp_path, dsn, sandbox.address), clock) as house, serving(house):
        yield house


@pytest.fixture
async def clinic(house: House, sandbox: Sandbox) -> AsyncIterator[Clinic]:
    async with connected(house) as http:
        yield await Clinic.of(await shop(house, http, "Acme Scribe"), sandbox)


@pytest.fixture
async def practice(house: House, clinic: Clinic) -> Practice:
    async with working(house):
        return await Practice.of(clinic)


async def send(clinic: Clinic, each: Endpoint, path: str, body: dict[str, Any]) -> httpx2.Response:
    """A request as the contract documents it: JSON, or a form with a file."""
    fields = dict(body)
    if each.path == "/documents":
        files = {"document": fields.pop("document")} if "document" in fields else {"none": b""}
        return await clinic.call(each.method, path, data=fields, files=files)
    return await clinic.call(each.method, path, json=fields)


def bodies(each: Endpoint, practice: Practice) -> Iterator[tuple[str, dict[str, Any]]]:
    """One request for each form of each field, with what it needs beside it. Flags come as texts too (contract §2)."""
    for field, found in forms(each, practice).items():
        for form in found:
            yield field, form
            texts = {name: str(value).lower() for name, value in form.items() if isinstance(value, bool)}
            if texts:
                yield field, form | texts


def test_the_contract_is_read_whole_and_every_field_of_it_has_values() -> None:
    assert len(ALL) == 18 and all(each.text for each in ALL.values())
    lacking = {name: each.fields - forms(each, Practice.made_up()).keys() for name, each in ALL.items()}
    assert {name: fields for name, fields in lacking.items() if fields} == ONLY_NEW
    assert {"secondary_provider", "datetime", "date"} <= ALL["POST /appointments"].fields
    assert {"emergency_contact_phone", "pcp_id"} <= ALL["POST /patients"].fields
    assert ALL["POST /payments"].answers == {"success", "message", "payment_id", "job_id"}


def test_every_event_of_a_write_is_a_type_that_a_webhook_can_choose() -> None:
    documented = {name for each in ALL.values() for name in each.events if not name.startswith("data.")}
    sent = {name for each in OPERATIONS.values() for name in each.events}
    assert documented - {"note.created"} <= sent | set(TYPES)  # note.created is another name (contract §9 row 18)
    assert sent <= set(TYPES)


async def test_every_documented_field_is_taken_in_every_documented_form(clinic: Clinic, practice: Practice) -> None:
    faults = []
    for name, each in ALL.items():
        for field, body in bodies(each, practice):
            answer = await send(clinic, each, practice.path(each), body)
            said = answer.json()
            if answer.status_code != (202 if name == "POST /claims" else 200):
                faults.append((name, field, body.get(field, body), said["message"]))
                continue
            # Contract §9 row 15: an older schema has `data.mrn`, which is not known before the EHR has the patient.
            lacking = (each.answers - {"mrn"} | EVERYWHERE) - said.keys()
            if lacking or not said["data"].items() <= said.items():
                faults.append((name, field, "lacks", sorted(lacking)))
    assert not faults, "\n".join(map(str, faults))


async def test_a_request_with_everything_is_done_and_its_event_says_what_is_documented(
    house: House, clinic: Clinic, practice: Practice
) -> None:
    faults = []
    async with working(house):
        for name, each in ALL.items():
            accepted = (await send(clinic, each, practice.path(each), whole(each, practice))).json()
            job = await clinic.job(accepted["job_id"])
            (event,) = (await clinic.read("/v1/webhook-events", job_id=job["job_id"]))["webhook_events"]
            receipt = await clinic.receipt(job["job_id"])
            known = each.events or {event["type"]}
            lacking = {*SAID.get(name, "").split()} - event["data"].keys()
            if job["state"] != "succeeded" or event["type"] not in known or lacking or not receipt["verified"]:
                faults.append((name, job["state"], job["reasons"], event["type"], sorted(lacking)))
        # Contract §9 row 12: the older words, which are no codes of this EHR.
        for appointment, word, code in ((practice.booked, "rescheduled", "R/S"), (practice.visit, "cancelled", "CANC")):
            await clinic.done(f"/v1/appointments/{appointment}", {"status": word}, "PATCH")
            shown = (await clinic.read(f"/v1/appointments/{appointment}"))["appointment"]
            assert shown["status"] == code
    assert not faults, "\n".join(map(str, faults))


async def test_the_event_of_a_failure_says_what_is_documented(house: House, clinic: Clinic, practice: Practice) -> None:
    async with working(house):
        for name, (wrong, keys) in SAID_OF_FAILURES.items():
            each = ALL[name]
            accepted = (await send(clinic, each, practice.path(each), whole(each, practice) | wrong)).json()
            job = await clinic.job(accepted["job_id"])
            assert job["state"] == "failed", (name, job)
            data = job["data"]
            assert {*keys.split()} <= data.keys(), (name, data)
            assert all({"code", "description"} <= reason.keys() for reason in data["reasons"])
            assert data["failure_reason"] == " ".join(reason["description"] for reason in data["reasons"])
        taken = whole(ALL["POST /appointments"], practice) | {"datetime": f"{practice.day}T20:00:00-05:00"}
        assert (await clinic.done("/v1/appointments", taken))["state"] == "succeeded"
        conflict = (await clinic.done("/v1/appointments", taken))["data"]
        assert conflict["conflict_type"] == "visit" and conflict["conflict_details"]


async def test_what_is_not_in_the_ehr_yet_takes_every_field_of_a_new_one(
    house: House, clinic: Clinic, practice: Practice
) -> None:
    # Contract §4.5 and §4.7: statuses `pending` and `failed`.
    for kind, wrong in (("appointments", {"provider": "nobody"}), ("patients", {"insurance_provider_id": "nobody"})):
        new, change = ALL[f"POST /{kind}"], ALL[f"PATCH /{kind}/{{id}}"]
        async with working(house):
            failed = await clinic.done(f"/v1/{kind}", whole(new, practice) | wrong)
        assert failed["state"] == "failed"
        path = f"/v1/{kind}/{failed['record_id']}"
        for field, body in bodies(new, practice):
            if body.get("mrn") or "mrn" not in new.fields:
                answer = await clinic.call("PATCH", path, json={field: body.get(field), **body} | wrong)
                assert (answer.status_code, answer.json().get("job_id")) == (200, failed["job_id"]), (
                    field,
                    answer.text,
                )
                assert change.answers <= answer.json().keys()
        right = await clinic.write(path, whole(new, practice), "PATCH")
        assert right["job_id"] == failed["job_id"]
        async with working(house):
            assert (await clinic.job(right["job_id"]))["state"] == "succeeded"
            # Now the EHR has it, and a field that only a new one takes is refused.
            late = await clinic.call("PATCH", path, json={"mrn": practice.other, "first_name": "Eve"})
            assert (late.status_code, late.json()["error"]) == (400, "not_supported"), late.text


async def test_what_is_refused_is_refused_in_the_documented_words(
    house: House, clinic: Clinic, practice: Practice
) -> None:
    said = set()
    for name, each in ALL.items():
        body, path = whole(each, practice), practice.path(each)
        for field in required(name):
            answer = await send(clinic, each, path, {key: value for key, value in body.items() if key != field})
            assert answer.status_code == 400, (name, field, answer.text)
            said.add((name, answer.json()["message"]))
            if name != "POST /claims":
                assert answer.json()["message"] == f"Missing required field: {field}", (name, field)
    failing = await clinic.write("/v1/appointments", whole(ALL["POST /appointments"], practice) | {"provider": "x"})
    async with working(house):
        failed = (await clinic.job(failing["job_id"]))["record_id"]
        stranger = await clinic.done("/v1/tasks", whole(ALL["POST /tasks"], practice) | {"assignee_user_id": "nobody"})
    said.add(("POST /tasks", stranger["data"]["failure_reason"].partition(" Send")[0]))
    for body, status in (
        ({"appointment_id": "17"}, 400),
        ({"appointment_id": "0" * 32}, 404),
        ({"appointment_id": failed}, 400),
    ):
        answer = await clinic.call("POST", "/v1/claims", json=body)
        assert answer.status_code == status, answer.text
        said.add(("POST /claims", answer.json()["message"]))
    wanted = {(name, words) for name, each in ALL.items() for words in each.messages if "…" not in words}
    assert wanted <= said and len(wanted) == 7
    more = await clinic.call(
        "POST", "/v1/tasks/notes", json=whole(ALL["POST /tasks/notes"], practice) | {"subject": "x"}
    )
    assert (more.status_code, more.json()["message"]) == (400, "Unexpected fields in request body: subject")
