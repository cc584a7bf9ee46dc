"""An app whose server runs in a process of its own, while the tests start and kill its workers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from cobalt_link.app import House
from tests.stories import told
from tests.stories.hospital import Hospital
from tests.support.clinic import Clinic
from tests.support.processes import a_server, a_worker
from tests.support.world import Sandbox, connected, shop
from tests.webhooks.receiver import Receiver, receiving, register

# As if the time had passed. Only while no worker runs and the EHR has answered everything.
LEASES = """UPDATE write_jobs SET claimed_until = clock_timestamp() - interval '1 second' WHERE claim IS NOT NULL"""
ARRIVED = """UPDATE write_jobs SET intent_at = intent_at - interval '3 minutes', due_at = least(due_at, now())
WHERE settled_at IS NULL"""
DELIVERIES = """UPDATE webhook_outbox SET claimed_until = clock_timestamp() - interval '1 second'
WHERE claimed_until IS NOT NULL"""
BEGUN = "SELECT count(*) AS n FROM write_jobs WHERE claim IS NOT NULL"
UNSETTLED = "SELECT id FROM write_jobs WHERE settled_at IS NULL"
# Of what was done, and of what was not.
EVENTS = {
    "appointments.create": ("appointment.created", "appointment.failed"),
    "notes.create": ("note.uploaded", "note.failed"),
}
STUCK = "SELECT id FROM write_jobs WHERE settled_at IS NULL AND due_at IS NULL AND state <> 'waiting_for_sign_in'"

C = TypeVar("C", Clinic, Hospital)


class Ward(Generic[C]):
    """`clinic` writes, `receiver` is told. Nothing happens between the two without a worker."""

    def __init__(self, house: House, clinic: C, receiver: Receiver, secret: str) -> None:
        self.house, self.clinic, self.receiver, self.secret = house, clinic, receiver, secret
        self._fields: dict[str, Any] = {}

    async def accepted(self, **more: Any) -> int:
        """The job of an appointment that the EHR would take."""
        self._fields = self._fields or await self.clinic.new_appointment()
        return int((await self.clinic.write("/v1/appointments", {**self._fields, **more}))["job_id"])

    async def charted(self, appointment: str) -> int:
        """The job of a note."""
        body = {"appointment_id": appointment, "note": "S: cough for 3 days"}
        return int((await self.clinic.write("/v1/notes", body))["job_id"])

    async def leases_run_out(self) -> None:
        """Instead of waiting for it."""
        await self.house.db.run(LEASES)
        await self.house.db.run(DELIVERIES)

    async def time_passes(self) -> None:
        """Until nothing that was sent can still arrive."""
        await self.leases_run_out()
        await self.house.db.run(ARRIVED)

    async def begun(self, most: int = 1) -> None:
        """Until workers have so many jobs in their hands."""
        async with asyncio.timeout(60):
            while (await self.house.db.one(BEGUN) or {"n": 0})["n"] < most:
                await asyncio.sleep(0.005)

    async def finished(self, *jobs: int, seconds: int = 60) -> list[dict[str, Any]]:
        """The jobs, once another worker has settled all of them and their events have arrived."""
        with a_worker(self.house.settings) as last:
            await last.ready()
            async with asyncio.timeout(seconds):
                while await self.house.db.rows(UNSETTLED):
                    await asyncio.sleep(0.02)
                while not set(jobs) <= self.told().keys():
                    await asyncio.sleep(0.02)
        return [await self.is_true(each) for each in jobs]

    def told(self) -> dict[int, set[str]]:
        """The ids of the events of each job."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for each in self.receiver.got:
            found[int(each.json["job_id"])].add(each.id)
        return found

    async def is_true(self, job_id: int) -> dict[str, Any]:
        """A settled job: what it says, its receipt, its event, and what the EHR holds are one."""
        job, rows = await self.clinic.job(job_id, wait=0), await self.clinic.rows(job_id)
        assert job["settled"] and job["state"] in ("succeeded", "failed"), job
        assert rows == (job["state"] == "succeeded"), (rows, job)
        receipt = await self.clinic.receipt(job_id)
        assert (receipt["outcome"], receipt["holds"] is not None) == (job["state"], rows == 1)
        if rows:
            held = await self.clinic.held(receipt)
            assert held.items() <= receipt["holds"].items() and held.items() <= receipt["asked"].items()
        events = told.of_job(self.receiver.got, job_id, self.secret)
        assert {each["type"] for each in events} == {EVENTS[receipt["operation"]][not rows]}
        assert len({each["id"] for each in events}) == 1  # S-071
        return job

    async def nothing_is_stuck(self) -> None:  # S-085
        assert await self.house.db.rows(STUCK) == []


class SandboxWard(Ward[Clinic]):
    """Its EHR can hold a write in its hand."""

    async def held(self) -> None:
        """Until a write waits in the EHR."""
        async with asyncio.timeout(60):
            while not (await self.clinic.sandbox.lab("held"))["held"]:
                await asyncio.sleep(0.01)

    async def let_go(self, *, drop: bool = False) -> None:
        await self.clinic.sandbox.lab("faults", {})
        await self.clinic.sandbox.http.request("DELETE" if drop else "POST", "/api/_lab/held")


@asynccontextmanager
async def ward(house: House, sandbox: Sandbox) -> AsyncIterator[SandboxWard]:
    """The house is only a database and settings here: it neither serves nor works."""
    with a_server(house.settings) as server:
        await server.ready()
        async with connected(house) as http, receiving() as receiver:
            clinic = await Clinic.of(await shop(house, http, "Acme Scribe"), sandbox)
            yield SandboxWard(house, clinic, receiver, (await register(clinic.app, receiver.url))["secret"])
