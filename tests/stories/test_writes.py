"""An app books, charts and files at the sandbox EHR; what it is told and reads is what the EHR itself holds."""

from __future__ import annotations

from typing import Any

from tests.stories import told
from tests.stories.conftest import Meet
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, Shop
from tests.webhooks.receiver import Receiver, receiving, register

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n%%EOF\n"


async def linked(app: Shop, meet: Meet, sandbox: Sandbox) -> Clinic:
    link_token = await app.link_token()
    found = (await app.exchange(await meet("user_good").link(link_token))).json()
    account = (await app.session(link_token))["account_id"]
    keys = {"account_id": account, "access_token": found["token"], "ehr_username": "user_good"}
    return Clinic(app, sandbox, keys, await sandbox.session("user_good"))


async def event_of(receiver: Receiver, clinic: Clinic, accepted: dict[str, Any], secret: str) -> dict[str, Any]:
    """The one event of a job that succeeded with one row, under a receipt that says so."""
    job = await clinic.job(accepted["job_id"])
    assert job["state"] == "succeeded" and await clinic.rows(job["job_id"]) == 1, job
    receipt = await clinic.receipt(job["job_id"])
    assert (receipt["outcome"], receipt["verified"], receipt["differences"]) == ("succeeded", True, [])
    await receiver.gets(len(receiver.wire.heard) + (not told.of_job(receiver.got, job["job_id"], secret)))
    (event,) = told.of_job(receiver.got, job["job_id"], secret)
    return event


async def test_an_app_books_charts_and_files_and_is_told_what_the_ehr_holds(
    acme: Shop, meet: Meet, sandbox: Sandbox
) -> None:  # S-065, S-086
    clinic = await linked(acme, meet, sandbox)
    async with receiving() as receiver:
        secret = (await register(acme, receiver.url))["secret"]
        wanted = await clinic.new_appointment(days=0, hour=20)
        booked = await clinic.write("/v1/appointments", wanted)
        event = await event_of(receiver, clinic, booked, secret)
        assert event["type"] == "appointment.created"
        assert event["data"]["appointment_id"] == booked["appointment_id"]
        shown = (await clinic.read(f"/v1/appointments/{booked['appointment_id']}"))["appointment"]
        visit = (await clinic.chart(f"appointments/{shown['ehr_appointment_id']}"))["appointment"]
        assert (visit["patient"]["mrn"], visit["reason"]) == (wanted["mrn"], "Follow-up")

        text = "S: cough for 3 days\nP: rest"
        charted = await clinic.write("/v1/notes", {"appointment_id": booked["appointment_id"], "note": text})
        event = await event_of(receiver, clinic, charted, secret)
        assert event["type"] == "note.uploaded"
        note = (await clinic.chart(f"notes/{event['data']['ehr_note_id']}"))["note"]
        assert (note["visit_id"], note["text"], note["signed"]) == (visit["id"], text, False)
        assert event["data"]["pending_signature"] is True
        read = await clinic.read(f"/v1/appointments/{booked['appointment_id']}", include_note="true")
        assert read["appointment"]["progress_note"] == text

        folder = (await clinic.chart("document-folders"))["document_folders"][0]["name"]
        fields = {"mrn": wanted["mrn"], "folder_name": folder}
        answer = await clinic.call("POST", "/v1/documents", data=fields, files={"document": ("a.pdf", PDF)})
        assert answer.status_code in (200, 202), answer.text
        event = await event_of(receiver, clinic, answer.json(), secret)
        assert event["type"] == "document.uploaded"
        path = f"documents/{event['data']['ehr_document_id']}/content"
        assert (await sandbox.get(path, clinic.session)).content == PDF

        assert len({each.id for each in receiver.got}) == 3
