"""Every write into the sandbox EHR is in its chart as it was asked for, whatever the EHR answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.writes import WRITES, NoteChange, Write
from cobalt_link.connector.writing import Held, NotWritten, Writing, Written
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.net.http import Http, TooSlow
from tests.connectors.sandbox.written import NOON, Case, Clinic, cases
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
        held = await read_back(connector, chart, case)
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
        assert await read_back(connector, chart, case) is None, case.capability
        assert await clinic.count(case.write.ref) == 0
    await lab("faults", {})
    for case in await cases(clinic):  # an error, and done
        await lab("faults", {"write_error_although_done": True, "times": 1})
        with pytest.raises(Exception) as error:
            await write(connector, chart, case)
        assert not isinstance(error.value, NotWritten), case.capability
        assert await read_back(connector, chart, case), case.capability
        assert await clinic.count(case.write.ref) == (0 if case.capability in CHANGES else 1)
    await lab("faults", {})
    for case in await cases(clinic):  # an address, and no body
        await lab("faults", {"write_empty_201": True})
        written = await write(connector, chart, case)
        held = await read_back(connector, chart, case, written.ehr_id)
        assert held and held.ehr_id == written.ehr_id, case.capability


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
        held = await read_back(connector, chart, case)
        while reads and held is None:
            await asyncio.sleep(0.05)
            held = await read_back(connector, chart, case)
        assert held, case.capability
        assert await clinic.count(case.write.ref) == (0 if case.capability in CHANGES else 1), case.capability
