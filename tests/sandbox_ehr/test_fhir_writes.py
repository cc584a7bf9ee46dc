"""FHIR writes: what an app sends is in the chart, and stale or foreign writes are refused."""

from typing import Any

import pytest

from tests.sandbox_ehr.conftest import NOON
from tests.sandbox_ehr.fhir_cases import (
    APPOINTMENT,
    COVERAGE,
    CREATES,
    DOCUMENT,
    MESSAGE,
    ORDER,
    PATIENT,
    REF,
    SCOPES,
    TASK,
    Writer,
)
from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp, resources


@pytest.fixture
async def writer(ehr: SandboxClient) -> Writer:
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    app = SmartApp(ehr.http)
    await app.register()
    return Writer(app, (await app.tokens(SCOPES))["access_token"])


async def test_every_create_is_answered_with_its_address_and_version_and_is_there(
    writer: Writer, ehr: SandboxClient
) -> None:
    for body in CREATES:
        response = await writer.send("POST", body["resourceType"], body)
        assert response.status_code == 201, response.text
        made = response.json()
        version = made["meta"]["versionId"]
        address = f"{writer.app.fhir}/{body['resourceType']}/{made['id']}/_history/{version}"
        assert (response.headers["location"], response.headers["etag"]) == (address, f'W/"{version}"')
        assert await writer.app.read(f"{body['resourceType']}/{made['id']}", writer.token) == made
        assert REF in made["identifier"]
    assert sum((await ehr.written("ref-1")).values()) == len(CREATES)


async def test_a_booking_is_the_visit_that_was_asked_for(writer: Writer, ehr: SandboxClient) -> None:
    made = await writer.make(APPOINTMENT)
    visit = (await ehr.read(f"appointments/{made['id']}", await ehr.session()))["appointment"]
    told = {name: visit[name] for name in ("start", "minutes", "type", "reason", "note", "status", "provider_id")}
    assert told == {"start": "2026-12-01T17:00:00-05:00", "minutes": 45, "type": "NP", "reason": "Knee pain",
                    "note": "Call first", "status": "SCHED", "provider_id": "501"}  # fmt: skip
    assert {name: made[name] for name in ("start", "end", "comment", "status")} == {
        name: APPOINTMENT[name] for name in ("start", "end", "comment", "status")
    }


async def test_a_booking_into_a_slot_takes_its_provider_place_and_time_and_the_slot(writer: Writer) -> None:
    app, query = writer.app, {"start": "2026-11-25", "status": "free", "_include": "Slot:schedule"}
    whole = await app.read("Slot", writer.token, query)
    slot = resources(whole, "Slot")[0]
    patient = [APPOINTMENT["participant"][0]]
    body = {name: value for name, value in APPOINTMENT.items() if name not in ("start", "end")}
    body |= {"slot": [{"reference": f"Slot/{slot['id']}"}], "participant": patient}
    made = await writer.make(body)
    assert (made["start"], made["end"]) == (slot["start"], slot["end"])
    assert slot["id"] not in {each["id"] for each in resources(await app.read("Slot", writer.token, query), "Slot")}
    again = await writer.send("POST", "Appointment", body)
    assert (again.status_code, again.json()["issue"][0]["code"]) == (409, "conflict")


async def test_a_visit_is_moved_confirmed_and_cancelled(writer: Writer) -> None:
    made = await writer.make(APPOINTMENT)
    path = f"Appointment/{made['id']}"
    moved = made | {"start": "2026-12-02T17:00:00-05:00", "end": "2026-12-02T17:45:00-05:00"}
    answer = await writer.send("PUT", path, moved, if_match=f'W/"{made["meta"]["versionId"]}"')
    assert (answer.status_code, answer.json()["start"]) == (200, moved["start"])
    stale = await writer.send("PUT", path, moved, if_match=f'W/"{made["meta"]["versionId"]}"')
    assert (stale.status_code, stale.json()["issue"][0]["code"]) == (412, "conflict")
    patch = [
        {"op": "replace", "path": "/status", "value": "cancelled"},
        {"op": "add", "path": "/comment", "value": "Off"},
    ]
    answer = await writer.send("PATCH", path, patch)
    assert (answer.json()["status"], answer.json()["comment"]) == ("cancelled", "Off")
    refused = await writer.send("PATCH", path, [{"op": "replace", "path": "/status", "value": "arrived"}])
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (409, "business-rule")
    assert (await writer.send("PATCH", path, [{"op": "test", "path": "/status", "value": "x"}])).status_code == 422


async def test_text_about_a_visit_is_a_note_and_can_be_signed(writer: Writer, ehr: SandboxClient) -> None:
    visit = resources(await writer.app.read("Encounter", writer.token, {"patient": "10001", "_count": "1"}))[0]
    context = {"context": {"encounter": [{"reference": f"Encounter/{visit['id']}"}]}}
    made = await writer.make(DOCUMENT | context | {"docStatus": "preliminary"})
    session = await ehr.session()
    note = (await ehr.read(f"notes/{made['id']}", session))["note"]
    assert (note["text"], note["type"], note["signed"], note["visit_id"]) == (
        "Doing well.",
        "progress",
        False,
        visit["id"],
    )
    signed = await writer.send("PUT", f"DocumentReference/{made['id']}", made | {"docStatus": "final"})
    assert (signed.status_code, signed.json()["docStatus"]) == (200, "final")
    changed = {"content": [{"attachment": {"contentType": "text/plain", "data": "QWdhaW4u"}}], "docStatus": "final"}
    late = await writer.send("PUT", f"DocumentReference/{made['id']}", made | changed)
    assert late.status_code == 409
    pdf = {"content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0=", "title": "scan.pdf"}}]}
    filed = await writer.make(DOCUMENT | pdf | {"type": {"coding": [{"code": "11502-2"}]}})
    document = (await ehr.read(f"documents/{filed['id']}", session))["document"]
    assert (document["folder_id"], document["filename"], document["size"]) == ("F1", "scan.pdf", 5)


async def test_a_task_is_done_and_handed_on(writer: Writer, ehr: SandboxClient) -> None:
    made = await writer.make(TASK)
    changed = made | {"status": "completed", "owner": {"reference": "Practitioner/u1"}, "priority": "urgent"}
    answer = await writer.send("PUT", f"Task/{made['id']}", changed)
    assert (answer.json()["status"], answer.json()["priority"]) == ("completed", "urgent")
    task = (await ehr.read(f"tasks/{made['id']}", await ehr.session()))["task"]
    assert (task["status"], task["assigned_to"], task["subject"]) == ("done", "u1", "Call back")


async def test_a_patient_moves_to_another_number(writer: Writer) -> None:
    made = await writer.make(PATIENT)
    changed = made | {"telecom": [{"system": "phone", "use": "mobile", "value": "212-555-0178"}]}
    answer = await writer.send("PUT", f"Patient/{made['id']}", changed)
    assert answer.json()["telecom"] == changed["telecom"]
    again = await writer.send("POST", "Patient", PATIENT)
    assert (again.status_code, again.json()["issue"][0]["code"]) == (409, "duplicate")


async def test_an_order_a_message_a_plan_and_a_slot_change_as_far_as_they_can(writer: Writer) -> None:
    order = await writer.make(ORDER)
    assert order["category"][0]["text"] == "Imaging"
    revoked = await writer.send("PUT", f"ServiceRequest/{order['id']}", order | {"status": "revoked"})
    assert revoked.json()["status"] == "revoked"
    assert (await writer.send("PUT", f"ServiceRequest/{order['id']}", order | {"status": "x"})).status_code == 422
    message = await writer.make(MESSAGE)
    assert "received" not in message
    received = [{"op": "add", "path": "/received", "value": NOON}]
    assert "received" in (await writer.send("PATCH", f"Communication/{message['id']}", received)).json()
    plan = await writer.make(COVERAGE)
    changed = await writer.send("PUT", f"Coverage/{plan['id']}", plan | {"subscriberId": "n 78"})
    assert changed.json()["subscriberId"] == "N78"
    slot = resources(await writer.app.read("Slot", writer.token, {"start": "2026-11-25", "status": "free"}))[0]
    busy = [{"op": "replace", "path": "/status", "value": "busy-unavailable"}]
    assert (await writer.send("PATCH", f"Slot/{slot['id']}", busy)).json()["status"] == "busy-unavailable"
    assert (await writer.send("PATCH", f"Slot/{slot['id']}", [busy[0] | {"value": "x"}])).status_code == 422
    assert (await writer.send("POST", "Slot", slot)).status_code == 404


async def test_what_does_not_fit_is_refused_and_writes_nothing(writer: Writer, ehr: SandboxClient) -> None:
    people = APPOINTMENT["participant"]
    cases: list[tuple[dict[str, Any], int]] = [
        (APPOINTMENT | {"participant": people[1:]}, 422),
        (APPOINTMENT | {"start": "2026-12-01T17:00:00"}, 422),
        (APPOINTMENT | {"status": "fulfilled"}, 422),
        (APPOINTMENT | {"participant": [{"actor": {"reference": "Patient/999"}}, *people[1:]]}, 422),
        (APPOINTMENT | {"modifierExtension": [{"url": "x"}]}, 422),
        (DOCUMENT | {"content": [{"attachment": {"contentType": "text/plain", "data": "%"}}]}, 422),
        (TASK | {"for": {}}, 422),
        (MESSAGE | {"recipient": []}, 422),
        (PATIENT | {"birthDate": "soon"}, 422),
        (COVERAGE | {"payor": [{"reference": "Organization/P011"}]}, 422),
        (APPOINTMENT | {"resourceType": "Task", "for": {}}, 422),
    ]
    for body, status in cases:
        response = await writer.send("POST", body["resourceType"], body)
        assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome"), body
    assert (await writer.send("POST", "Claim", {"resourceType": "Claim"})).status_code == 404
    assert (await writer.send("POST", "Task", APPOINTMENT)).status_code == 400
    assert (await writer.send("POST", "Task", TASK, content_type="text/plain")).status_code == 415
    assert await ehr.written() == {}


async def test_a_write_needs_its_scope_its_right_and_its_patient(writer: Writer, ehr: SandboxClient) -> None:
    app = writer.app
    reader = Writer(app, (await app.tokens("user/*.rs"))["access_token"])
    assert (await reader.send("POST", "Task", TASK)).status_code == 403
    await ehr.lab("users/narrow", {"password": "pass_good", "rights": ["tasks.read"]})
    narrow = Writer(app, (await app.tokens("user/*.cruds", "narrow"))["access_token"])
    assert (await narrow.send("POST", "Task", TASK)).status_code == 403
    own = Writer(app, (await app.tokens("launch/patient patient/*.cruds", "patient_good"))["access_token"])
    assert (await own.send("POST", "Task", TASK)).status_code == 201
    assert (await own.send("POST", "Task", TASK | {"for": {"reference": "Patient/10002"}})).status_code == 403


async def test_the_lies_of_the_lab_meet_writes_over_fhir_too(writer: Writer, ehr: SandboxClient) -> None:
    await ehr.lab("faults", {"write_error_although_done": True})
    assert (await writer.send("POST", "Task", TASK)).status_code == 500
    assert await ehr.written("ref-1") == {"task": 1}
    await ehr.lab("faults", {"write_done_although_not": True})
    assert (await writer.send("POST", "Task", TASK)).status_code == 201
    assert await ehr.written("ref-1") == {"task": 1}
    await ehr.lab("faults", {"write_empty_201": True})
    empty = await writer.send("POST", "Task", TASK)
    assert (empty.status_code, empty.content) == (201, b"")
    assert empty.headers["location"].startswith(f"{writer.app.fhir}/Task/T")
