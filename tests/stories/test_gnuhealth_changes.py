"""Staff change a schedule at a real GNU Health by its own RPC, and the app hears of it within a second or so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

from cobalt_link.app import House
from cobalt_link.kit.clock import SystemClock
from cobalt_link.records.sync.reader import TYPES
from tests.stories.hospital import Hospital
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth, Start
from tests.support.world import Sandbox, connected, open_for_business, opened, settings_for, shop
from tests.webhooks.receiver import Receiver, receiving, register

pytestmark = MARKS
VISIT = "gnuhealth.appointment"
# The interval of one second, and what a read and a delivery take on a busy machine.
WITHIN = 4.0
READ = "SELECT read_at FROM sync_accounts WHERE read_at IS NOT NULL"


class Changes:
    """What the app was told of changes by staff, in its order, and how long the slowest of these took."""

    def __init__(self, house: House, receiver: Receiver) -> None:
        self.house, self.receiver = house, receiver
        self.seen, self.slowest = 0, 0.0

    @property
    def all(self) -> list[dict[str, Any]]:
        return [each.json for each in self.receiver.got if each.json["type"] in TYPES and not each.json.get("job_id")]

    async def told(self) -> dict[str, Any]:
        """The event of the change that was just made."""
        began = time.monotonic()
        async with asyncio.timeout(30):
            while len(self.all) <= self.seen:
                await asyncio.sleep(0.02)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.seen += 1
        return self.all[self.seen - 1]

    async def quiet(self, reads: int = 2) -> None:
        """So many complete reads bring nothing else."""
        for _ in range(reads):
            last = await self.house.db.rows(READ)
            async with asyncio.timeout(30):
                while not (now := await self.house.db.rows(READ)) or now == last:
                    await asyncio.sleep(0.05)
        assert self.all[self.seen :] == []


@asynccontextmanager
async def followed(house: House, server: GnuHealth) -> AsyncIterator[tuple[Changes, Hospital]]:
    """The schedule of an app's account, after its first read."""
    async with open_for_business(house) as http, receiving() as receiver, connected(house) as browser:
        app = await shop(house, http, "Ward Notes", test=False)
        hospital = await Hospital.linked(app, server, browser)
        await register(app, receiver.url)
        following = Changes(house, receiver)
        await following.quiet(1)
        yield following, hospital


async def test_what_staff_change_by_its_own_rpc_is_told_within_the_interval_and_what_we_write_is_not(
    dsn: str, sandbox: Sandbox, tmp_path: Path, start_gnuhealth: Start
) -> None:
    server = start_gnuhealth()

    def at(days: int, hour: int) -> dict[str, Any]:
        return seed.a_moment(datetime.combine(server.today + timedelta(days=days), clock_time(hour, 50), seed.ZONE))

    def change(visit: int, **values: Any) -> None:
        server.rpc(f"model.{VISIT}.write", [visit], values)

    settings = settings_for(tmp_path, dsn, sandbox.address, sync_seconds=1)
    async with opened(settings, SystemClock()) as house, followed(house, server) as (following, hospital):
        mine = {"patient": 1, "healthprof": 2, "institution": 1, "state": "confirmed", "urgency": "a"}
        visit = seed.one(server, VISIT, {**mine, "appointment_date": at(2, 8), "visit_type": "followup"})
        told = await following.told()
        assert (told["type"], told["data"]["ehr_appointment_id"]) == ("appointment.created", str(visit))
        assert (told["data"]["mrn"], told["data"]["status"]) == ("PUID-000", "confirmed")

        # Moved to another time, out of the days that are read, and back.
        for days, hour in ((2, 10), (90, 10), (4, 11)):
            change(visit, appointment_date=at(days, hour))
            told = await following.told()
            day = str(server.today + timedelta(days=days))
            assert (told["type"], told["data"]["id"]) == ("appointment.updated", told["data"]["appointment_id"])
            assert told["data"]["datetime"].startswith(f"{day}T{hour:02}:50")

        (party,) = server.rpc("model.party.party.search", [["ref", "=", "PUID-001"]], 0, 1, None)
        mobile = {"contact_mechanisms": [["create", [{"type": "mobile", "value": "555-0199"}]]]}
        server.rpc("model.party.party.write", [party], mobile)
        told = await following.told()
        assert (told["type"], told["data"]["mrn"]) == ("patient.updated", "PUID-001")

        change(visit, state="user_cancelled")
        told = await following.told()
        assert (told["type"], told["data"]["ehr_appointment_id"]) == ("appointment.cancelled", str(visit))
        gone = seed.one(server, VISIT, {**mine, "appointment_date": at(5, 9), "visit_type": "followup"})
        created = await following.told()
        server.rpc(f"model.{VISIT}.delete", [gone])
        told = await following.told()
        assert (created["type"], told["type"]) == ("appointment.created", "appointment.cancelled")
        assert told["data"]["id"] == created["data"]["id"]

        # What the app writes is told once, by the event of its job.
        booked = await hospital.does("/v1/appointments", hospital.booking(6, 9, "Sore throat"))
        path = f"/v1/appointments/{booked['record_id']}"
        await hospital.does(path, {"reason": "Sore throat and fever"}, "PATCH")
        await hospital.does(path, {"datetime": hospital.booking(7, 9)["datetime"]}, "PATCH")
        (angela,) = (await hospital.read("/v1/patients", mrn="PUID-002"))["patients"]
        await hospital.does(
            f"/v1/patients/{angela['id']}", {"email": "angela@example.org", "cell_phone": "585-555-0177"}, "PATCH"
        )
        await hospital.does(path, {"status": "cancelled"}, "PATCH")
        await following.quiet()

        print(f"told {following.slowest:.2f} s after the change at the latest, of an interval of 1 s")
        assert following.slowest < WITHIN
