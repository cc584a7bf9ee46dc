"""What is known of a record that the EHR does not hold yet, and of a patient whom a job is changing."""

from __future__ import annotations

from typing import Any

from cobalt_link.app import House
from tests.support.clinic import Clinic
from tests.support.world import Shop

PDF = b"%PDF-1.4 made up"


async def let_go(clinic: Clinic) -> None:
    await clinic.sandbox.lab("faults", {})
    await clinic.sandbox.http.post("/api/_lab/held")


async def written(clinic: Clinic) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Where each kind of record is read, its key, the answer to its write, and what is known of it at once."""
    visit = await clinic.new_appointment(note="Bring the card")
    booked = (await clinic.done("/v1/appointments", visit))["record_id"]
    user = (await clinic.chart("users"))["users"][0]["id"]
    whose = {"patient_mrn": visit["mrn"]}
    await clinic.sandbox.lab("faults", {"hold_writes": "before"})
    later = visit | {"datetime": visit["datetime"].replace("T09", "T10")}
    parts = {"subjective": "Coughs", "objective": "No fever", "assessment": "A cold", "plan": "Rest"}
    person = {"first_name": "Ana", "last_name": "Betz", "dob": "1984-02-29", "sex": "female", "phone": "212-555-0125"}
    about = {"subject": "Call", "note": "Said yes", "location_id": visit["location"]}
    call = {
        "provider_id": visit["provider"],
        "location_id": visit["location"],
        "assigned_to_id": user,
        "reason": "Knee",
    }
    task = {"subject": "A", "description": "B", "assignee_user_id": user}
    form = whose | {"folder_name": "Lab results", "notes": "High"}
    document = await clinic.call("POST", "/v1/documents", data=form, files={"document": ("ecg.pdf", PDF)})
    assert document.status_code == 200, document.text
    return [
        ("/v1/appointments/{}", "appointment", await clinic.write("/v1/appointments", later), {
            "datetime": later["datetime"], "provider_ehr_id": visit["provider"], "location": visit["location"],
            "appointment_type": visit["type"], "patient_mrn": visit["mrn"], "note": "Bring the card",
            "cancelled": False, "insurances": [], "ehr_appointment_id": None,
        }),
        ("/v1/patients/{}", "patient", await clinic.write("/v1/patients", person), person | {
            "date_of_birth": "1984-02-29", "gender": "female", "mrn": None, "ehr_id": None,
        }),
        ("/v1/notes/{}", "note", await clinic.write("/v1/notes", {"appointment_id": booked, "note": parts}), {
            "type": "visit", "appointment_id": booked, "note": None, "signed": False,
            "parts": parts,
        }),
        ("/v1/notes/{}", "note", await clinic.write("/v1/patient-notes", whose | about), whose | about | {
            "type": "patient", "appointment_id": None,
        }),
        ("/v1/tasks/{}", "task", await clinic.write("/v1/tasks", whose | task), whose | task | {"emr_task_id": None}),
        ("/v1/documents/{}/metadata", "document", document.json(), form | {
            "filename": "ecg.pdf", "size": len(PDF), "content_type": "application/pdf",
        }),
        ("/v1/telephone-encounters/{}", "telephone_encounter", await clinic.write(
            "/v1/telephone-encounters", whose | call), whose | call | {"emr_appointment_id": None, "actions": []},
        ),
    ]  # fmt: skip


async def test_a_record_answers_by_its_id_from_the_first_moment_and_keeps_it(clinic: Clinic, rival: Shop) -> None:
    records = await written(clinic)
    ids = [next(value for name, value in said.items() if name.endswith("_id")) for _, _, said, _ in records]
    for (path, key, said, known), our_id in zip(records, ids, strict=True):
        answer = await clinic.read(path.format(our_id))
        shown = answer[key]
        assert (shown["id"], shown["status"], shown["job_id"]) == (our_id, "pending", said["job_id"]), key
        assert (answer["success"], answer["job_id"], shown["failure_reason"]) == (True, said["job_id"], None)
        assert {name: shown[name] for name in known} == known, key
    assert (await clinic.read(f"/v1/appointment/{ids[0]}"))["appointments"]["id"] == ids[0]
    held_back = await clinic.call("GET", f"/v1/documents/{ids[5]}")
    assert (held_back.status_code, held_back.json()["error"]) == (409, "document_pending")
    listed = await clinic.read("/v1/patients", last_name="Betz", first_name="Ana")
    assert ids[1] not in {each["id"] for each in listed["patients"]}
    # An id is of one kind, and of one account.
    assert (await clinic.call("GET", f"/v1/tasks/{ids[1]}")).status_code == 404
    other = await Clinic.of(rival, clinic.sandbox)
    assert (await other.call("GET", f"/v1/patients/{ids[1]}")).status_code == 404
    await let_go(clinic)
    for (path, key, said, known), our_id in zip(records, ids, strict=True):
        assert (await clinic.job(said["job_id"], wait=60))["state"] == "succeeded", key
        shown = (await clinic.read(path.format(our_id)))[key]
        assert shown["id"] == our_id and shown.get("status") != "pending", key
        same = {name for name, value in known.items() if value not in (None, [])} - {"datetime", "note"}
        assert not {name for name in same if shown[name] != known[name]}, key
    assert (await clinic.call("GET", f"/v1/documents/{ids[5]}")).content == PDF


async def test_every_key_of_a_record_is_there_while_it_is_pending(clinic: Clinic) -> None:
    records = await written(clinic)
    pending = []
    for path, key, said, _ in records:
        our_id = next(value for name, value in said.items() if name.endswith("_id"))
        pending.append((await clinic.read(path.format(our_id)))[key])
    await let_go(clinic)
    for (path, key, said, _), before in zip(records, pending, strict=True):
        await clinic.job(said["job_id"], wait=60)
        after = (await clinic.read(path.format(before["id"])))[key]
        assert before.keys() >= after.keys(), (key, after.keys() - before.keys())


async def test_a_record_that_could_not_be_made_says_so(clinic: Clinic) -> None:
    wrong = await clinic.new_appointment(provider="nobody")
    failed = await clinic.done("/v1/appointments", wrong)
    shown = (await clinic.read(f"/v1/appointments/{failed['record_id']}"))["appointment"]
    assert (shown["status"], shown["job_id"]) == ("failed", failed["job_id"])
    assert shown["failure_reason"] == failed["data"]["failure_reason"]
    right = (await clinic.new_appointment())["provider"]
    await clinic.write(f"/v1/appointments/{failed['record_id']}", {"provider": right}, "PATCH")
    assert (await clinic.job(failed["job_id"]))["state"] == "succeeded"
    shown = (await clinic.read(f"/v1/appointments/{failed['record_id']}"))["appointment"]
    assert shown["object_metadata"]["source"] == "cobalt_operation"
    unknown = await clinic.call("GET", f"/v1/appointments/{'0' * 32}")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "appointment_not_found")


async def test_a_patient_who_is_being_changed_is_pending_update_and_then_active(clinic: Clinic) -> None:
    one, other = (await clinic.read("/v1/patients", page_size=2))["patients"]
    assert (one["status"], one["job_id"]) == ("active", None)
    await clinic.sandbox.lab("faults", {"hold_writes": "before"})
    change = await clinic.write(f"/v1/patients/{one['id']}", {"phone": "212-555-0199"}, "PATCH")
    listed = {each["id"]: each for each in (await clinic.read("/v1/patients", page_size=2))["patients"]}
    alone = (await clinic.read(f"/v1/patients/{one['id']}"))["patient"]
    for each in (listed[one["id"]], alone):
        assert (each["status"], each["job_id"]) == ("pending_update", change["job_id"])
    assert listed[other["id"]]["status"] == "active"
    await let_go(clinic)
    assert (await clinic.job(change["job_id"]))["state"] == "succeeded"
    after = (await clinic.read(f"/v1/patients/{one['id']}"))["patient"]
    assert (after["status"], after["job_id"], after["phone"]) == ("active", None, "212-555-0199")


async def test_what_is_known_ends_with_the_account(house: House, clinic: Clinic) -> None:
    failed = await clinic.done("/v1/appointments", await clinic.new_appointment(provider="nobody"))
    await house.db.run("UPDATE write_jobs SET sealed_request = NULL, sealed_result = NULL")
    gone = await clinic.call("GET", f"/v1/appointments/{failed['record_id']}")
    assert gone.status_code == 404
