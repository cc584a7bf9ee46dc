"""How often one call waits for the database, counted, and how long what it read there counts."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from psycopg import AsyncConnection

from cobalt_link.accounts import access
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.account import Account, WrappedKeys
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sealing import FRESH_SECONDS
from cobalt_link.app import House, asgi
from cobalt_link.records.writes import accept
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, shop

CALLS = 6  # the first ones read what is kept for a moment, and prepare statements


@pytest.fixture
async def clinic(house: House, sandbox: Sandbox) -> AsyncIterator[Clinic]:
    """In front of a house without a worker, whose statements nobody else sends."""
    transport = httpx2.ASGITransport(app=asgi(house))
    async with httpx2.AsyncClient(transport=transport, base_url=house.settings.public_url) as http:
        yield await Clinic.of(await shop(house, http, "Acme Scribe"), sandbox)


class Trips:
    """Counts the round trips of all connections."""

    def __init__(self) -> None:
        self.count = 0

    async def fewest(self, call: Any) -> int:
        """Of several equal calls, one after another."""
        counts = []
        for _ in range(CALLS):
            before = self.count
            await call()
            counts.append(self.count - before)
        return min(counts)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    counted, wait = Trips(), AsyncConnection.wait

    async def counting(connection: AsyncConnection[Any], *given: Any, **more: Any) -> Any:
        counted.count += 1
        return await wait(connection, *given, **more)

    monkeypatch.setattr(AsyncConnection, "wait", counting)
    return counted


async def test_a_read_makes_three_round_trips(clinic: Clinic, trips: Trips) -> None:
    """The token with its account and keys; the audit row with the grant; the ids. Only the second one writes."""
    first, last = date.today() - timedelta(days=7), date.today() + timedelta(days=7)

    async def read() -> None:
        found = await clinic.read("/v1/appointments", start_date=str(first), end_date=str(last))
        assert len(found["appointments"]) > 10

    assert await trips.fewest(read) == 3


async def test_one_record_by_our_id_takes_one_more(clinic: Clinic, trips: Trips) -> None:
    days = {"start_date": str(date.today()), "end_date": str(date.today() + timedelta(days=7))}
    visit = (await clinic.read("/v1/appointments", **days))["appointments"][0]
    assert await trips.fewest(lambda: clinic.read(f"/v1/appointments/{visit['id']}")) == 4


async def test_patients_take_one_more_which_says_who_of_them_is_being_changed(clinic: Clinic, trips: Trips) -> None:
    """Only once our ids are known, and in a table that no other read needs: every list would pay for a join."""
    patient = (await clinic.read("/v1/patients"))["patients"][0]
    assert await trips.fewest(lambda: clinic.read("/v1/patients")) == 4
    assert await trips.fewest(lambda: clinic.read(f"/v1/patients/{patient['id']}")) == 5


async def test_an_accepted_write_makes_two_round_trips(
    clinic: Clinic, trips: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token with its account and keys; the job. Workers are woken now and then: here by the first write alone, as
    on a slow machine each write comes long enough after the one before to wake them."""
    monkeypatch.setattr(accept, "WAKES_EVERY", 600.0)
    wanted = await clinic.new_appointment()
    assert await trips.fewest(lambda: clinic.write("/v1/appointments", wanted)) == 2
    ours = {name: (await clinic.read(f"/v1/{name}s"))[f"{name}s"][0]["id"] for name in ("provider", "location")}
    ours["patient_id"] = (await clinic.read("/v1/patients"))["patients"][0]["id"]
    by_our_ids = {name: value for name, value in (wanted | ours).items() if name != "mrn"}
    assert await trips.fewest(lambda: clinic.write("/v1/appointments", by_our_ids)) == 3


async def test_a_slow_body_gets_no_further_once_its_account_is_disconnected(
    clinic: Clinic, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S-005: the token was looked up before the body came, and the keys came with it
    wanted, found = msgspec.json.encode(await clinic.new_appointment()), asyncio.Event()
    resolve = AccessTokens.resolve

    async def seen(tokens: AccessTokens, *given: str) -> Account | None:
        account = await resolve(tokens, *given)
        found.set()
        return account

    monkeypatch.setattr(AccessTokens, "resolve", seen)

    async def slowly() -> AsyncIterator[bytes]:
        yield wanted[:10]
        await found.wait()
        assert (await clinic.app.call("DELETE", f"/v1/accounts/{clinic.account}")).status_code == 200
        await asyncio.sleep(FRESH_SECONDS)
        yield wanted[10:]

    sent = {"content": slowly(), "headers": {"content-type": "application/json"}}
    answer = await clinic.call("POST", "/v1/appointments", **sent)
    assert (answer.status_code, answer.json()["error"]) == (AccountGone.status, AccountGone.code)
    assert await house.db.rows("SELECT id FROM write_jobs") == []


async def test_no_wrapped_key_outlives_its_request(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    # S-064
    made: list[WrappedKeys] = []

    def kept(*given: Any) -> WrappedKeys:
        made.append(WrappedKeys(*given))
        return made[-1]

    monkeypatch.setattr(access, "WrappedKeys", kept)
    await clinic.read("/v1/providers")
    await clinic.write("/v1/appointments", await clinic.new_appointment())
    assert len(made) == 2
    made.append(WrappedKeys(None, None, 0))  # which nothing but the list refers to
    gc.collect()
    assert len({sys.getrefcount(each) for each in made}) == 1
