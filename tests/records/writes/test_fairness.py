"""A client that asks for much keeps nobody else waiting, also at the same EHR."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cobalt_link.app import House
from cobalt_link.kit.clock import SystemClock
from cobalt_link.records.writes.table import WriteJobs
from tests.support import proof
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, Shop, open_for_business, opened, settings_for, shop

MANY = """
INSERT INTO write_jobs (id, client, org, account, lane, operation, record_id, created_at, expires_at, due_at)
SELECT %(first)s + n, %(client)s, 'o', 'a', 'l', 'notes.create', %(client)s || n, now(), now(), %(due)s
FROM generate_series(1, %(count)s) AS n"""
DUE = datetime(2026, 1, 1, tzinfo=UTC)


async def test_the_first_job_of_a_client_begins_at_once_behind_many_of_another(
    clinic: Clinic, rival: Shop, sandbox: Sandbox
) -> None:  # S-090
    other = await Clinic.of(rival, sandbox)
    mine, theirs = await clinic.new_appointment(), await other.new_appointment()
    assert (await clinic.done("/v1/appointments", mine))["state"] == "succeeded"  # the EHR is warm
    await sandbox.lab("faults", {"write_slow_ms": 400})
    many: list[dict[str, Any]] = []
    while len(many) < proof.QUEUED_WRITES.times:
        many += await asyncio.gather(*(clinic.write("/v1/appointments", mine) for _ in range(50)))
    job = await other.done("/v1/appointments", theirs)
    waited = _at(job, "intent") - _at(job, "accepted")
    last = await clinic.job(many[-1]["job_id"], wait=0)
    assert job["state"] == "succeeded" and not last["settled"], "The others were done too soon to prove anything."
    print(f"behind {len(many)} others: {waited:.2f} s")
    assert waited <= 2


async def test_more_writes_at_once_than_connections_do_not_wait_for_each_other(
    dsn: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, dsn, sandbox.address, pool_size=2)
    async with opened(settings, SystemClock()) as house, open_for_business(house) as http:
        clinic = await Clinic.of(await shop(house, http, "Acme Scribe"), sandbox)
        wanted = await clinic.new_appointment()
        accepted = await asyncio.gather(*(clinic.write("/v1/appointments", wanted) for _ in range(20)))
        jobs = [await clinic.job(each["job_id"]) for each in accepted]
    assert {each["state"] for each in jobs} == {"succeeded"}
    # A connection that is not given within 5 s fails the try, and the next one comes 30 s later.
    assert max(_at(each, "settled") - _at(each, "accepted") for each in jobs) < 25


async def test_a_sweep_begins_with_the_first_job_of_each_client_however_many_wait(house: House) -> None:  # S-090
    db, jobs = house.db, WriteJobs(house.db)
    clients = [(await house.developers.clients.create(name, test=True))[0].id for name in ("A", "B", "C")]
    for number, (client, count) in enumerate(zip(clients, (6_000, 1, 2), strict=True)):
        await db.run(
            MANY, {"first": number * 10_000, "client": client, "count": count, "due": DUE.replace(day=1 + number)}
        )
    found = await jobs.due(datetime.now(UTC), 200)
    assert [client for _, _, client in found[:5]] == [*clients, clients[0], clients[2]]
    assert len(found) == 200


def _at(job: dict[str, Any], name: str) -> float:
    return next(datetime.fromisoformat(each["at"]).timestamp() for each in job["steps"] if each["name"] == name)
