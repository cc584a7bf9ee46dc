"""An account keeps what its user allowed the app to write, until the user goes through Link again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from cobalt_link.app import House
from cobalt_link.records.writes.operations import OPERATIONS
from tests.accounts.world import World
from tests.api.contract import endpoints
from tests.api.contract_values import Practice, whole
from tests.stories.person import Person
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, Shop

READS = ("/v1/patients", "/v1/providers", "/v1/locations", "/v1/capabilities")
USER = {"user_id": "user-7", "org_id": "riverside"}
NOT_ALLOWED = (403, "write_not_allowed")


@pytest.fixture
async def clinic(acme: Shop, sandbox: Sandbox) -> Clinic:
    return await Clinic.of(acme, sandbox, **USER)


async def linked_for(house: House, clinic: Clinic, *writes: str) -> None:
    """As if the user had allowed these only; none, as in the releases that could only read."""
    await house.db.run("UPDATE accounts SET writes = %s WHERE id = %s", (list(writes), clinic.account))


async def allowed(house: House, clinic: Clinic) -> set[str]:
    return set((await house.accounts.accounts.by_id(clinic.account)).writes)


async def link_again(clinic: Clinic) -> None:
    """The user links the same login from the app, and the app has the token of the same account."""
    async with httpx2.AsyncClient(base_url=clinic.app.http.base_url, trust_env=False, verify=False) as http:
        public = await Person(http, clinic.username).link(await clinic.app.link_token(**USER))
    answer = (await clinic.app.exchange(public)).json()
    assert answer["account_id"] == clinic.account, answer
    clinic.token = answer["access_token"]


async def said(clinic: Clinic, path: str, body: dict[str, Any], method: str = "POST") -> tuple[int, str | None]:
    fields = dict(body)
    # Only this call takes a file, and so a form.
    form = {"data": fields, "files": {"document": fields.pop("document")}} if "document" in fields else None
    answer = await clinic.call(method, path, **(form or {"json": fields}))
    return answer.status_code, answer.json().get("error")


def requests() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A whole request for each kind of write: its method, path, and body. The records in them need not exist."""
    day = str((datetime.now(UTC) + timedelta(days=9)).date())
    made_up = msgspec.structs.replace(Practice.made_up(), day=day, booked="1" * 32, visit="1" * 32)
    documented = {(each.method, _nameless(each.path)): whole(each, made_up) for each in endpoints().values()}
    documented["PATCH", _nameless("/notes/{note_id}")] = {"note": "S: cough"}
    return {
        name: (each.method, _nameless(each.path), documented[each.method, _nameless(each.path)[len("/v1") :]])
        for name, each in OPERATIONS.items()
    }


def _nameless(path: str) -> str:
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


async def test_an_account_that_was_linked_for_reading_reads_and_writes_nothing(house: House, clinic: Clinic) -> None:
    await linked_for(house, clinic)
    answers = {name: await said(clinic, path, body, method) for name, (method, path, body) in requests().items()}
    assert answers == dict.fromkeys(OPERATIONS, NOT_ALLOWED)
    booking = await clinic.new_appointment()
    assert await said(clinic, "/v1/appointments", booking | {"dry_run": True}) == NOT_ALLOWED
    assert await house.db.rows("SELECT id FROM write_jobs") == []
    reads = {path: (await clinic.call("GET", path)).status_code for path in READS}
    assert reads == dict.fromkeys(READS, 200)
    # One kind alone: that one is accepted, its neighbor is not.
    await linked_for(house, clinic, "appointments.create")
    assert (await clinic.done("/v1/appointments", booking))["state"] == "succeeded"
    assert await said(clinic, "/v1/appointments/1", {"status": "CONF"}, "PATCH") == NOT_ALLOWED


async def test_no_earlier_answer_is_kept_from_an_app_whose_writes_were_taken_back(house: House, clinic: Clinic) -> None:
    booking, key = await clinic.new_appointment(), {"Idempotency-Key": "booking-1"}
    accepted = await clinic.write("/v1/appointments", booking, headers=key)
    await linked_for(house, clinic)
    assert (await clinic.write("/v1/appointments", booking, headers=key))["job_id"] == accepted["job_id"]
    fresh = await clinic.call("POST", "/v1/appointments", json=booking, headers={"Idempotency-Key": "booking-2"})
    assert (fresh.status_code, fresh.json()["error"]) == NOT_ALLOWED
    # What was accepted while it was allowed is still done.
    assert (await clinic.job(accepted["job_id"]))["state"] == "succeeded"


async def test_linking_again_allows_what_the_ehr_takes_at_that_time(
    house: House, clinic: Clinic, rival: Shop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await Clinic.of(rival, sandbox, **USER)
    connector = house.deps.connectors["sandbox"]
    everything = set(connector.manifest.writes)
    assert await allowed(house, clinic) == everything == set(OPERATIONS)
    await linked_for(house, other, "tasks.create")
    await linked_for(house, clinic)
    # A release whose connector could write less.
    fewer = {name: connector.manifest.writes[name] for name in ("appointments.create", "patients.update")}
    with monkeypatch.context() as former:
        manifest = msgspec.structs.replace(connector.manifest, writes=fewer, required={})
        former.setattr(type(connector), "manifest", manifest)
        await link_again(clinic)
        assert await allowed(house, clinic) == {"appointments.create", "patients.update"}
    # A connector that has learned to write more does not widen what was allowed.
    assert (await clinic.done("/v1/appointments", await clinic.new_appointment()))["state"] == "succeeded"
    method, path, task = requests()["tasks.create"]
    assert await said(clinic, path, task, method) == NOT_ALLOWED
    await link_again(clinic)
    assert await allowed(house, clinic) == everything
    assert await allowed(house, other) == {"tasks.create"}
    assert await said(other, "/v1/appointments", await other.new_appointment()) == NOT_ALLOWED


async def test_update_mode_changes_nothing_about_what_is_allowed(
    house: House, clinic: Clinic, acme: Shop, sandbox: Sandbox
) -> None:
    fault = {"fault": "password_changed"}
    for writes in ((), ("appointments.create",)):
        each = await Clinic.of(acme, sandbox, user_id=f"user-{len(writes)}", org_id="riverside")
        await linked_for(house, each, *writes)
        await acme.call("POST", f"/v1/sandbox/accounts/{each.account}/break", json=fault)
        assert (await each.call("GET", "/v1/patients")).status_code == 403
        await each.sign_in_again()
        assert (await each.call("GET", "/v1/patients")).status_code == 200
        assert await allowed(house, each) == set(writes)
        wanted = 200 if writes else 403
        assert (await said(each, "/v1/appointments", await each.new_appointment()))[0] == wanted
    assert await allowed(house, clinic) == set(OPERATIONS)


async def test_each_end_user_of_a_login_has_allowed_for_themselves(world: World) -> None:
    """In the table: one EHR login, two end users of one client, and one of another."""
    org, elsewhere = await world.org(await world.client()), await world.org(await world.client("Rival Notes"))
    ann = await world.keep(org, "dr_ann", writes=("tasks.create", "notes.create"))
    desk = await world.keep(org, "front_desk")
    other = await world.keep(elsewhere, "dr_ann", writes=("payments.create",))
    assert (ann.writes, desk.writes, other.writes) == (("tasks.create", "notes.create"), (), ("payments.create",))
    again = await world.keep(org, "dr_ann", writes=("patients.update",))
    assert (again.id, again.writes) == (ann.id, ("patients.update",))
    async with world.db.transaction() as tx:
        repaired = await world.accounts.repair(tx, ann.id, world.grant(), {})
    assert repaired.writes == ("patients.update",)
    assert ((await world.again(desk)).writes, (await world.again(other)).writes) == ((), ("payments.create",))
    listed = {each.id: each.writes for each in await world.accounts.of_client(org.client)}
    assert listed == {ann.id: ("patients.update",), desk.id: ()}
