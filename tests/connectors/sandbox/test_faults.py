"""When the EHR does not do as it should: sign-in and every read end in a refusal that says which it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import AppointmentQuery, PatientQuery
from cobalt_link.connector.refusals import NoRights, SessionEnded
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.signin.translate import as_refusal
from tests.connectors.sandbox.runs import CODE, password, run
from tests.support.world import Sandbox

DAYS = AppointmentQuery(start=date.today(), end=date.today())
READS: dict[str, Callable[[Connector, Chart], Awaitable[object]]] = {
    "appointments": lambda connector, chart: listed(connector.appointments(chart, DAYS)),
    "appointment": lambda connector, chart: connector.appointment(chart, "20260302501"),
    "patients": lambda connector, chart: connector.patients(chart, PatientQuery()),
    "providers": lambda connector, chart: connector.providers(chart),
    "locations": lambda connector, chart: connector.locations(chart),
    "settings": lambda connector, chart: connector.settings(chart),
}
FAULTS = {
    "slow_ms": (5000, "ehr_down"),
    "hang": (True, "ehr_down"),
    "lose_answer": (True, "ehr_down"),
    "down": (True, "ehr_down"),
    "http_500": (True, "ehr_down"),
    "garbage": (True, "unexpected"),
    "busy": (True, "ehr_busy"),
    "drop_sessions": (True, "session_ended"),
}
SILENT = {"slow_ms", "hang", "lose_answer"}  # only for these does a client have to be impatient


async def code_of(reading: Awaitable[object]) -> str:
    try:
        await reading
    except Exception as error:
        return as_refusal(error).code
    return "read"


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"drop_sessions"}))
async def test_a_fault_at_the_password_is_its_refusal_and_nothing_is_sent_twice(fault: str, sandbox: Sandbox) -> None:
    value, code = FAULTS[fault]
    await sandbox.lab("faults", {fault: value, "only_path": "/api/login"})
    seen = await run(sandbox.address, password("user_good"), timeout=0.4 if fault in SILENT else 20.0)
    assert (seen.ends, seen.sent) == (code, ["POST /api/login"])


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"drop_sessions"}))
async def test_a_fault_at_the_code_is_its_refusal_and_nothing_is_sent_twice(fault: str, sandbox: Sandbox) -> None:
    value, code = FAULTS[fault]
    broken = {"send": "PUT /api/_lab/faults", "json": {fault: value}}
    seen = await run(sandbox.address, password("user_code"), broken, CODE, timeout=0.4 if fault in SILENT else 20.0)
    assert (seen.ends, seen.sent) == (code, ["POST /api/login", "POST /api/login/code"])


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_the_refusal_of_every_read(
    fault: str, sandbox: Sandbox, connector: Connector, hasty: Connector, chart: Chart
) -> None:
    value, code = FAULTS[fault]
    await sandbox.lab("faults", {fault: value})
    asked = hasty if fault in SILENT else connector
    found = await asyncio.gather(*(code_of(read(asked, chart)) for read in READS.values()))
    assert dict(zip(READS, found, strict=True)) == dict.fromkeys(READS, code)


async def test_a_right_that_was_taken_away_is_named(sandbox: Sandbox, connector: Connector, chart: Chart) -> None:
    schedule = ["appointments", "appointment", "providers", "locations"]
    for lacking, kept, names in (
        ("patients.read", "schedule.read", ["patients"]),
        ("schedule.read", "patients.read", schedule),
    ):
        await sandbox.lab("users/user_good", {"rights": [kept]})
        session = {"token": await sandbox.session("user_good")}
        without = Chart(instance=chart.instance, tenant="1", session=session)
        for name in names:
            with pytest.raises(NoRights) as no:
                await READS[name](connector, without)
            assert no.value.details == {"rights": lacking}, name


async def test_a_session_that_nobody_opened_has_ended(connector: Connector, chart: Chart) -> None:
    stranger = Chart(instance=chart.instance, tenant="1", session={"token": "made-up"})
    found = [await code_of(read(connector, stranger)) for read in READS.values()]
    assert dict(zip(READS, found, strict=True)) == dict.fromkeys(READS, SessionEnded.code)
