"""What the sandbox EHR refuses has our code, nothing of it is written, and the check says the same beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from cobalt_link.connector import writes
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.refusals import NoRights
from cobalt_link.connector.writes import Write
from cobalt_link.connector.writing import NotWritten, Reason
from cobalt_link.connectors.sandbox import Sandbox as Connector
from tests.connectors.sandbox.written import NOON, Case, Clinic, cases, ref
from tests.support.world import Sandbox

Wrong = tuple[Write, str, str | None]


@pytest.fixture
async def clinic(sandbox: Sandbox, chart: Chart) -> Clinic:
    await sandbox.lab("clock", {"now": NOON.isoformat()})
    return Clinic(sandbox, chart)


def changed(found: list[Case], capability: str, **fields: Any) -> Write:
    """A write of `cases` with other fields, and a reference of its own."""
    write = next(case.write for case in found if case.capability == capability)
    return msgspec.structs.replace(write, ref=ref(), **fields)


async def refused(connector: Connector, chart: Chart, write: Write) -> tuple[Reason, ...]:
    try:
        await Connector.writings[write.capability].write(connector, chart, write)
    except NotWritten as no:
        return no.reasons
    raise AssertionError(f"the EHR took {write}")


async def checked(connector: Connector, chart: Chart, write: Write) -> tuple[Reason, ...]:
    check = Connector.writings[write.capability].check
    assert check, write.capability
    try:
        await check(connector, chart, write)
    except NotWritten as no:
        return no.reasons
    return ()


def unknown_names(found: list[Case]) -> Iterator[Wrong]:
    """Each of them names something that the EHR does not have."""
    for capability, field, code in (
        ("appointments.create", "provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("appointments.create", "secondary_provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("appointments.create", "location_ehr_id", "LOCATION_NOT_FOUND"),
        ("appointments.create", "type", "INVALID_VISIT_TYPE"),
        ("appointments.update", "ehr_id", "APPOINTMENT_NOT_FOUND"),
        ("appointments.update", "type", "INVALID_VISIT_TYPE"),
        ("appointments.update", "status", "INVALID_STATUS"),
        ("patients.create", "referred_to_provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("patients.create", "pharmacy_ehr_id", "PHARMACY_NOT_FOUND"),
        ("patients.update", "ehr_id", "PATIENT_NOT_FOUND"),
        ("patients.update", "referred_to_provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("insurances.create", "insurance_provider_ehr_id", "INSURANCE_PROVIDER_NOT_FOUND"),
        ("insurances.update", "ehr_id", "INSURANCE_NOT_FOUND"),
        ("notes.create", "appointment_ehr_id", "APPOINTMENT_NOT_FOUND"),
        ("notes.update", "ehr_id", "NOTE_NOT_FOUND"),
        ("patient_notes.create", "location_ehr_id", "LOCATION_NOT_FOUND"),
        ("documents.create", "folder_name", "FOLDER_NOT_FOUND"),
        ("documents.create", "assigned_to_ehr_id", "USER_NOT_FOUND"),
        ("referrals.create", "from_provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("referrals.create", "to_provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("tasks.create", "assignee_ehr_id", "USER_NOT_FOUND"),
        ("tasks.create", "phone_call_type_id", "CALL_TYPE_NOT_FOUND"),
        ("task_notes.create", "task_ehr_id", "TASK_NOT_FOUND"),
        ("messages.create", "provider_ehr_id", "PROVIDER_NOT_FOUND"),
        ("telephone_encounters.create", "refill_medication_name", "MEDICATION_NOT_FOUND"),
        ("telephone_encounters.create", "pharmacy_ehr_id", "PHARMACY_NOT_FOUND"),
        ("telephone_encounters.create", "assigned_to_ehr_id", "USER_NOT_FOUND"),
        ("telephone_encounters.add_action", "appointment_ehr_id", "TELEPHONE_ENCOUNTER_NOT_FOUND"),
        ("claims.create", "appointment_ehr_id", "APPOINTMENT_NOT_FOUND"),
        ("payments.create", "payment_method", "PAYMENT_METHOD_NOT_FOUND"),
        ("payments.create", "location_ehr_id", "LOCATION_NOT_FOUND"),
    ):  # fmt: skip
        yield changed(found, capability, **{field: "999/9"}), code, None if field == "ehr_id" else field
    yield changed(found, "tasks.create", notify_list=("999",)), "USER_NOT_FOUND", "notify_list"
    for name in (case.capability for case in found if "patient_mrn" in case.write.__struct_fields__):
        if not name.endswith("update"):
            yield changed(found, name, patient_ehr_id="999"), "PATIENT_NOT_FOUND", "patient_mrn"


def wrong_values(found: list[Case]) -> Iterator[Wrong]:
    """Each of them has a value that the EHR does not take."""
    tomorrow = date.today() + timedelta(days=366 * 10)
    for capability, fields, code, field in (
        ("appointments.create", {"duration": 4}, "EHR_VALIDATION_ERROR", "duration"),
        ("appointments.create", {"reason": "x" * 201}, "EHR_VALIDATION_ERROR", "reason"),
        ("appointments.update", {"note": "x" * 2001}, "EHR_VALIDATION_ERROR", "note"),
        ("appointments.update", {"cancel": True}, "EHR_VALIDATION_ERROR", "status"),
        ("patients.create", {"last_name": " "}, "MISSING_FIELD", "last_name"),
        ("patients.create", {"phone": None, "cell_phone": None}, "MISSING_FIELD", "phone"),
        ("patients.create", {"dob": tomorrow}, "EHR_VALIDATION_ERROR", "dob"),
        ("patients.create", {"phone": "5550123"}, "EHR_VALIDATION_ERROR", "phone"),
        ("patients.create", {"address_zip": "123"}, "EHR_VALIDATION_ERROR", "address_zip"),
        ("patients.create", {"insurance_subscriber_number": None}, "MISSING_FIELD", "insurance_subscriber_number"),
        ("patients.create", {"insurance_sequence": "4"}, "EHR_VALIDATION_ERROR", "insurance_sequence"),
        ("patients.create", {"insurance_sequence": "secondary"}, "PRIORITY_TAKEN", "insurance_sequence"),
        ("patients.create", {"insurance_provider_ehr_id": None, "insurance_name": "No Such"},
         "INSURANCE_PROVIDER_NOT_FOUND", "insurance_name"),
        ("patients.update", {"cell_phone": "x"}, "EHR_VALIDATION_ERROR", "cell_phone"),
        ("insurances.create", {"insurance_provider_ehr_id": None, "insurance_name": None}, "MISSING_FIELD",
         "insurance_provider_ehr_id"),
        # Several companies have a name with this in it.
        ("insurances.create",
         {"insurance_provider_ehr_id": None, "insurance_name": "Health", "insurance_payer_id": None},
         "INSURANCE_PROVIDER_NOT_FOUND", "insurance_provider_ehr_id"),
        ("insurances.create", {"member_id": None}, "MISSING_FIELD", "member_id"),
        ("insurances.create", {"relationship_to_subscriber": "friend"}, "EHR_VALIDATION_ERROR",
         "relationship_to_subscriber"),
        ("insurances.create", {"subscriber_demographics": {"city": "Troy"}}, "MISSING_FIELD",
         "subscriber_demographics"),
        ("notes.create", {"parts": writes.Soap(plan="x")}, "EHR_VALIDATION_ERROR", "text"),
        ("notes.create", {"text": None}, "EHR_VALIDATION_ERROR", "text"),
        ("notes.create", {"icd_10_codes": ("J20.9", "flu")}, "EHR_VALIDATION_ERROR", "icd_10_codes"),
        ("notes.create", {"cpt_codes": ("992",)}, "EHR_VALIDATION_ERROR", "cpt_codes"),
        ("notes.create", {"ai": writes.Ai(model="m" * 201)}, "EHR_VALIDATION_ERROR", "ai"),
        ("notes.update", {"text": "x", "parts": writes.Soap(plan="x")}, "EHR_VALIDATION_ERROR", "text"),
        ("documents.create", {"content": b""}, "EHR_VALIDATION_ERROR", "content"),
        ("referring_providers.create", {"npi": "1234567890"}, "INVALID_NPI", "npi"),
        ("referring_providers.create", {"fax": "1"}, "EHR_VALIDATION_ERROR", "fax"),
        ("tasks.create", {"subject": None}, "MISSING_FIELD", "subject"),
        ("tasks.create", {"assignee_ehr_id": None}, "MISSING_FIELD", "assignee_ehr_id"),
        ("messages.create", {"subject": ""}, "EHR_VALIDATION_ERROR", "subject"),
        ("payments.create", {"amount": "0"}, "EHR_VALIDATION_ERROR", "amount"),
        ("payments.create", {"amount": "1.005"}, "EHR_VALIDATION_ERROR", "amount"),
    ):  # fmt: skip
        yield changed(found, capability, **fields), code, field


async def states(clinic: Clinic, found: list[Case]) -> list[Wrong]:
    """Each of them comes too late, or twice."""
    over, signed = await clinic.visit(), await clinic.visit()
    await clinic.send("POST", f"appointments/{over['id']}/cancel", note="")
    note = await clinic.send("POST", "notes", visit_id=signed["id"], text="Done", sign=True)
    someone = await clinic.patient()
    claimed = next(case.write for case in found if case.capability == "claims.create")
    assert isinstance(claimed, writes.NewClaim)
    await clinic.send("POST", "claims", visit_id=claimed.appointment_ehr_id)
    first, last = someone["first_name"].upper(), someone["last_name"]
    again = {"first_name": first, "last_name": last, "dob": date.fromisoformat(someone["dob"])}
    plans = {row["rank"] for row in (await clinic.get("insurances", patient_id=someone["id"]))["insurances"]}
    known = changed(found, "referring_providers.create")
    assert isinstance(known, writes.NewReferringProvider)
    await clinic.send("POST", "referring-providers", first_name="Ida", last_name="Nuñez", npi=known.npi)
    return [
        (writes.AppointmentChange(ref=ref(), ehr_id=over["id"], status="CONF"), "INVALID_STATUS", "status"),
        (writes.AppointmentChange(ref=ref(), ehr_id=over["id"], type="NP"), "APPOINTMENT_NOT_CHANGEABLE", None),
        (changed(found, "notes.create", appointment_ehr_id=over["id"]), "APPOINTMENT_NOT_CHANGEABLE", None),
        (writes.NoteChange(ref=ref(), ehr_id=note["id"], text="More"), "NOTE_SIGNED", None),
        (writes.NoteChange(ref=ref(), ehr_id=note["id"], sign=True), "NOTE_SIGNED", None),
        (changed(found, "patients.create", **again), "DUPLICATE_PATIENT", None),
        # Somebody else's plan.
        (changed(found, "insurances.update", patient_ehr_id=someone["id"]), "INSURANCE_NOT_FOUND", None),
        (changed(found, "claims.create"), "DUPLICATE_CLAIM", None),
        (changed(found, "claims.create", appointment_ehr_id=signed["id"]), "APPOINTMENT_NOT_STARTED", None),
        (changed(found, "referring_providers.create"), "DUPLICATE_REFERRING_PROVIDER", "npi"),
        (
            changed(found, "insurances.create", patient_ehr_id=someone["id"], priority=min(plans)),
            "PRIORITY_TAKEN",
            "priority",
        ),
    ]


async def test_what_the_ehr_refuses_has_our_code_and_field_and_is_not_written(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    found = await cases(clinic)
    wrong = [*unknown_names(found), *wrong_values(found), *await states(clinic, found)]
    for write, code, field in wrong:
        reasons = await refused(connector, chart, write)
        # To a change of a phone or an address the EHR does not say which part of it is wrong.
        said = None if (write.capability, field) == ("patients.update", "cell_phone") else field
        assert (code, said) in {(each.code, each.field) for each in reasons}, (write, reasons)
        assert all(each.field is None or each.field in write.__struct_fields__ for each in reasons)
        assert all(each.description for each in reasons)
        if Connector.writings[write.capability].check:
            told = await checked(connector, chart, write)
            assert (code, field) in {(each.code, each.field) for each in told}, (write, told)
        assert await clinic.count(write.ref) == 0, write


async def test_a_check_has_nothing_against_what_the_ehr_takes_and_changes_nothing(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    for case in await cases(clinic):
        if Connector.writings[case.capability].check:
            assert await checked(connector, chart, case.write) == (), case.capability
            assert await clinic.count(case.write.ref) == 0
            look = Connector.writings[case.capability].read_back
            held = await look(connector, chart, case.write, None) if look else None
            # Of a change, the record is there as it was.
            assert look and (held is not None) == case.capability.endswith(".update"), case.capability
            assert held is None or not held.took, case.capability


async def test_a_double_booking_says_with_what_it_conflicts(clinic: Clinic, connector: Connector, chart: Chart) -> None:
    found = await cases(clinic)
    visit = await clinic.visit()
    block = await clinic.send("POST", "blocks", provider_id="502", start=visit["start"], minutes=30, title="Team")
    for provider, start, said in (
        ("501", visit["start"], "visit"),
        ("502", block["start"], "block"),
    ):
        when = NOON.fromisoformat(start) + timedelta(minutes=10)
        write = changed(
            found, "appointments.create", provider_ehr_id=provider, secondary_provider_ehr_id=None, start=when
        )
        for reasons in (await refused(connector, chart, write), await checked(connector, chart, write)):
            assert [each.code for each in reasons] == ["SCHEDULE_CONFLICT"]
            assert reasons[0].details["conflict_type"] == said in reasons[0].description
        free = msgspec.structs.replace(write, start=when + timedelta(minutes=25), ref=ref())
        assert await checked(connector, chart, free) == ()
        booked = msgspec.structs.replace(write, prevent_double_booking=False, ref=ref())
        await Connector.writings["appointments.create"].write(connector, chart, booked)
        assert await clinic.count(booked.ref) == 1


async def test_a_right_that_is_missing_is_named_and_no_refusal_of_the_write(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    found, seen = await cases(clinic), set()
    await clinic.sandbox.lab("users/user_good", {"rights": ["patients.read", "schedule.read", "insurance.read"]})
    without = Chart(instance=chart.instance, tenant="1", session={"token": await clinic.sandbox.session("user_good")})
    for case in found:
        with pytest.raises(NoRights) as no:
            await Connector.writings[case.capability].write(connector, without, case.write)
        seen.add(no.value.details["rights"])
    assert {"schedule.write", "patients.write", "insurance.write", "notes.write", "billing.write"} <= seen
