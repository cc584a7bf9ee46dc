"""Each operation turns a request into the connector's struct, and says at once what makes no sense."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from starlette.datastructures import Headers, UploadFile

from cobalt_link.connector import writes
from cobalt_link.connector.writes import WRITES, ForPatient, Soap, Write, WriteCapability
from cobalt_link.connector.writing import Reason
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.web.conversion import convert
from cobalt_link.web.problems import MissingField, Problem
from tests.records.writes.requests import FULL, REFUSED, REQUESTS

EAST = timezone(timedelta(hours=-5))


def pdf(content: bytes = b"%PDF-1.7", filename: str | None = "scan.pdf") -> UploadFile:
    return UploadFile(io.BytesIO(content), filename=filename, headers=Headers({"content-type": "application/pdf"}))


def filled(name: str, body: dict[str, Any]) -> dict[str, Any]:
    operation = OPERATIONS[name]
    return operation.filled(convert(body, operation.asked))


def written(operation: Operation, body: dict[str, Any]) -> Write:
    """The connector's write, with a known patient and records: the id of each is `ehr:` and what was asked."""
    asked = convert(body, operation.asked)
    fields = operation.filled(asked)
    ids = {other.field: f"ehr:{id_}" for other, id_ in operation.others(operation.sent(asked), None).values()}
    ids |= {"ehr_id": "ehr:target"} if operation.target else {}
    ids |= {"patient_ehr_id": "p", "patient_mrn": "m"} if issubclass(operation.write, ForPatient) else {}
    assert not {"ref", "ehr_id", "patient_mrn", "patient_ehr_id", *ids} & {*fields}, operation.name
    return cast(Write, convert({**fields, "ref": "0" * 32, **ids}, operation.write))


def test_every_write_of_the_connectors_has_its_operation_and_a_request_here() -> None:
    assert {*OPERATIONS} == {*WRITES} == {*FULL}
    for name, operation in OPERATIONS.items():
        assert operation.write.capability == name
        own = {*operation.write.__struct_fields__}
        named = {theirs for mine, theirs in operation.names.items() if mine not in operation.only_new}
        assert named | {*operation.called} <= own, name
        assert {other.field for other in operation.ids.values()} <= own, name
        assert operation.advice <= {*operation.asked.__struct_fields__}, name
        assert operation.only_new <= {*operation.asked.__struct_fields__}, name


def test_a_request_becomes_the_write_that_the_connector_takes() -> None:
    for name, (body, expected) in FULL.items():
        if name == "documents.create":
            body = body | {"document": pdf()}
        assert written(OPERATIONS[name], body) == expected, name
        assert type(expected) is WRITES[cast(WriteCapability, name)]


def test_the_requests_here_fill_every_field_that_a_write_has() -> None:
    for name, (_, expected) in FULL.items():
        empty = [each for each in expected.__struct_fields__ if getattr(expected, each) in (None, (), "")]
        # A note has one form, and an appointment ends or gets a status.
        assert set(empty) <= {"text", "status"}, name


def test_other_forms_of_a_request_become_the_same_write() -> None:
    for name, body, expected in REQUESTS:
        found = filled(name, body)
        assert {each: found.get(each) for each in expected} == expected, (name, body)


def test_what_makes_no_sense_is_refused_with_words_that_say_what_to_send() -> None:
    for name, good, bad, message in REFUSED:
        filled(name, good)  # the request fails because of what `bad` adds, and of nothing else
        with pytest.raises(Problem) as refused:
            filled(name, good | bad)
        assert refused.value.message == message, (name, bad)
        assert refused.value.status == 400


MORNING = ("10:00", "10:00 am", "10:00AM", " 10:00 a.m. ", "10:00 a", "10:00:59")
TIMES = {
    **dict.fromkeys(MORNING, (10, 0)),
    "0:05": (0, 5),
    "2:30": (2, 30),
    "2:30 pm": (14, 30),
    "02:30 P.M.": (14, 30),
    "14:30": (14, 30),
    "12:00 am": (0, 0),
    "12:59 AM": (0, 59),
    "12:00 pm": (12, 0),
    "11:59 pm": (23, 59),
    "23:59": (23, 59),
}
NO_TIMES = ("24:00", "10:60", "9", "9 am", "0:30 am", "13:00 pm", "10:00 m", "10:00 xm", "1000", "-1:00", "noon")
VISIT = {"mrn": "1", "location": "1", "provider": "1", "type": "x"}


def test_a_time_of_day_is_read_in_every_form_and_waits_for_the_practices_zone() -> None:
    for text, (hour, minute) in TIMES.items():
        start = filled("appointments.create", VISIT | {"date": "2026-12-01", "time": text})["start"]
        assert start == f"2026-12-01T{hour:02}:{minute:02}:00", text
    for text in NO_TIMES:
        with pytest.raises(Problem, match=r"^Invalid time\. Use h:mm am/pm, such as 2:30 pm, or HH:mm\.$"):
            filled("appointments.create", VISIT | {"date": "2026-12-01", "time": text})


@pytest.mark.parametrize("field", ["datetime", "appointment_datetime", "date_time"])
def test_a_start_keeps_its_offset_also_if_a_form_made_a_blank_of_its_plus(field: str) -> None:
    nine, east = datetime(2026, 12, 1, 9), timezone(timedelta(hours=5, minutes=30))
    starts = {
        "2026-12-01T09:00:00-05:00": nine.replace(tzinfo=EAST),
        "2026-12-01T09:00:00+05:30": nine.replace(tzinfo=east),
        "2026-12-01T09:00:00 05:30": nine.replace(tzinfo=east),
        "2026-12-01 09:00:00 05:30": nine.replace(tzinfo=east),
        "2026-12-01T09:00:00Z": nine.replace(tzinfo=UTC),
        "2026-12-01T09:00:00": nine,
        "2026-12-01T09:00": nine,
        " 2026-12-01 09:00 ": nine,
    }
    for text, start in starts.items():
        for name, target in (("appointments.create", VISIT), ("appointments.update", {})):
            found = datetime.fromisoformat(filled(name, target | {field: text})["start"])
            assert (found, found.utcoffset()) == (start, start.utcoffset()), text
    # A date alone is not midnight.
    for text in (
        "2026-12-01",
        "20261201",
        "tomorrow",
        "2026-13-01T09:00:00",
        "2026-12-01T25:00",
        "0001-01-01T00:00+05:00",
    ):
        with pytest.raises(Problem, match=r"^Invalid datetime\. Use YYYY-MM-DDTHH:mm:ss±HH:MM"):
            filled("appointments.create", VISIT | {field: text})


def test_a_file_says_its_name_and_type_unless_the_request_does() -> None:
    body = {"patient_mrn": "1", "folder_name": "Letters"}
    found = filled("documents.create", body | {"document": pdf()})
    assert (found["filename"], found["media_type"]) == ("scan.pdf", "application/pdf")
    named = {"filename": "note.txt", "content_type": "text/plain"}
    found = filled("documents.create", body | named | {"document": pdf(filename=None)})
    assert (found["filename"], found["media_type"]) == ("note.txt", "text/plain")
    bare = UploadFile(io.BytesIO(b"x"), filename="x.bin")
    assert filled("documents.create", body | {"document": bare})["media_type"] == "application/octet-stream"
    # Its content is read from the start each time: an accepted request is filled twice.
    operation, file = OPERATIONS["documents.create"], pdf()
    asked = convert(body | {"document": file}, operation.asked)
    assert operation.filled(asked) == operation.filled(asked) and "document" not in operation.sent(asked)
    for file, message in (
        (pdf(filename=None), "Send the document with a filename, such as referral.pdf."),
        (pdf(b""), "The document is empty. Send the content of the file."),
    ):
        with pytest.raises(Problem) as refused:
            filled("documents.create", body | {"document": file})
        assert refused.value.message == message


UNSUPPORTED: dict[str, str] = {
    "appointments.create": "duration, note, reason, secondary_provider",
    "appointments.update": "datetime, duration, location, new_patient, note, patient_mrn, prevent_double_booking,"
    " provider, reason, secondary_provider, status, type",
    "insurances.create": "copayment, group_id, insurance_name, insurance_payer_id, insurance_provider_id, member_id,"
    " plan_begin_date, priority, relationship_to_subscriber, subscriber_demographics",
    "notes.create": "cpt_codes, icd_10_codes, note, sign",
    "notes.update": "cpt_codes, icd_10_codes, note, sign",
    "patient_notes.create": "",
    "documents.create": "emr_assigned_to_id, is_high_priority, is_reviewed, notes",
    "referrals.create": "diagnosis_codes, documents",
    "referring_providers.create": "address, city, email, fax, phone, state, zip_code",
    "tasks.create": "assignee_user_id, notify_list, phone_call_type_id, subject",
    "task_notes.create": "",
    "messages.create": "",
    "telephone_encounters.create": "pharmacy_ehr_id, reason, refill_medication_name",
    "telephone_encounters.add_action": "is_high_priority",
    "claims.create": "",
    "payments.create": "deposit_date, notes",
}


def test_what_an_ehr_does_not_take_is_named_as_the_request_names_it_and_advice_is_dropped() -> None:
    for name, (body, _) in FULL.items():
        operation = OPERATIONS[name]
        asked = convert(body | ({"document": pdf()} if name == "documents.create" else {}), operation.asked)
        fields, sent = operation.filled(asked), operation.sent(asked)
        if (expected := UNSUPPORTED.get(name)) is not None:
            assert ", ".join(operation.unsupported(fields, sent, ())) == expected
        every = tuple(operation.write.__struct_fields__)
        # What only a record takes that is still to be created is refused even by an EHR that takes all.
        assert operation.unsupported(fields, sent, every) == sorted(operation.only_new & {*sent})
        assert not operation.advice & {*operation.unsupported(fields, sent, ())}


def test_what_was_not_sent_or_is_empty_is_never_unsupported() -> None:
    small: dict[str, dict[str, Any]] = {
        "appointments.create": VISIT | {"datetime": "2026-12-01T09:00:00Z", "prevent_double_booking": "false"},
        "notes.create": {"appointment_id": "1", "note": {"plan": "Rest"}, "icd_10_codes": [], "sign": False},
        "tasks.create": {"mrn": "1", "description": "Call", "notify_list": []},
    }
    refused = {"notes.create": ["note"]}
    for name, body in small.items():
        operation = OPERATIONS[name]
        asked = convert(body, operation.asked)
        found = operation.unsupported(operation.filled(asked), operation.sent(asked), ())
        assert found == refused.get(name, []), name


def test_what_an_ehr_requires_is_named_as_the_request_names_it() -> None:
    needed = ("subject", "assignee_ehr_id", "notify_list")
    table: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({}, ["subject", "assignee_user_id", "notify_list"]),
        ({"subject": "Labs", "notify_list": []}, ["assignee_user_id", "notify_list"]),
        ({"subject": "", "assignee_user_id": "7", "notify_list": ["7"]}, ["subject"]),
        ({"subject": "Labs", "assignee_user_id": "7", "notify_list": ["7"]}, []),
    )
    operation = OPERATIONS["tasks.create"]
    for given, lacking in table:
        asked = convert({"mrn": "1", "description": "Call"} | given, operation.asked)
        assert operation.lacking(operation.filled(asked), operation.sent(asked), needed) == lacking, given
    patient = OPERATIONS["patients.create"]
    for given, lacking in (({}, ["pharmacy_id", "dob"]), ({"pharmacy_id": "1", "dob": "1980-05-04"}, [])):
        asked = convert({"first_name": "Ana"} | given, patient.asked)
        found = patient.lacking(patient.filled(asked), patient.sent(asked), ("pharmacy_ehr_id", "dob"))
        assert found == lacking


def test_a_reason_of_the_ehr_names_the_field_as_the_request_does() -> None:
    for name, field, said in (
        ("appointments.create", "start", "datetime"),
        ("appointments.update", "cancel", "status"),
        ("notes.create", "parts", "note"),
        ("notes.create", "appointment_ehr_id", "appointment_id"),
        ("payments.create", "location_ehr_id", "location"),
        ("patients.create", "pcp_ehr_id", "pcp_id"),
        ("tasks.create", "subject", "subject"),
        ("tasks.create", None, None),
    ):
        assert OPERATIONS[name].reason(Reason("REFUSED", "No.", field)).field == said


def test_a_request_says_which_records_it_names() -> None:
    claim, insurance = OPERATIONS["claims.create"], OPERATIONS["insurances.update"]
    assert claim.others({"appointment_id": "17"}, None) == {"appointment_id": (claim.ids["appointment_id"], "17")}
    named = insurance.others({"member_id": "9"}, "42")
    assert [*named] == ["target"]
    other, id_ = named["target"]
    assert (other.kinds, other.field, id_) == (("insurance",), "ehr_id", "42")


def test_all_missing_names_come_at_once() -> None:
    with pytest.raises(MissingField) as refused:
        filled("patients.create", {"responsible_party": "parent"})
    assert refused.value.message == (
        "Missing required fields: responsible_party_first_name, responsible_party_last_name"
    )


def test_a_structured_note_keeps_its_parts_and_a_text_its_line_breaks() -> None:
    parts = written(OPERATIONS["notes.update"], {"note": {"subjective": "Cough\nfor a week", "plan": "Rest"}})
    text = written(OPERATIONS["notes.update"], {"note": " Cough\n\nRest ", "sign": "true"})
    signed = written(OPERATIONS["notes.update"], {"sign": True})
    assert isinstance(parts, writes.NoteChange) and isinstance(text, writes.NoteChange)
    assert (parts.parts, parts.text) == (Soap(subjective="Cough\nfor a week", plan="Rest"), None)
    assert (text.parts, text.text, text.sign) == (None, " Cough\n\nRest ", True)
    assert signed == writes.NoteChange(ref="0" * 32, ehr_id="ehr:target", sign=True)


def test_a_date_is_a_date_in_the_write() -> None:
    found = written(OPERATIONS["patients.create"], {"date_of_birth": "1980-05-04", "gender": "FEMALE"})
    assert isinstance(found, writes.NewPatient) and (found.dob, found.sex) == (date(1980, 5, 4), "female")


def test_an_event_says_what_was_asked_of_the_record() -> None:
    operation = OPERATIONS["appointments.update"]
    assert operation.events == ("appointment.updated", "appointment.status_updated", "appointment.failed")
    for body, kind in (
        ({"note": "x"}, "appointment.updated"),
        ({"datetime": "2026-12-01T09:00:00Z", "provider": "5"}, "appointment.updated"),
        ({"status": "CONF"}, "appointment.status_updated"),
        ({"status": "canceled", "note": "x"}, "appointment.status_updated"),
    ):
        assert operation.event_of(written(operation, body)) == kind, body
    for each in OPERATIONS.values():
        assert {*each.done_with} <= {*each.write.__struct_fields__}, each.name
