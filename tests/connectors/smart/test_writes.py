"""Writes: what a server gets, that it gets it once, and what it is found to hold afterwards."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from cobalt_link.connector import (
    AppointmentChange,
    Chart,
    Held,
    MayBeHeld,
    NewAppointment,
    NewDocument,
    NewMessage,
    NewNote,
    NewPatientNote,
    NewTask,
    NotUnderstood,
    NotWritten,
    Soap,
    Write,
    Written,
)
from cobalt_link.connectors.smart import Smart
from tests.connectors.smart.chart import appointment, patient
from tests.connectors.smart.runs import open_chart
from tests.support.ehrs.smart import SmartEhr, capability_statement, outcome

REF = "0123456789abcdef0123456789abcdef"
URN = "urn:uuid:01234567-89ab-cdef-0123-456789abcdef"
START = datetime(2026, 3, 5, 9, 0, tzinfo=timezone(timedelta(hours=-7)))
WHO: dict[str, Any] = {"ref": REF, "patient_ehr_id": "p-1", "patient_mrn": "MRN-1"}


async def wrote(connector: Smart, chart: Chart, write: Write) -> Written:
    return await connector.writings[write.capability].write(connector, chart, write)


async def held(connector: Smart, chart: Chart, write: Write, ehr_id: str | None = None) -> Held | None:
    read_back = connector.writings[write.capability].read_back
    assert read_back is not None
    return await read_back(connector, chart, write, ehr_id)


@pytest.fixture
def chart(ehr: SmartEhr) -> Chart:
    patient(ehr)
    appointment(ehr)
    return open_chart(ehr)


def writes() -> list[tuple[Write, dict[str, Any]]]:
    """A write of each kind, with fields that the EHR holds afterwards."""
    return [
        (NewNote(ref=REF, appointment_ehr_id="a-1", text="Cough.\n<Rest> & fluids", sign=True),
         {"text": "Cough.\n<Rest> & fluids", "sign": True}),
        (NewPatientNote(**WHO, subject="Call", note="Called back", location_ehr_id="l-1"),
         {"subject": "Call", "note": "Called back"}),
        (NewDocument(**WHO, folder_name="Letters", filename="a.pdf", media_type="application/pdf", content=b"%PDF"),
         {"folder_name": "Letters", "filename": "a.pdf"}),
        (NewTask(**WHO, description="Call Ana", subject="Call", assignee_ehr_id="dr-lee"),
         {"description": "Call Ana", "subject": "Call", "assignee_ehr_id": "dr-lee", "patient_ehr_id": "p-1"}),
        (NewMessage(ref=REF, provider_ehr_id="dr-lee", subject="Hello", message="See p. 2"),
         {"subject": "Hello", "message": "See p. 2", "provider_ehr_id": "dr-lee"}),
        (NewAppointment(**WHO, location_ehr_id="l-1", provider_ehr_id="dr-lee", type="FOLLOWUP", start=START,
                        duration=20, note="Bring it", reason="Cough"),
         {"patient_ehr_id": "p-1", "provider_ehr_id": "dr-lee", "location_ehr_id": "l-1", "type": "FOLLOWUP",
          "start": START, "duration": 20, "note": "Bring it", "reason": "Cough", "status": "booked"}),
    ]  # fmt: skip


async def test_each_write_is_sent_once_and_found_by_its_id_and_by_our_identifier(
    connector: Smart, ehr: SmartEhr, chart: Chart
) -> None:
    for write, fields in writes():
        ehr.sent.clear()
        ehr.records["DocumentReference"] = {}
        answer = await wrote(connector, chart, write)
        assert answer.ehr_id and len(ehr.sent) == 1, write
        assert ehr.sent[0]["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": URN}]
        for ehr_id in (answer.ehr_id, None):  # None: nobody saw the answer
            found = await held(connector, chart, write, ehr_id)
            assert found and found.ehr_id == answer.ehr_id, (write, ehr_id)
            assert {name: found.fields.get(name) for name in fields} == fields, (write, ehr_id)
        # Not a word that FHIR forbids.
        assert not [value for value in ehr.sent[0].values() if value in (None, "", [], {})], write


async def test_what_the_ehr_refused_is_not_written_and_not_there(connector: Smart, ehr: SmartEhr, chart: Chart) -> None:
    ehr.writes = False
    for write, _ in writes():
        with pytest.raises(NotWritten) as refused:
            await wrote(connector, chart, write)
        assert refused.value.reasons[0].code == "REFUSED_BY_EHR" and "business-rule" in str(refused.value.reasons)
        if isinstance(write, NewAppointment):
            assert await held(connector, chart, write) is None
        else:
            with pytest.raises(MayBeHeld):
                await held(connector, chart, write)


async def test_what_a_server_that_drops_identifiers_holds_is_never_said_to_be_missing(
    connector: Smart, ehr: SmartEhr, chart: Chart
) -> None:
    # S-086
    for statement in (None, capability_statement(DocumentReference=("create",), Task=("create", "read"),
                                                 Communication=("create", "update"))):  # fmt: skip
        ehr.statement = statement
        chart = open_chart(ehr)
        for write, _ in writes():
            made = await wrote(connector, chart, write)
            ehr.records[ehr.sent[-1]["resourceType"]][made.ehr_id or ""].pop("identifier")
            if isinstance(write, NewAppointment):
                assert await held(connector, chart, write)  # by patient, practitioner, and time
                continue
            with pytest.raises(MayBeHeld):
                await held(connector, chart, write)
    ehr.records["Appointment"].clear()
    with pytest.raises(MayBeHeld):
        await held(connector, chart, writes()[0][0])  # a note whose visit is gone


async def test_an_error_on_the_way_is_no_refusal(connector: Smart, ehr: SmartEhr, chart: Chart) -> None:
    # fhir-oddities 33: an OperationOutcome "processing", and the record stood in the EHR
    for code, raised in (("processing", NotUnderstood), ("business-rule", NotWritten)):
        ehr.replies["/fhir/Task"] = lambda request, code=code: JSONResponse(outcome(code), 400)
        with pytest.raises(raised):
            await wrote(connector, chart, NewTask(**WHO, description="Call", assignee_ehr_id="dr-lee"))


async def test_an_answer_without_an_id_is_found_all_the_same(connector: Smart, ehr: SmartEhr, chart: Chart) -> None:
    write = NewTask(**WHO, description="Call", assignee_ehr_id="dr-lee")
    for reply, ehr_id in (
        (Response(status_code=201, media_type="text/html"), None),
        (Response("<html>", 201), None),
        (JSONResponse({"resourceType": "Task", "id": "t-9"}, 201), "t-9"),
        (JSONResponse({}, 201, {"location": "https://evil.example/fhir/Task/7"}), None),
        (JSONResponse({}, 201, {"location": "Task/t-8/_history/2"}), "t-8"),
        (JSONResponse({}, 201, {"location": f"{ehr.address}/Patient/7"}), None),
    ):
        ehr.replies["/fhir/Task"] = lambda request, reply=reply: reply
        assert (await wrote(connector, chart, write)).ehr_id == ehr_id


async def test_an_error_although_it_happened_is_found_by_reading_back(
    connector: Smart, ehr: SmartEhr, chart: Chart
) -> None:
    # fhir-oddities 33: the identifier was dropped too, so what matters of an appointment has to do
    write = next(each for each, _ in writes() if isinstance(each, NewAppointment))
    made = await wrote(connector, chart, write)
    del ehr.records["Appointment"][made.ehr_id or ""]["identifier"]
    found = await held(connector, chart, write)
    assert found and found.ehr_id == made.ehr_id
    ehr.records["Appointment"][made.ehr_id or ""]["status"] = "cancelled"
    assert await held(connector, chart, write) is None


async def test_a_note_is_kept_at_its_visit_in_the_vendors_form(connector: Smart, ehr: SmartEhr, chart: Chart) -> None:
    oracle = open_chart(ehr, vendor="oracle")
    write = NewNote(ref=REF, appointment_ehr_id="a-1", parts=Soap(subjective="Cough\n2 days", plan="Rest & tea"))
    with pytest.raises(NotWritten) as refused:
        await wrote(connector, oracle, write)
    assert refused.value.reasons[0].code == "NO_ENCOUNTER" and ehr.sent == []
    ehr.add("Encounter", "e-1", subject={"reference": "Patient/p-1"}, appointment=[{"reference": "Appointment/a-1"}],
            period={"start": "2026-03-04T09:31:00-07:00"}, date="2026-03-04")  # fmt: skip
    ehr.add("Encounter", "e-2", subject={"reference": "Patient/p-1"}, date="2026-03-04")
    await wrote(connector, oracle, write)
    (sent,) = ehr.sent
    attachment = sent["content"][0]["attachment"]
    said = b64decode(attachment["data"]).decode()
    assert attachment["contentType"] == "application/xhtml+xml" and sent["docStatus"] == "preliminary"
    assert "Subjective:<br />Cough<br />2 days<br /><br />Plan:<br />Rest &amp; tea" in said
    assert sent["context"]["encounter"] == [{"reference": "Encounter/e-1"}] and "related" not in sent["context"]
    assert sent["author"] == [{"reference": "Practitioner/dr-lee"}]
    missing = NewNote(ref=REF, appointment_ehr_id="none", text="x")
    check = connector.writings["notes.create"].check
    assert check
    with pytest.raises(NotWritten):
        await check(connector, chart, missing)


async def test_a_server_that_books_slots_gets_the_free_one(connector: Smart, ehr: SmartEhr, chart: Chart) -> None:
    oracle = open_chart(ehr, vendor="oracle")
    write = NewAppointment(**WHO, location_ehr_id="l-1", provider_ehr_id="dr-lee", type="F", start=START)
    check = connector.writings["appointments.create"].check
    assert check
    slot = ehr.add("Slot", "s-1", status="busy", schedule={"reference": "Schedule/1"}, start="2026-03-05T16:00:00Z",
                   end="2026-03-05T16:15:00Z", actor={"reference": "Practitioner/dr-lee"})  # fmt: skip
    for do in (check, connector.writings["appointments.create"].write):
        with pytest.raises(NotWritten) as refused:
            await do(connector, oracle, write)
        assert refused.value.reasons[0].code == "SLOT_NOT_FREE" and ehr.sent == []
    slot["status"] = "free"
    await check(connector, oracle, write)
    assert ehr.sent == []
    await wrote(connector, oracle, write)
    assert ehr.sent[0]["slot"] == [{"reference": "Slot/s-1"}]
    assert [each["actor"]["reference"] for each in ehr.sent[0]["participant"]] == ["Patient/p-1"]


@pytest.mark.parametrize("how", ["update", "patch"])
async def test_an_appointment_is_moved_and_cancelled_from_the_version_that_was_read(
    connector: Smart, ehr: SmartEhr, how: str
) -> None:
    patient(ehr)
    appointment(ehr)
    ehr.statement = capability_statement(Appointment=("read", "search-type", how))
    chart = open_chart(ehr)
    move = AppointmentChange(ref=REF, ehr_id="a-1", start=START, note="Moved")
    for ehr_id in (None, "a-1"):  # whatever was answered
        before = await held(connector, chart, move, ehr_id)
        assert before and not before.took and before.fields["start"] != START
    done = await wrote(connector, chart, move)
    found = await held(connector, chart, move, done.ehr_id)
    assert found and found.took and found == await held(connector, chart, move)
    assert (found.fields["start"], found.fields["duration"], found.fields["note"]) == (START, 30, "Moved")
    assert found.fields["patient_ehr_id"] == "p-1"  # the rest stays as it was
    cancel = AppointmentChange(ref=REF, ehr_id="a-1", cancel=True)
    await wrote(connector, chart, cancel)
    found = await held(connector, chart, cancel)
    assert found and found.took and found.fields["status"] == "cancelled"
    partly = AppointmentChange(ref=REF, ehr_id="a-1", note="Moved", duration=45)
    for ehr_id, took in ((None, False), ("a-1", True)):  # the server kept one of the two in its own way, if it answered
        found = await held(connector, chart, partly, ehr_id)
        assert found and found.took == took and found.fields["duration"] == 30
    assert await held(connector, chart, AppointmentChange(ref=REF, ehr_id="no", note="Moved"), "no") is None
    for wrong in (AppointmentChange(ref=REF, ehr_id="a-1", status="SCHED"), AppointmentChange(ref=REF, ehr_id="no")):
        with pytest.raises(NotWritten):
            await wrote(connector, chart, wrong)
    ehr.replies["/fhir/Appointment/a-1"] = lambda request: (
        JSONResponse(outcome("conflict"), 409) if request.method != "GET"
        else JSONResponse(ehr.records["Appointment"]["a-1"])
    )  # fmt: skip
    with pytest.raises(NotWritten) as refused:
        await wrote(connector, chart, move)
    assert refused.value.reasons[0].code == "CONFLICT"
