"""What staff change in the EHR reaches the app as events, and what we wrote ourselves does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.sync.ours import ours
from cobalt_link.records.sync.reader import TYPES
from cobalt_link.records.writes.run import LAST_LOOK
from cobalt_link.records.writes.table import Sent
from tests.api.contract import endpoints
from tests.api.contract_values import Practice, whole
from tests.api.test_contract_writes import send
from tests.support.clinic import Clinic
from tests.support.world import Shop

ROUND = timedelta(seconds=61)


class Synced:
    """A clinic's account whose schedule is read when a test says so."""

    def __init__(self, house: House, clinic: Clinic, clock: MovedClock) -> None:
        self.house, self.clinic, self.clock = house, clinic, clock
        self.told: set[str] = set()

    async def events(self) -> list[dict[str, Any]]:
        """Those of one more read, by type and id."""
        self.clock.move(ROUND)
        await self.house.records.schedules(account=self.clinic.account)
        listed = (await self.clinic.read("/v1/webhook-events", sort="created_at", page_size=100))["webhook_events"]
        changes = [each for each in listed if each["type"] in TYPES and each["job_id"] is None]
        fresh = [each for each in changes if each["id"] not in self.told]
        self.told |= {each["id"] for each in listed}
        return sorted(fresh, key=lambda each: (each["type"], each["data"]["id"]))

    async def kinds(self) -> list[tuple[str, str]]:
        """Types and the EHR's ids, of one more read."""
        return [(each["type"], each["data"].get("ehr_appointment_id", "")) for each in await self.events()]

    async def books(self, days: int, hour: int = 21) -> str:
        """An appointment that staff make: its id there."""
        wanted = await self.clinic.new_appointment(days=days, hour=hour)
        patient = (await self.clinic.chart("patients", mrn=wanted["mrn"]))["patients"][0]
        booked = {
            "patient_id": patient["id"],
            "provider_id": wanted["provider"],
            "location_id": wanted["location"],
            "type": wanted["type"],
            "start": wanted["datetime"],
        }
        return (await self.staff("POST", "appointments", booked))["appointment"]["id"]

    async def moves(self, visit: str, days: int) -> None:
        start = (await self.clinic.new_appointment(days=days, hour=20))["datetime"]
        await self.staff("PATCH", f"appointments/{visit}", {"start": start})

    async def staff(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A change in the EHR that is not ours."""
        headers = {"Authorization": f"Bearer {self.clinic.session}"}
        answer = await self.clinic.sandbox.http.request(method, f"/api/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()


async def synced(house: House, clinic: Clinic, clock: MovedClock) -> Synced:
    answer = await clinic.app.call("POST", f"/v1/accounts/{clinic.account}/sync", json={"sync": True})
    assert answer.status_code == 200, answer.text
    found = Synced(house, clinic, clock)
    assert await found.events() == []  # the first read only looks
    return found


async def test_what_staff_change_is_told_once_and_what_we_write_is_not(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    following = await synced(house, clinic, clock)
    wanted = await clinic.new_appointment(hour=20)
    ours = await clinic.done("/v1/appointments", wanted)
    assert ours["state"] == "succeeded"
    assert await following.events() == []

    patient = (await clinic.chart("patients", mrn=wanted["mrn"]))["patients"][0]
    theirs = await following.books(3)
    (created,) = await following.events()
    assert (created["type"], created["data"]["ehr_appointment_id"]) == ("appointment.created", theirs)
    assert created["data"]["mrn"] == wanted["mrn"] and created["data"]["appointment_id"] == created["data"]["id"]
    assert await following.events() == []

    await following.staff("PATCH", f"appointments/{theirs}", {"note": "Bring the card"})
    await following.staff("PATCH", f"patients/{patient['id']}", {"phones": {"mobile": "602-555-0199"}})
    seen = await following.events()
    kinds = [each["type"] for each in seen]
    assert kinds.count("patient.updated") == 1 and "appointment.updated" in kinds
    assert {each["data"]["mrn"] for each in seen} == {wanted["mrn"]}

    await following.staff("POST", f"appointments/{theirs}/cancel", {"note": ""})
    (cancelled,) = await following.events()
    assert (cancelled["type"], cancelled["data"]["id"]) == ("appointment.cancelled", created["data"]["id"])
    assert cancelled["data"]["cancelled_at"]


async def test_what_we_write_is_not_told_again_whatever_it_changes_in_the_schedule(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    following = await synced(house, clinic, clock)
    ours = await clinic.write("/v1/appointments", await clinic.new_appointment(hour=20))
    assert (await clinic.job(ours["job_id"]))["state"] == "succeeded"
    assert await following.kinds() == []
    path = f"/v1/appointments/{ours['appointment_id']}"
    far = (await clinic.new_appointment(days=90))["datetime"]
    visit = (await clinic.receipt(ours["job_id"]))["ehr_id"]
    for method, where, body in (
        ("PATCH", path, {"reason": "Two coughs"}),
        ("POST", "/v1/notes", {"appointment_id": ours["appointment_id"], "note": "S: cough"}),
        ("PATCH", path, {"datetime": far}),  # out of the days that are read
    ):
        job = await clinic.done(where, body, method)
        assert job["state"] == "succeeded", job
        assert await following.kinds() == [], where
    await following.moves(visit, 4)
    assert await following.kinds() == [("appointment.updated", visit)]
    assert (await clinic.done(path, {"status": "cancelled"}, "PATCH"))["state"] == "succeeded"
    assert await following.kinds() == []


async def test_a_write_that_is_under_way_during_a_read_is_not_told_as_one_of_the_staff(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    following: Synced | None = None
    for hour in (18, 19):
        # The EHR has it and has not answered: nobody knows yet that it is ours. First at the first read of all.
        await clinic.sandbox.lab("faults", {"hold_writes": "after"})
        ours = await clinic.write("/v1/appointments", await clinic.new_appointment(hour=hour))
        async with asyncio.timeout(10):
            while not (await clinic.sandbox.lab("held"))["held"]:
                await asyncio.sleep(0.02)
        await clinic.sandbox.lab("faults", {})
        if following is None:
            following, theirs = await synced(house, clinic, clock), None
        else:
            theirs = await following.books(3, hour)
            assert await following.kinds() == [], "either may be ours"
        await clinic.sandbox.http.post("/api/_lab/held")
        assert (await clinic.job(ours["job_id"]))["state"] == "succeeded"
        assert await following.kinds() == ([("appointment.created", theirs)] if theirs else [])
        assert await following.kinds() == []


def test_what_a_write_touches_is_ours_and_a_new_visit_may_come_until_the_last_look_at_it() -> None:
    now = datetime.now(UTC)
    sent = Sent(record_id="a", touches=["b"], operation="appointments.create", intent_at=now, settled_at=None)
    found = ours([sent], now)
    assert found.ids == {"a", "b"}
    ((_, last),) = found.arriving
    assert last >= (now + LAST_LOOK).timestamp()


async def test_a_visit_that_is_moved_out_of_the_days_or_into_them_is_not_cancelled_nor_created(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    far = await Synced(house, clinic, clock).books(80)
    day = str((datetime.now(UTC) + timedelta(days=80)).date())
    listed = (await clinic.read("/v1/appointments", start_date=day, end_date=day))["appointments"]
    assert far in {each["ehr_appointment_id"] for each in listed}  # so the app knows it
    following = await synced(house, clinic, clock)
    visit, lost = await following.books(3), await following.books(4)
    assert len(await following.kinds()) == 2
    for days in (90, 5, -20, 6):
        await following.moves(visit, days)
        (told,) = await following.events()
        assert (told["type"], told["data"]["ehr_appointment_id"]) == ("appointment.updated", visit)
        assert told["data"]["datetime"][:10] == str((datetime.now(UTC) + timedelta(days=days)).date())
        assert await following.kinds() == []
    await following.moves(far, 7)
    assert await following.kinds() == [("appointment.updated", far)]
    await following.moves(lost, 90)
    await following.staff("POST", f"appointments/{lost}/cancel", {"note": ""})
    assert await following.kinds() == [("appointment.cancelled", lost)]


async def test_what_the_days_bring_and_take_is_no_change(house: House, clinic: Clinic, clock: MovedClock) -> None:
    behind = Synced(house, clinic, clock)
    ahead = [await behind.books(days) for days in (61, 62, 63)]
    following = await synced(house, clinic, clock)
    for _ in range(3):
        clock.move(timedelta(days=1))
        assert await following.kinds() == []
    await following.staff("PATCH", f"appointments/{ahead[0]}", {"note": "Bring the card"})
    assert await following.kinds() == [("appointment.updated", ahead[0])]


async def test_nothing_is_sent_for_an_account_that_needs_its_user_and_only_what_changed_is_told_afterwards(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    following = await synced(house, clinic, clock)
    visit = await following.books(3)
    assert len(await following.kinds()) == 1
    fault = {"fault": "password_changed"}
    assert (await clinic.app.call("POST", f"/v1/sandbox/accounts/{clinic.account}/break", json=fault)).is_success
    assert await following.kinds() == []  # this one finds that it needs its user
    before = await clinic.sandbox.counts()
    for _ in range(3):
        clock.move(timedelta(hours=1))
        assert await following.kinds() == []
    assert (await clinic.sandbox.counts())["requests"] == before["requests"]
    (row,) = await house.db.rows("SELECT * FROM sync_accounts")
    assert row["failures"] == 4 and row["due_at"] > clock.now()
    clinic.session = await clinic.sandbox.session(clinic.username, "pass_changed")
    await following.staff("PATCH", f"appointments/{visit}", {"note": "Bring the card"})
    await clinic.sign_in_again()
    async with asyncio.timeout(10):  # a chore sees that the user was there
        while (row := await house.db.one("SELECT * FROM sync_accounts")) and row["failures"]:
            await asyncio.sleep(0.05)
    assert row and row["due_at"] <= clock.now()
    async with asyncio.timeout(10):  # the server's own reader may have the account just now
        while not (told := await following.kinds()):
            await asyncio.sleep(0.05)
    assert told == [("appointment.updated", visit)]
    assert await following.kinds() == []


async def test_after_days_without_the_ehr_only_what_was_changed_meanwhile_is_told(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    following = await synced(house, clinic, clock)
    await clinic.sandbox.lab("faults", {"down": True, "only_path": "/api/appointments"})
    for _ in range(3):
        clock.move(timedelta(days=1))
        assert await following.kinds() == []
    await clinic.sandbox.lab("faults", {})
    new = await following.books(5)
    clock.move(timedelta(days=1))
    assert await following.kinds() == [("appointment.created", new)]
    assert await following.kinds() == []


async def test_an_account_that_has_ended_is_read_no_more(house: House, clinic: Clinic, clock: MovedClock) -> None:
    following = await synced(house, clinic, clock)
    assert (await clinic.app.call("DELETE", f"/v1/accounts/{clinic.account}")).is_success
    clock.move(ROUND)
    await house.records.schedules(account=clinic.account)
    assert await house.db.rows("SELECT * FROM sync_accounts") == []
    assert following.told == set()


async def test_a_reader_that_is_stopped_gives_its_account_back(house: House, clinic: Clinic, clock: MovedClock) -> None:
    await synced(house, clinic, clock)
    clock.move(ROUND)
    await clinic.sandbox.lab("faults", {"slow_ms": 3000, "only_path": "/api/appointments"})
    reading = asyncio.create_task(house.records.schedules(account=clinic.account))
    async with asyncio.timeout(10):
        while not await house.db.rows("SELECT account FROM sync_accounts WHERE claim IS NOT NULL"):
            await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    due = await house.db.rows("SELECT account FROM sync_accounts WHERE claim IS NULL AND due_at <= %s", (clock.now(),))
    assert [row["account"] for row in due] == [clinic.account]


async def test_no_write_of_ours_is_told_as_a_change_of_the_staff(
    house: House, clinic: Clinic, clock: MovedClock
) -> None:
    practice = await Practice.of(clinic)
    following, echoes, last = await synced(house, clinic, clock), [], ""
    for name, each in endpoints().items():
        accepted = (await send(clinic, each, practice.path(each), whole(each, practice))).json()
        job = await clinic.job(accepted["job_id"])
        assert job["state"] == "succeeded", (name, job)
        echoes += [(name, event["type"]) for event in await following.events()]
        last = job["data"].get("emr_insurance_id", last)
    for patch in ({"note": "Once more"}, {"status": "CONF"}, {"status": "cancelled"}):
        await clinic.done(f"/v1/appointments/{practice.booked}", patch, "PATCH")
        echoes += [(str(patch), event["type"]) for event in await following.events()]
    assert echoes == []
    # Staff who do the same are told of.
    await following.staff("PATCH", f"insurances/{last}", {"member_id": "STAFF1"})
    assert [each["type"] for each in await following.events()] == ["patient.updated"]


async def test_only_accounts_are_read_whose_app_wants_to_hear_of_it(
    house: House, clinic: Clinic, acme: Shop, clock: MovedClock
) -> None:
    reader = house.records.schedules
    await reader.enroll()
    assert await reader.table.due(clock.now(), 10) == []
    hook = {"url": "http://127.0.0.1:9/hook", "event_types": ["appointment.*"]}
    registered = await acme.call("POST", "/v1/webhook", json=hook)
    assert registered.status_code == 200, registered.text
    await reader.enroll()
    assert [account for account, _ in await reader.table.due(clock.now(), 10)] == [clinic.account]
    await acme.call("DELETE", f"/v1/webhook/{registered.json()['webhook_id']}")
    await reader(account=clinic.account)
    clock.move(ROUND)
    assert await reader.table.due(clock.now(), 10) == []
    # Enrolled again with the next endpoint.
    await acme.call("POST", "/v1/webhook", json=hook)
    await reader.enroll()
    assert [account for account, _ in await reader.table.due(clock.now(), 10)] == [clinic.account]


async def test_only_sealed_digests_rest_with_us(house: House, clinic: Clinic, clock: MovedClock) -> None:
    following = await synced(house, clinic, clock)
    await following.events()
    patient = (await clinic.chart("patients", limit=1))["patients"][0]
    (row,) = await house.db.rows("SELECT * FROM sync_accounts")
    assert row["sealed_digests"] and patient["last_name"].encode() not in row["sealed_digests"]


async def test_an_account_of_another_client_cannot_be_asked_for(clinic: Clinic, rival: Shop) -> None:
    answer = await rival.call("POST", f"/v1/accounts/{clinic.account}/sync", json={"sync": True})
    assert (answer.status_code, answer.json()["error"]) == (404, "account_not_found")
