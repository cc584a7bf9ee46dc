"""The EHR lies on demand: each lie answers as documented, and the lab shows what really happened."""

import asyncio
from typing import Any

import pytest
from httpx2 import ReadTimeout

from tests.sandbox_ehr.chart_cases import CREATES, VISIT
from tests.support.sandbox_client import SandboxClient, refusal


async def held(ehr: SandboxClient, count: int = 1) -> list[dict[str, Any]]:
    """The writes that wait, once there are that many."""
    async with asyncio.timeout(10):
        while len(waiting := (await ehr.lab("held"))["held"]) < count:
            await asyncio.sleep(0.01)
    return waiting


async def test_every_create_can_say_error_although_it_is_done(ehr: SandboxClient, session: str) -> None:
    await ehr.lab("faults", {"write_error_although_done": True})
    for case in CREATES:
        response = await ehr.send("POST", case.path, session, case.body | {"client_ref": case.path})
        assert (response.status_code, response.text) == (500, "Internal Server Error")
        assert list((await ehr.written(case.path)).values()) == [1]
    assert refusal(await ehr.send("POST", "notes", session, {"visit_id": VISIT})) == (422, "invalid_value")
    assert "fault:write_error_although_done" in {one["outcome"] for one in (await ehr.lab("log"))["requests"]}


async def test_every_create_can_say_done_although_it_is_not(ehr: SandboxClient, session: str) -> None:
    await ehr.lab("faults", {"write_done_although_not": True})
    for case in CREATES:
        row = await ehr.make(case.path, session, **case.body, client_ref=case.path)
        assert row["client_ref"] == case.path
        assert await ehr.written(case.path) == {}
        if case.path not in ("slots", "blocks"):
            assert refusal(await ehr.get(f"{case.path}/{row['id']}", session)) == (404, "not_found")
    before = (await ehr.read(f"appointments/{VISIT}", session))["appointment"]
    said = await ehr.change(f"appointments/{VISIT}", session, note="Never")
    assert said["note"] == "Never"
    assert (await ehr.read(f"appointments/{VISIT}", session))["appointment"] == before


async def test_every_create_can_answer_with_nothing_but_a_location(ehr: SandboxClient, session: str) -> None:
    await ehr.lab("faults", {"write_empty_201": True})
    for case in CREATES:
        response = await ehr.send("POST", case.path, session, case.body | {"client_ref": case.path})
        assert (response.status_code, response.content) == (201, b"")
        if case.path not in ("slots", "blocks"):
            (row,) = (await ehr.get(response.headers["location"].removeprefix("/api/"), session)).json().values()
            assert row["client_ref"] == case.path
    changed = await ehr.send("PATCH", f"appointments/{VISIT}", session, {"note": "Kept"})
    assert changed.json()["appointment"]["note"] == "Kept"


async def test_the_switches_of_writes_meet_no_read_and_reads_use_up_none_of_their_times(
    ehr: SandboxClient, session: str
) -> None:
    await ehr.lab("faults", {"write_error_although_done": True, "only_path": "/api/notes", "times": 1})
    await ehr.read("notes", session, visit_id=VISIT)
    note = {"visit_id": VISIT, "text": "x"}
    await ehr.make("messages", session, provider_id="501", subject="s", text="t")
    assert (await ehr.send("POST", "notes", session, note)).status_code == 500
    assert (await ehr.send("POST", "notes", session, note)).status_code == 201
    await ehr.lab("faults", {"write_slow_ms": 300, "times": 1})
    began = asyncio.get_running_loop().time()
    await ehr.read("notes", session)
    await ehr.make("notes", session, **note)
    assert asyncio.get_running_loop().time() - began >= 0.3


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_write_waits_before_or_after_its_effect_until_it_is_released(
    ehr: SandboxClient, session: str, point: str
) -> None:
    await ehr.lab("faults", {"hold_writes": point})
    body = {"visit_id": VISIT, "text": "x", "client_ref": "waits"}
    write = asyncio.create_task(ehr.send("POST", "notes", session, body))
    (waiting,) = await held(ehr)
    assert waiting == {"method": "POST", "path": "/api/notes", "point": point, "client_ref": "waits"}
    assert await ehr.written("waits") == ({} if point == "before" else {"note": 1})
    assert (await ehr.http.post("/api/_lab/held")).json() == {"let_go": 1}
    assert (await write).status_code == 201
    assert await ehr.written("waits") == {"note": 1}
    assert (await ehr.lab("held"))["held"] == []


@pytest.mark.parametrize(("point", "rows"), [("before", {}), ("after", {"note": 1})])
async def test_a_held_write_can_be_dropped_and_a_reset_drops_it(
    ehr: SandboxClient, session: str, point: str, rows: dict[str, int]
) -> None:
    await ehr.lab("faults", {"hold_writes": point})
    body = {"visit_id": VISIT, "text": "x", "client_ref": "drops"}
    write = asyncio.create_task(ehr.send("POST", "notes", session, body))
    await held(ehr)
    assert (await ehr.http.delete("/api/_lab/held")).json() == {"let_go": 1}
    assert (await write).status_code == 503
    assert await ehr.written("drops") == rows
    write = asyncio.create_task(ehr.send("POST", "notes", session, body))
    await held(ehr)
    await ehr.http.post("/api/_lab/reset")
    assert (await write).status_code == 503
    assert await ehr.written() == {}


async def test_a_write_whose_client_went_away_while_it_was_held_still_has_its_effect(
    ehr: SandboxClient, session: str
) -> None:
    await ehr.lab("faults", {"hold_writes": "before"})
    headers = {"Authorization": f"Bearer {session}"}
    body = {"visit_id": VISIT, "text": "x", "client_ref": "gone"}
    with pytest.raises(ReadTimeout):
        await ehr.http.post("/api/notes", json=body, headers=headers, timeout=0.3)
    await held(ehr)
    await ehr.http.post("/api/_lab/held")
    async with asyncio.timeout(10):
        while await ehr.written("gone") != {"note": 1}:
            await asyncio.sleep(0.01)
