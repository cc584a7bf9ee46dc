"""Every write into the sandbox EHR is in its chart as it was asked for, whatever the EHR answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.refusals import NoRights
from cobalt_link.connector.writes import (
    WRITES,
    AppointmentChange,
    InsuranceChange,
    NewInsurance,
    NewTelephoneEncounter,
    NoteChange,
    PatientChange,
    ReferralDocument,
    Write,
    WriteCapability,
)
from cobalt_link.connector.writing import Held, NotWritten, Writing, Written
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.net.http import Http, TooSlow
from tests.connectors.sandbox.written import NOON, Case, Clinic, cases, ref
from tests.support.world import Sandbox

# Orders to the EHR rather than fields of the record.
NOT_KEPT = {"prevent_double_booking", "save_previous_address"}
CHANGES = {"appointments.update", "patients.update", "insurances.update", "notes.update"}


@pytest.fixture
async def clinic(sandbox: Sandbox, chart: Chart) -> Clinic:
    await sandbox.lab("clock", {"now": NOON.isoformat()})
    return Clinic(sandbox, chart)


@pytest.fixture
async def impatient() -> AsyncIterator[Connector]:
    http = Http(allow_private=True, timeout=0.2)
    yield Connector(http)
    await http.close()


def writing(case: Case) -> Writing:
    return Connector.writings[case.capability]


async def write(connector: Connector, chart: Chart, case: Case) -> Written:
    return await writing(case).write(connector, chart, case.write)


async def read_back(connector: Connector, chart: Chart, case: Case, ehr_id: str | None = None) -> Held | None:
    look = writing(case).read_back
    assert look, case.capability
    return await look(connector, chart, case.write, ehr_id)


async def done(connector: Connector, chart: Chart, case: Case) -> Held | None:
    """What the EHR holds, if that is what was asked for. Of a change that it has not made, it shows the record."""
    held = await read_back(connector, chart, case)
    if case.capability in CHANGES:
        assert held, case.capability
        return held if held.took else None
    assert held is None or held.took, "a record that is there was made"
    return held


def asked(write: Write) -> dict[str, object]:
    found = {name: getattr(write, name) for name in write.__struct_fields__ if name not in ("ref", "ehr_id")}
    return {name: value for name, value in found.items() if value not in (None, (), False) and name not in NOT_KEPT}


async def test_every_write_is_in_the_chart_as_it_was_asked_for(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    found = await cases(clinic)
    assert {case.capability for case in found} == WRITES.keys() == Connector.manifest.writes.keys()
    sent: dict[str, set[str]] = {}
    for case in found:
        written = await write(connector, chart, case)
        held = await done(connector, chart, case)
        assert held and held.ehr_id == written.ehr_id, case
        row = (await clinic.get(f"{case.path}/{held.ehr_id}"))[case.row]
        assert {name: row[name] for name in case.theirs} == case.theirs, case.capability
        assert case.capability in CHANGES or row["client_ref"] == case.write.ref
        wanted = asked(case.write)
        assert {name: held.fields[name] for name in wanted} == wanted, case.capability
        for name, value in wanted.items():
            assert type(held.fields[name]) is type(value), (case.capability, name)
        assert case.shown.items() <= held.shown.items(), held.shown
        sent.setdefault(case.capability, set()).update(wanted)
    for capability, declared in Connector.manifest.writes.items():
        assert set(declared) - NOT_KEPT <= sent[capability], capability


async def test_no_field_of_a_write_is_left_out_of_the_manifest() -> None:
    for capability, model in WRITES.items():
        optional = {each.name for each in msgspec.structs.fields(model) if not each.required}
        assert optional == set(Connector.manifest.writes[capability]), capability


async def test_what_the_ehr_answers_is_not_what_counts(clinic: Clinic, connector: Connector, chart: Chart) -> None:
    lab = clinic.sandbox.lab
    for case in await cases(clinic):  # success, and nothing done
        await lab("faults", {"write_done_although_not": True})
        assert isinstance(await write(connector, chart, case), Written), case.capability
        assert await done(connector, chart, case) is None, case.capability
        assert await clinic.count(case.write.ref) == 0
    await lab("faults", {})
    for case in await cases(clinic):  # an error, and done
        await lab("faults", {"write_error_although_done": True, "times": 1})
        with pytest.raises(Exception) as error:
            await write(connector, chart, case)
        assert not isinstance(error.value, NotWritten), case.capability
        assert await done(connector, chart, case), case.capability
        assert await clinic.count(case.write.ref) == (0 if case.capability in CHANGES else 1)
    await lab("faults", {})
    for case in await cases(clinic):  # an address, and no body
        await lab("faults", {"write_empty_201": True})
        written = await write(connector, chart, case)
        held = await read_back(connector, chart, case, written.ehr_id)
        assert held and held.took and held.ehr_id == written.ehr_id, case.capability


async def test_a_write_whose_answer_was_lost_is_found_once(
    clinic: Clinic, impatient: Connector, connector: Connector, chart: Chart
) -> None:
    for case in await cases(clinic):
        # These read first. So theirs is not an answer that is lost, but one that comes too late.
        reads = case.capability == "insurances.update" or (isinstance(case.write, NoteChange) and case.write.parts)
        lost = {"write_slow_ms": 300} if reads else {"lose_answer": True}
        await clinic.sandbox.lab("faults", lost | {"only_path": f"/api/{case.path}", "times": 1})
        with pytest.raises(TooSlow):
            await write(impatient, chart, case)
        held = await done(connector, chart, case)
        while reads and held is None:
            await asyncio.sleep(0.05)
            held = await done(connector, chart, case)
        assert held, case.capability
        assert await clinic.count(case.write.ref) == (0 if case.capability in CHANGES else 1), case.capability


async def test_what_the_ehr_spells_its_own_way_is_told(clinic: Clinic, connector: Connector, chart: Chart) -> None:
    found = {case.capability: case for case in await cases(clinic)}
    for capability in ("insurances.create", "insurances.update"):
        asked_for = found[capability].write
        assert isinstance(asked_for, NewInsurance | InsuranceChange) and asked_for.subscriber_demographics
        subscriber = asked_for.subscriber_demographics | {"state": "ny"}
        changed = msgspec.structs.replace(asked_for, member_id="ev 7x", subscriber_demographics=subscriber)
        case = msgspec.structs.replace(found[capability], write=changed)
        await write(connector, chart, case)
        held = await read_back(connector, chart, case)
        assert held and held.fields["member_id"] == "EV7X"
        assert held.fields["subscriber_demographics"] == asked_for.subscriber_demographics
        entries = {entry["field"]: entry for entry in held.shown["audit_trail"]}
        assert entries["member_id"]["attempted"] == "ev 7x" and entries["member_id"]["saved"] == "EV7X"
        assert "capitals" in entries["member_id"]["note"] and set(entries["member_id"]) == {
            "field", "attempted", "saved", "note"
        }  # fmt: skip
        assert entries["copayment"]["note"] is None and entries["copayment"]["saved"] == 20
    call = found["telephone_encounters.create"]
    assert isinstance(call.write, NewTelephoneEncounter) and call.write.refill_medication_name
    part = call.write.refill_medication_name[:4].lower()
    case = msgspec.structs.replace(call, write=msgspec.structs.replace(call.write, refill_medication_name=part))
    await write(connector, chart, case)
    held = await read_back(connector, chart, case)
    assert held and held.fields["refill_medication_name"] == call.write.refill_medication_name


async def test_a_change_counts_only_if_all_of_it_is_there(clinic: Clinic, connector: Connector, chart: Chart) -> None:
    person = await clinic.patient()
    one = PatientChange(ref=ref(), ehr_id=person["id"], email=person["email"], phone="212-555-0199")
    held = await read_back(connector, chart, Case(one, "patients", {}))
    assert held and not held.took and held.fields["phone"] != one.phone and held.fields["email"] == one.email
    assert await done(connector, chart, Case(msgspec.structs.replace(one, phone=None), "patients", {}))
    visit = await clinic.visit(note="Same")
    moved = AppointmentChange(ref=ref(), ehr_id=visit["id"], note="Same", cancel=True)
    held = await read_back(connector, chart, Case(moved, "appointments", {}))
    assert held and not held.took and (held.fields["note"], held.fields["cancel"]) == ("Same", False)
    gone = msgspec.structs.replace(moved, ehr_id="A0")
    assert await read_back(connector, chart, Case(gone, "appointments", {})) is None


async def test_a_note_that_the_user_may_not_sign_waits_for_a_signature(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    note = await clinic.send("POST", "notes", visit_id=(await clinic.visit())["id"], text="Draft")
    rights = ["schedule.read", "patients.read", "notes.read", "notes.write"]
    await clinic.sandbox.lab("users/user_good", {"rights": rights})
    without = Chart(instance=chart.instance, tenant="1", session={"token": await clinic.sandbox.session("user_good")})
    case = Case(NoteChange(ref=ref(), ehr_id=note["id"], text="Final", sign=True), "notes", {})
    with pytest.raises(NoRights):
        await write(connector, without, case)
    held = await read_back(connector, without, case)
    assert held and held.pending_signature and held.fields["sign"] is False and held.fields["text"] == "Final"
    await clinic.send("POST", f"notes/{note['id']}/sign")
    held = await read_back(connector, without, case)
    assert held and not held.pending_signature and held.fields["sign"] is True


async def test_a_record_in_an_answer_is_never_trusted_to_be_ours(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    visit, case = await clinic.visit(), (await cases(clinic))[0]
    assert await read_back(connector, chart, case, visit["id"]) is None


async def test_a_file_is_what_the_ehr_has_and_not_what_was_sent(
    clinic: Clinic, connector: Connector, chart: Chart
) -> None:
    found = {case.capability: case for case in await cases(clinic)}
    other: dict[WriteCapability, dict[str, Any]] = {
        "documents.create": {"content": b"other"},
        "referrals.create": {"documents": (ReferralDocument(filename="ecg.pdf", content=b"other"),)},
    }
    for capability, fields in other.items():
        case = found[capability]
        await write(connector, chart, case)
        changed = msgspec.structs.replace(case, write=msgspec.structs.replace(case.write, **fields))
        held = await read_back(connector, chart, changed)
        assert held and {name: held.fields[name] for name in fields} == {
            name: getattr(case.write, name) for name in fields
        }
