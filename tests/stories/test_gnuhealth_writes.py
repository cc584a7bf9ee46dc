"""An app books a visit and charts a note at a real GNU Health, and is told what its own RPC shows."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from tests.connectors.gnuhealth.written import count, raw
from tests.stories import told
from tests.stories.conftest import Meet
from tests.stories.test_gnuhealth import access_token, doctor, read
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth
from tests.support.world import Shop
from tests.webhooks.receiver import Receiver, receiving, register

pytestmark = MARKS
VISIT, NOTE = "gnuhealth.appointment", "gnuhealth.patient.evaluation"


class Ward:
    """The app with Cora's account, and its receiver."""

    def __init__(self, app: Shop, token: str, receiver: Receiver, secret: str) -> None:
        self.app, self.token, self.receiver, self.secret = app, token, receiver, secret

    async def does(self, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
        """The one event of a write that succeeded, under a receipt of a chart that holds what was asked."""
        answer = await self.app.call(method, path, json=body, access_token=self.token)
        assert answer.status_code in (200, 202), answer.text
        job_id = answer.json()["job_id"]
        job = (await self.app.call("GET", f"/v1/jobs/{job_id}", params={"wait": 30})).json()["job"]
        assert job["state"] == "succeeded", job
        receipt = (await self.app.call("GET", f"/v1/jobs/{job_id}/receipt")).json()["payload"]
        assert (receipt["outcome"], receipt["verified"], receipt["differences"]) == ("succeeded", True, [])
        while not (events := told.of_job(self.receiver.got, job_id, self.secret)):
            await self.receiver.gets(len(self.receiver.wire.heard) + 1)
        (event,) = events
        return {"record": job["record_id"], "ehr_id": receipt["ehr_id"], **event}


async def test_a_visit_and_its_note_are_in_the_chart_and_the_app_is_told(
    hospital_app: Shop, meet: Meet, written_to: GnuHealth
) -> None:  # S-065, S-086
    server = written_to
    wanted = {"org_id": "ward-7", "emr_name": "GNU Health", "emr_instance_domain": server.url}
    cora = doctor(meet, server)
    await cora.open(await hospital_app.link_token(**wanted))
    await cora.go_on("credentials")
    assert (await cora.sign_in()).pane == "done"
    token = await access_token(hospital_app, cora)
    visits, notes = count(server, VISIT), count(server, NOTE)
    start = datetime.combine(server.today + timedelta(days=3), time(17, 40), seed.ZONE)
    async with receiving() as receiver:
        ward = Ward(hospital_app, token, receiver, (await register(hospital_app, receiver.url))["secret"])
        booking = {"mrn": "PUID-000", "provider": "1", "location": "1", "type": "followup", "reason": "Sore throat"}
        booked = await ward.does("/v1/appointments", {**booking, "datetime": start.isoformat()})
        assert booked["type"] == "appointment.created"
        theirs = raw(server, VISIT, booked["ehr_id"], "appointment_date", "comments", "healthprof", "state")
        assert theirs["appointment_date"] == seed.a_moment(start)
        assert (theirs["comments"], theirs["healthprof"], theirs["state"]) == ("Sore throat", 1, "confirmed")
        shown = (await read(hospital_app, token, f"/v1/appointments/{booked['record']}"))["appointment"]
        assert (shown["ehr_appointment_id"], shown["reason"]) == (booked["ehr_id"], "Sore throat")

        charted = await ward.does("/v1/notes", {"appointment_id": booked["record"], "note": "S: cough\nP: rest"})
        assert charted["type"] == "note.uploaded" and charted["data"]["pending_signature"] is True
        theirs = raw(server, NOTE, charted["ehr_id"], "appointment", "notes", "state")
        assert theirs == {"appointment": int(booked["ehr_id"]), "notes": "S: cough\nP: rest", "state": "in_progress"}
        path = f"/v1/appointments/{booked['record']}"
        read_again = (await read(hospital_app, token, path, include_note="true"))["appointment"]
        assert "S: cough\nP: rest" in read_again["progress_note"]

        changed = await ward.does(path, {"reason": "Sore throat and fever"}, "PATCH")
        assert changed["type"] == "appointment.updated" and changed["ehr_id"] == booked["ehr_id"]
        assert raw(server, VISIT, booked["ehr_id"], "comments") == {"comments": "Sore throat and fever"}
    assert (count(server, VISIT), count(server, NOTE)) == (visits + 1, notes + 1)
