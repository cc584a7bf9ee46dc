"""What staff change in the EHR reaches the app as events, and what we wrote ourselves does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
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
        fresh = [each for each in listed if each["id"] not in self.told and each["job_id"] is None]
        self.told |= {each["id"] for each in listed}
        return sorted(fresh, key=lambda each: (each["type"], each["data"]["id"]))

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
    booked = {
        "patient_id": patient["id"],
        "provider_id": wanted["provider"],
        "location_id": wanted["location"],
        "type": wanted["type"],
        "start": wanted["datetime"].replace("T20", "T21"),
    }
    theirs = (await following.staff("POST", "appointments", booked))["appointment"]
    (created,) = await following.events()
    assert (created["type"], created["data"]["ehr_appointment_id"]) == ("appointment.created", theirs["id"])
    assert created["data"]["mrn"] == wanted["mrn"] and created["data"]["appointment_id"] == created["data"]["id"]
    assert await following.events() == []

    await following.staff("PATCH", f"appointments/{theirs['id']}", {"note": "Bring the card"})
    await following.staff("PATCH", f"patients/{patient['id']}", {"phones": {"mobile": "602-555-0199"}})
    seen = await following.events()
    kinds = [each["type"] for each in seen]
    assert kinds.count("patient.updated") == 1 and "appointment.updated" in kinds
    assert {each["data"]["mrn"] for each in seen} == {wanted["mrn"]}

    await following.staff("POST", f"appointments/{theirs['id']}/cancel", {"note": ""})
    (cancelled,) = await following.events()
    assert (cancelled["type"], cancelled["data"]["id"]) == ("appointment.cancelled", created["data"]["id"])
    assert cancelled["data"]["cancelled_at"]


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
