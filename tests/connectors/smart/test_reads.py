"""Reads of a SMART EHR: what each record becomes, and what a server may leave out, repeat, or hide."""

from __future__ import annotations

from base64 import b64encode
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cobalt_link.connector import (
    AppointmentQuery,
    Capped,
    Chart,
    DocumentQuery,
    EhrBusy,
    EhrDown,
    NoRights,
    NoteQuery,
    NotUnderstood,
    OrderQuery,
    Patient,
    PatientInsuranceQuery,
    PatientQuery,
    SessionEnded,
    SlotQuery,
    TaskQuery,
    Unsupported,
)
from cobalt_link.connectors.smart import Smart
from tests.connectors.smart.chart import NOTE, appointment, document, patient
from tests.connectors.smart.runs import open_chart
from tests.support.ehrs.smart import SmartEhr, capability_statement, outcome

MST = timezone(timedelta(hours=-7))
DAY = AppointmentQuery(start=date(2026, 3, 4), end=date(2026, 3, 4))


async def whole(records: Any) -> tuple[list[Any], str | None]:
    """All records of a stream, and why it is partial."""
    found = []
    try:
        async for each in records:
            found.append(each)
    except Capped as capped:
        return found, str(capped)
    return found, None


async def test_a_patient_is_read_with_every_field(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    found = await connector.patients(open_chart(ehr), PatientQuery(mrn="MRN-1"))
    assert found.items == (
        Patient(
            ehr_id="p-1", mrn="MRN-1", first_name="Ana", middle_name="Maria", last_name="Betz", dob=date(1985, 10, 4),
            sex="female", phone="602-555-0100", cell_phone="602-555-0101", email="ana@example.org",
            address_street="1 Main St", address_line2="Apt 2", address_city="Mesa", address_state="AZ",
            address_zip="85201", updated_at=datetime(2026, 3, 1, 10, 0, 0, 123456, MST),
        ),
    )  # fmt: skip
    assert (found.total, found.partial) == (1, None)
    assert ehr.asked("/fhir/Patient")[0] == {"identifier": ["MRN-1"], "_count": ["100"]}


async def test_patients_are_found_by_each_filter_and_checked_again(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    patient(ehr, "p-2", name=[{"text": "Betzler, Bo"}], identifier=[{"value": "2"}], birthDate="1990", telecom=[])
    chart = open_chart(ehr)
    for query, wanted in (
        (PatientQuery(last_name="betz"), ["p-1", "p-2"]), (PatientQuery(first_name="ana"), ["p-1"]),
        (PatientQuery(dob=date(1985, 10, 4)), ["p-1"]), (PatientQuery(phone="+1 (602) 555 0101"), ["p-1"]),
        (PatientQuery(mrn="MRN"), []), (PatientQuery(ehr_id="p-2"), ["p-2"]), (PatientQuery(ehr_id="nobody"), []),
        (PatientQuery(ehr_id="../Practitioner/dr-lee"), []), (PatientQuery(), ["p-1", "p-2"]),
        (PatientQuery(offset=1, limit=1), ["p-2"]), (PatientQuery(offset=5), []),
    ):  # fmt: skip
        found = await connector.patients(chart, query)
        assert [each.ehr_id for each in found.items] == wanted, query
    whole_list = await connector.patients(chart, PatientQuery(limit=1))
    assert (len(whole_list.items), whole_list.total) == (1, 2)
    assert whole_list.partial is None
    partial = await connector.patients(chart, PatientQuery(last_name="betzler"))
    assert partial.items[0].dob is None and partial.items[0].mrn == "2"
    assert partial.partial == "1 record of the type Patient has an incomplete birth date."


async def test_a_server_without_a_list_of_all_patients_says_so(connector: Smart, ehr: SmartEhr) -> None:
    ehr.replies["/fhir/Patient"] = lambda request: JSONResponse(outcome("required"), 400)
    with pytest.raises(Unsupported) as refused:
        await connector.patients(open_chart(ehr), PatientQuery())
    assert "a list of all patients" in str(refused.value.details["what"])


async def test_an_appointment_is_read_with_every_field(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    appointment(ehr)
    (found,), partial = await whole(connector.appointments(open_chart(ehr), DAY))
    assert partial is None and found == await connector.appointment(open_chart(ehr), "a-1")
    assert (found.start, found.duration) == (datetime(2026, 3, 4, 9, 30, tzinfo=MST), 30)
    assert (found.status, found.cancelled, found.appointment_type, found.mode) == (
        "booked",
        False,
        "Follow-up",
        "office",
    )
    assert (found.provider_ehr_id, found.provider_name) == ("dr-lee", "Lee, Ana")
    assert (found.location_ehr_id, found.location_name) == ("l-1", "Main St")
    assert (found.reason, found.note) == ("Cough", "Bring the list")
    assert (found.patient.mrn, found.patient.dob) == ("MRN-1", date(1985, 10, 4))
    assert ehr.asked("/fhir/Appointment")[0]["date"] == ["ge2026-03-04", "lt2026-03-05"]
    assert await connector.appointment(open_chart(ehr), "a-2") is None


async def test_one_bad_appointment_hides_none_of_the_others(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    appointment(ehr, "a-1")
    appointment(ehr, "a-2", start="2026-03-04T08:00:00-07:00", end=None, minutesDuration="20", status="cancelled")
    appointment(ehr, "a-3", participant=[{"actor": {"reference": "Practitioner/dr-lee"}}])
    appointment(ehr, "a-4", participant=[{"actor": "Patient/p-1"}, 3, None, {"actor": {"reference": 7}}])
    appointment(ehr, "a-5", start="2026-03-04", end="never", participant=[{"actor": {"reference": "Patient/p-9"}}])
    appointment(ehr, "a-6", appointmentType={"text": "Video visit"}, start="2026-03-04T25:99:00Z")
    ehr.records["Appointment"]["x"] = {"resourceType": "Appointment", "start": "2026-03-04T09:00:00Z"}
    found, partial = await whole(connector.appointments(open_chart(ehr), DAY))
    assert [each.ehr_id for each in found] == ["a-5", "a-2", "a-1"]
    assert (found[1].duration, found[1].cancelled) == (20, True)
    assert found[0].patient.last_name == "" and found[0].duration is None
    assert partial is not None
    assert (
        "1 record of the type Appointment has no id." in partial
        and "2 records" in partial
        and "have no patient" in partial
    )


async def test_a_server_that_wants_a_schedule_named_is_asked_once_for_each(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    appointment(ehr)
    ehr.needs_actor = True
    found, partial = await whole(connector.appointments(open_chart(ehr), DAY))
    assert [each.ehr_id for each in found] == ["a-1"] and partial and "one schedule at a time" in partial
    chart = open_chart(ehr, vendor="oracle", schedules=("Location/l-1", "Practitioner/nobody"))
    ehr.heard.clear()
    found, partial = await whole(connector.appointments(chart, DAY))
    assert [each.ehr_id for each in found] == ["a-1"] and partial is None
    queries = ehr.asked("/fhir/Appointment")
    named = sorted(name for each in queries for name in {*each} - {"date", "_count"})  # they go out at the same time
    assert named == ["location", "practitioner", "practitioner"]
    assert {each["date"][0] for each in queries} == {"ge2026-03-04T00:00:00Z"}
    assert all(len(each.get("practitioner", ())) < 2 for each in queries)


async def test_pages_are_followed_and_repeat_nothing(connector: Smart, ehr: SmartEhr) -> None:
    for n in range(250):
        patient(ehr, f"p-{n}", identifier=[{"value": str(n)}])
        appointment(ehr, f"a-{n}", who=f"p-{n}")
    found, partial = await whole(connector.appointments(open_chart(ehr), DAY))
    assert len({each.ehr_id for each in found}) == len(found) == 250 and partial is None
    assert {each.patient.mrn for each in found} == {str(n) for n in range(250)}
    assert ehr.count("/fhir/Appointment") == 3 and ehr.count("/fhir/Patient") == 5


async def test_a_list_whose_pages_expired_begins_anew_once(connector: Smart, ehr: SmartEhr) -> None:
    for n in range(150):
        patient(ehr, f"p-{n}")
    expired = {"left": 1}

    def page(request: Request) -> Response:
        if "_from" in request.query_params and expired["left"]:
            expired["left"] -= 1
            return JSONResponse(outcome("processing", "error", "4113"), 404)
        return ehr._respond(request, {}, b"")

    ehr.replies["/fhir/Patient"] = page
    found = await connector.patients(open_chart(ehr), PatientQuery(limit=500))
    assert len({each.ehr_id for each in found.items}) == len(found.items) == 150
    expired["left"] = 5
    with pytest.raises(NotUnderstood):
        await connector.patients(open_chart(ehr), PatientQuery(limit=500))


async def test_a_record_at_which_the_server_chokes_is_named(connector: Smart, ehr: SmartEhr) -> None:
    for n in range(30):
        patient(ehr, f"p-{n}")

    def page(request: Request) -> Response:
        first, size = int(request.query_params.get("_from", 0)), int(request.query_params["_count"])
        broken = first <= 12 < first + size
        return JSONResponse(outcome("required", "fatal"), 500) if broken else ehr._respond(request, {}, b"")

    ehr.replies["/fhir/Patient"] = page
    found = await connector.patients(open_chart(ehr), PatientQuery(limit=500))
    assert len(found.items) == 12 and found.partial == "SMART on FHIR cannot give one Patient, and nothing after it."


async def test_an_outcome_in_a_page_is_a_failure_a_cap_or_nothing(connector: Smart, ehr: SmartEhr) -> None:
    patient(ehr)
    one = {"resource": ehr.records["Patient"]["p-1"]}

    async def read(*entries: Any) -> tuple[int, str | None]:
        bundle = {"resourceType": "Bundle", "entry": list(entries)}
        ehr.replies["/fhir/Patient"] = lambda request: JSONResponse(bundle)
        found = await connector.patients(open_chart(ehr), PatientQuery(last_name="betz"))
        return len(found.items), found.partial

    def said(*given: str) -> dict[str, Any]:
        return {"search": {"mode": "outcome"}, "resource": outcome(*given)}

    assert await read(said("not-found", "warning", "4101")) == (0, None)
    assert await read(said("not-found", "error", "4101")) == (0, None)
    assert await read(one, said("informational", "information")) == (1, None)
    assert (await read(one, said("too-costly", "warning", "59133")))[1] is not None
    count, partial = await read(one, said("exception", "error"))
    assert count == 1 and partial == "A part could not be read (exception)."
    assert await read(None, 3, {}, {"resource": None}, {"resource": {"resourceType": "Patient"}}, one) == (
        1, "1 record of the type Patient has no id.")  # fmt: skip
    for given, kind in (
        (("forbidden", "error"), NoRights), (("login", "fatal"), SessionEnded), (("throttled", "error"), EhrBusy),
        (("exception", "error"), EhrDown), (("suppressed", "error", "4130"), NoRights),
        (("processing", "error", "4135"), EhrBusy),
    ):  # fmt: skip
        with pytest.raises(kind):
            await read(said(*given))


async def test_every_status_means_what_it_says(connector: Smart, ehr: SmartEhr) -> None:
    for status, headers, kind in (
        (401, {}, SessionEnded), (403, {}, NoRights), (429, {"retry-after": "7"}, EhrBusy), (500, {}, EhrDown),
        (502, {}, EhrDown), (503, {"retry-after": "9"}, EhrBusy), (503, {}, EhrDown),
        (403, {"www-authenticate": 'Bearer error="insufficient_scope"'}, NoRights),
    ):  # fmt: skip
        ehr.replies["/fhir/Patient"] = lambda request, status=status, headers=headers: Response(
            "<html>", status, headers=headers
        )
        with pytest.raises(kind) as refused:
            await connector.patients(open_chart(ehr), PatientQuery(mrn="1"))
        if "retry-after" in headers:
            assert refused.value.details["seconds"] == int(headers["retry-after"])


async def test_slots_have_the_practitioner_and_place_of_their_schedule(connector: Smart, ehr: SmartEhr) -> None:
    ehr.add(
        "Schedule",
        "s-1",
        actor=[{"reference": "Practitioner/dr-lee"}, {"reference": "Location/l-1", "display": "Main"}],
    )
    ehr.add("Slot", "1", schedule={"reference": "Schedule/s-1"}, status="free", start="2026-03-04T09:00:00-07:00",
            end="2026-03-04T09:30:00-07:00", serviceType=[{"text": "Open"}])  # fmt: skip
    ehr.add("Slot", "2", schedule={"reference": "Schedule/s-1"}, status="busy-unavailable",
            start="2026-03-04T10:00:00-07:00", end="2026-03-04T10:30:00-07:00")  # fmt: skip
    ehr.add("Slot", "3", status="free", start="2026-03-04T11:00:00-07:00")
    query = SlotQuery(start_date=date(2026, 3, 4), end_date=date(2026, 3, 4))
    (found,), partial = await whole(connector.slots(open_chart(ehr), query))
    assert (found.ehr_id, found.provider_ehr_id, found.location_ehr_id, found.title) == ("1", "dr-lee", "l-1", "Open")
    assert partial == "1 record of the type Slot has no start or no end."


async def test_practice_lists_fall_back_to_who_signed_in(connector: Smart, ehr: SmartEhr) -> None:
    ehr.add("Practitioner", "2", name=[{"text": "Dr. Bo Kim"}], active=False,
            identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}])  # fmt: skip
    ehr.add("Location", "l-1", name="Main", status="active", telecom=[{"system": "fax", "value": "1"}],
            address={"line": ["1 Main St"], "city": "Mesa", "state": "AZ", "postalCode": "85201"})  # fmt: skip
    ehr.add("PractitionerRole", "r-1", practitioner={"reference": "Practitioner/dr-lee"},
            location=[{"reference": "Location/l-1", "display": "Main"}])  # fmt: skip
    found, partial = await whole(connector.providers(open_chart(ehr)))
    assert [(each.name, each.npi, each.active) for each in found] == [
        ("Lee, Ana", None, True), ("Kim, Dr. Bo", "1234567893", False)]  # fmt: skip
    assert partial is None
    (place,), _ = await whole(connector.locations(open_chart(ehr)))
    assert (place.name, place.address1, place.zip, place.fax) == ("Main", "1 Main St", "85201", "1")
    ehr.statement = capability_statement(Practitioner=("read",), Location=("read",))
    (only,), partial = await whole(connector.providers(open_chart(ehr)))
    assert only.ehr_id == "dr-lee" and partial and "works with" in partial
    (place,), partial = await whole(connector.locations(open_chart(ehr)))
    assert place.ehr_id == "l-1" and partial and "works at" in partial


async def test_notes_are_text_and_other_documents_are_files(connector: Smart, ehr: SmartEhr) -> None:
    texts = {
        "n-1": ("text/plain", b"Cough.\r\n\r\nRest\x00"),
        "n-2": ("text/html", b"<style>p{}</style><p>A &amp; B</p>C<br/>D"),
        "n-3": ("application/rtf", rb"{\rtf1{\fonttbl{\f0 Arial;}}\f0 Caf\'e9\par Rest}"),
    }  # fmt: skip
    for ehr_id, (media, data) in texts.items():
        document(ehr, ehr_id, media, category=NOTE)
        ehr.replies[f"/fhir/Binary/{ehr_id}"] = lambda request, media=media, data=data: Response(data, media_type=media)
    document(ehr, "d-1", "application/pdf", description="Referral letter")
    document(ehr, "d-2", "application/pdf", category=NOTE)
    document(ehr, "d-3", "text/plain", content=[{"attachment": {"_url": {"extension": []}}}])
    wrapped = {"resourceType": "Binary", "contentType": "application/pdf", "data": b64encode(b"%PDF-1").decode()}
    ehr.replies["/fhir/Binary/d-1"] = lambda request: JSONResponse(wrapped, media_type="application/fhir+json")
    chart = open_chart(ehr)
    notes, partial = await whole(connector.notes(chart, NoteQuery(patient_ehr_id="p-1")))
    assert {each.ehr_id: each.text for each in notes} == {
        "n-1": "Cough.\n\nRest", "n-2": "A & B\nC\nD", "n-3": "Café\nRest"}  # fmt: skip
    assert partial is None and {each.signed for each in notes} == {True}
    files, partial = await whole(connector.documents(chart, DocumentQuery(patient_ehr_id="p-1")))
    assert {each.ehr_id: each.filename for each in files} == {
        "d-1": "Referral letter.pdf", "d-2": "Progress note.pdf", "d-3": "Progress note"}  # fmt: skip
    assert partial == "1 record of the type DocumentReference has no file."
    found = await connector.document_files(chart, "d-1")
    assert found and (found.content, found.content_type) == (b"%PDF-1", "application/pdf")
    assert await connector.document_files(chart, "d-3") is None and await connector.document_files(chart, "x") is None


async def test_tasks_insurances_and_orders_are_read(connector: Smart, ehr: SmartEhr) -> None:
    ehr.add("Task", "t-1", status="requested", code={"text": "Call"}, description="Call Ana", authoredOn="2026-03-01",
            owner={"reference": "Practitioner/dr-lee"}, note=[{"text": "Twice", "authorString": "Bo"}],
            restriction={"period": {"end": "2026-03-09"}}, **{"for": {"reference": "Patient/p-1"}})  # fmt: skip
    (task,), _ = await whole(connector.tasks(open_chart(ehr), TaskQuery(patient_ehr_id="p-1")))
    assert (task.subject, task.description, task.assignee_ehr_id, task.due_date) == (
        "Call", "Call Ana", "dr-lee", date(2026, 3, 9))  # fmt: skip
    assert task.notes[0].text == "Twice"
    ehr.add("Coverage", "c-1", status="active", order=1, subscriberId="M-1", beneficiary={"reference": "Patient/p-1"},
            payor=[{"display": "Aetna"}], relationship={"coding": [{"code": "self"}]}, period={"start": "2026-01"},
            **{"class": [{"type": {"coding": [{"code": "group"}]}, "value": "G-1"}]},
            costToBeneficiary=[{"type": {"coding": [{"code": "copay"}]}, "valueMoney": {"value": 20}}])  # fmt: skip
    (cover,), _ = await whole(
        connector.patient_insurances(open_chart(ehr), PatientInsuranceQuery(patient_ehr_id="p-1"))
    )
    assert (cover.insurance_name, cover.insurance_subscriber_number, cover.group_id, cover.plan_begin_date) == (
        "Aetna", "M-1", "G-1", None)  # fmt: skip
    assert cover.copayment == 20 and cover.relationship_to_subscriber == "self"
    ehr.add("ServiceRequest", "s-1", status="completed", category=[{"coding": [{"code": "108252007"}]}],
            code={"text": "CBC"}, subject={"reference": "Patient/p-1"}, authoredOn="2026-03-04")  # fmt: skip
    ehr.add("DiagnosticReport", "r-1", status="final", subject={"reference": "Patient/p-1"}, conclusion="Normal",
            basedOn=[{"reference": "ServiceRequest/s-1"}],
            result=[{"reference": "Observation/o-1"}, {"reference": "#o"}],
            contained=[{"resourceType": "Observation", "id": "o", "code": {"text": "WBC"}, "valueString": "low"}],
            )  # fmt: skip
    ehr.add("Observation", "o-1", code={"text": "Hgb"}, valueQuantity={"value": 13.5, "unit": "g/dL"},
            subject={"reference": "Patient/p-1"}, interpretation=[{"coding": [{"code": "H"}]}],
            referenceRange=[{"low": {"value": 12}, "high": {"value": 16}}])  # fmt: skip
    ehr.add("MedicationRequest", "m-1", status="active", subject={"reference": "Patient/p-1"},
            medicationReference={"reference": "#m"}, dosageInstruction=[{"text": "1 daily"}],
            contained=[{"resourceType": "Medication", "id": "m", "code": {"text": "Lisinopril 10 mg"}}])  # fmt: skip
    (lab, drug), partial = await whole(connector.orders(open_chart(ehr), OrderQuery(patient_ehr_id="p-1")))
    assert (lab.name, lab.type, lab.status, lab.ordered_on) == ("CBC", "lab", "completed", date(2026, 3, 4))
    assert lab.lab_results and [(each.name, each.value, each.unit, each.reference_range, each.flag)
                                for each in lab.lab_results.values] == [
        ("Hgb", "13.5", "g/dL", "12 - 16", "H"), ("WBC", "low", None, None, None)]  # fmt: skip
    assert (drug.name, drug.type, drug.status, drug.details) == (
        "Lisinopril 10 mg", "medication", "pending", {"instructions": "1 daily"})  # fmt: skip
    assert partial is None


async def test_what_a_vendor_needs_in_each_call_is_sent_with_its_slash(connector: Smart, ehr: SmartEhr) -> None:
    chart: Chart = open_chart(ehr, vendor="athenahealth", context={"ah-practice": "Organization/a-1.Practice-1"})
    await connector.patients(chart, PatientQuery(last_name="Betz"))
    assert ehr.heard[-1][1].startswith("/fhir/Patient?ah-practice=Organization/a-1.Practice-1&family=Betz")
