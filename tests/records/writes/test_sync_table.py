"""Whose schedule is read next, by whom, and up to which account a client's accounts are enrolled."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from cobalt_link.accounts.account import Account
from cobalt_link.app import House
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.sync.table import PER_LANE, Synced, SyncedAccounts
from cobalt_link.store.database import Row
from tests.accounts.world import World
from tests.support.clinic import Clinic
from tests.support.world import Shop

MINUTE = timedelta(minutes=1)
HOOK = {"url": "http://127.0.0.1:9/hook", "event_types": ["appointment.*"]}


class Queue:
    """The tables, and the accounts of a few clients that are linked as they are asked for."""

    def __init__(self, world: World) -> None:
        self.world, self.table = world, SyncedAccounts(world.db)
        self.now = world.clock.now()

    async def linked(self, client: str, count: int) -> list[Account]:
        org = await self.world.org(await self.world.client(client))
        return [await self.world.keep(org, f"{client} {number}") for number in range(count)]

    async def enroll(self, accounts: list[Account], now: datetime | None = None) -> None:
        last = (accounts[-1].linked_at, accounts[-1].id)
        await self.table.enroll(accounts[0].client, accounts, last, now or self.now)

    async def claimed(self, account: Account, after: timedelta = timedelta()) -> Synced:
        found = await self.table.claim(account.id, self.now + after)
        assert found is not None
        return found

    async def due(self, most: int = 100, after: timedelta = timedelta()) -> list[str]:
        return [account for account, _ in await self.table.due(self.now + after, most)]

    async def done(self, synced: Synced, digests: bytes = b"sealed") -> None:
        async with self.world.db.transaction() as tx:
            due_at = self.now + MINUTE
            await self.table.done(tx, synced, read_at=self.now, due_at=due_at, digests=digests)

    async def lease_ends(self) -> None:
        await self.world.db.run("UPDATE sync_accounts SET claimed_until = clock_timestamp() - interval '1 second'")

    async def rows(self) -> list[Row]:
        return await self.world.db.rows("SELECT * FROM sync_accounts ORDER BY account")


@pytest.fixture
def queue(world: World) -> Queue:
    return Queue(world)


async def test_of_two_readers_one_has_an_account_until_its_lease_ends(queue: Queue) -> None:
    (account,) = await queue.linked("Acme", 1)
    await queue.enroll([account])
    found = await asyncio.gather(*(queue.table.claim(account.id, queue.now) for _ in range(8)))
    (slow,) = [each for each in found if each]
    assert (slow.client, slow.org, slow.asked, slow.read_at) == (account.client, account.org, False, None)
    assert await queue.due() == []
    await queue.lease_ends()
    assert await queue.due() == [account.id]
    fast = await queue.claimed(account)
    assert fast.claim > slow.claim
    # The one that was too slow changes nothing anymore.
    for settled in (queue.done(slow, b"old"), queue.table.failed(slow, queue.now), queue.table.remove(slow)):
        with pytest.raises(LostClaim):
            await settled
    assert await queue.table.position(account.client) is not None
    await queue.done(fast, b"new")
    (row,) = await queue.rows()
    assert (row["sealed_digests"], row["claim"], row["failures"]) == (b"new", None, 0)


async def test_what_is_read_is_due_again_later_and_its_failures_are_counted_until_then(queue: Queue) -> None:
    (account,) = await queue.linked("Acme", 1)
    await queue.enroll([account])
    await queue.done(await queue.claimed(account), b"first")
    assert await queue.table.claim(account.id, queue.now) is None
    assert (await queue.due(), await queue.due(after=MINUTE)) == ([], [account.id])
    for failures in (0, 1, 2):
        synced = await queue.claimed(account, MINUTE)
        # A read that fails keeps what is known.
        known = (synced.failures, synced.sealed_digests, synced.read_at)
        assert known == (failures, b"first", queue.now)
        await queue.table.failed(synced, queue.now + MINUTE)
    await queue.done(await queue.claimed(account, MINUTE), b"second")
    synced = await queue.claimed(account, MINUTE)
    assert (synced.failures, synced.sealed_digests) == (0, b"second")


async def test_clients_come_in_turn_however_many_accounts_one_has(queue: Queue) -> None:
    many, few = await queue.linked("Many", 12), await queue.linked("Few", 2)
    await queue.enroll(many, queue.now - MINUTE)  # they have waited for longer
    await queue.enroll(few)
    owners = {each.id: each.client for each in (*many, *few)}
    first, busy = few[0].client, many[0].client
    assert [owners[each] for each in await queue.due(5)] == [busy, first, busy, first, busy]
    assert {each.id for each in few} <= set(await queue.due(4))
    assert sorted(await queue.due()) == sorted(owners)
    assert dict(await queue.table.due(queue.now, 100)) == dict.fromkeys(owners, many[0].address)
    # What is being read is not in the way.
    for account in few:
        await queue.claimed(account)
    assert {owners[each] for each in await queue.due(12)} == {busy}
    assert await queue.due(after=-MINUTE / 2) and not set(await queue.due(after=-MINUTE / 2)) & {few[0].id, few[1].id}


async def test_the_accounts_of_a_slow_ehr_leave_room_for_the_others_and_no_client_fills_a_sweep(queue: Queue) -> None:
    slow, quick, other = (
        await queue.linked("Acme", 3_000),
        await queue.linked("Acme2", 1),
        await queue.linked("Rival", 1),
    )
    await queue.enroll(slow, queue.now - MINUTE)
    await queue.enroll(quick)
    await queue.enroll(other)
    client = slow[0].client
    await queue.world.db.run(
        "UPDATE sync_accounts SET client = %s, lane = 'quick' WHERE account = %s", (client, quick[0].id)
    )
    await queue.world.db.run("UPDATE sync_accounts SET lane = 'other' WHERE account = %s", (other[0].id,))
    assert {quick[0].id, other[0].id} <= set(await queue.due(4))
    # None of the slow one has ended: it gets no more than it can use.
    found = await queue.table.due(queue.now, 500)
    assert [lane for _, lane in found].count(slow[0].address) == PER_LANE
    assert {account for account, _ in found} >= {quick[0].id, other[0].id}


async def test_what_is_removed_is_enrolled_again_from_the_start_and_other_clients_stay(queue: Queue) -> None:
    mine, theirs = await queue.linked("Acme", 2), await queue.linked("Rival", 1)
    await queue.enroll(mine)
    await queue.enroll(theirs)
    await queue.done(await queue.claimed(mine[1]), b"kept")
    await queue.table.remove(await queue.claimed(mine[0]))
    assert await queue.table.position(mine[0].client) is None
    assert await queue.table.position(theirs[0].client) == (theirs[0].linked_at, theirs[0].id)
    assert {row["account"] for row in await queue.rows()} == {mine[1].id, theirs[0].id}
    await queue.enroll(mine, queue.now + MINUTE)
    rows = {row["account"]: row for row in await queue.rows()}
    # One that was there is not enrolled anew: it would lose what it knows.
    assert rows.keys() == {mine[0].id, mine[1].id, theirs[0].id}
    assert (rows[mine[1].id]["sealed_digests"], rows[mine[0].id]["sealed_digests"]) == (b"kept", None)
    assert await queue.table.position(mine[0].client) == (mine[1].linked_at, mine[1].id)


async def test_an_account_that_is_asked_for_while_it_is_read_is_not_removed(queue: Queue) -> None:
    (account,) = await queue.linked("Acme", 1)
    await queue.enroll([account])
    await queue.done(await queue.claimed(account))
    synced = await queue.claimed(account, MINUTE)
    await queue.table.ask(account, queue.now)
    with pytest.raises(LostClaim):
        await queue.table.remove(synced)
    assert await queue.table.position(account.client) is not None
    await queue.lease_ends()
    again = await queue.claimed(account)  # at once, as it was asked for now
    assert again.asked and again.sealed_digests == b"sealed"
    await queue.table.leave(account)
    with pytest.raises(LostClaim):
        await queue.table.remove(again)
    await queue.lease_ends()
    await queue.table.remove(await queue.claimed(account))
    assert await queue.rows() == []


async def test_accounts_that_are_asked_for_are_read_without_an_endpoint(
    house: House, clinic: Clinic, acme: Shop, clock: MovedClock
) -> None:
    reader, path = house.records.schedules, f"/v1/accounts/{clinic.account}/sync"
    hook = (await acme.call("POST", "/v1/webhook", json=HOOK)).json()["webhook_id"]
    await reader.enroll()
    assert (await acme.call("POST", path, json={"sync": True})).status_code == 200
    await acme.call("DELETE", f"/v1/webhook/{hook}")
    for _ in range(2):
        clock.move(timedelta(hours=1))
        await reader(account=clinic.account)
        (row,) = await house.db.rows("SELECT * FROM sync_accounts")
        assert row["asked"] and row["sealed_digests"] and row["failures"] == 0
    assert (await acme.call("POST", path, json={"sync": False})).status_code == 200
    clock.move(timedelta(hours=1))
    await reader(account=clinic.account)
    assert await house.db.rows("SELECT * FROM sync_accounts") == []


async def test_no_account_is_left_out_whose_time_is_that_of_another_or_whose_transaction_ends_late(
    house: House, clinic: Clinic, acme: Shop, clock: MovedClock
) -> None:
    reader, accounts = house.records.schedules, {clinic.account}
    await acme.call("POST", "/v1/webhook", json=HOOK)
    (row,) = await house.db.rows("SELECT linked_at FROM accounts")
    # Linked after the last enrolling, at the same time as the one before, or a bit earlier.
    for number, earlier in enumerate((0, 0, 0, 20)):
        await reader.enroll()
        assert {each["account"] for each in await house.db.rows("SELECT account FROM sync_accounts")} == accounts
        position = await reader.table.position(acme.record.id)
        assert position is not None and position[0] < row["linked_at"]
        linked = await Clinic.of(acme, clinic.sandbox, user_id=f"user-{number}", org_id="riverside")
        at = row["linked_at"] - timedelta(seconds=earlier)
        await house.db.run("UPDATE accounts SET linked_at = %s WHERE id = %s", (at, linked.account))
        accounts.add(linked.account)
    clock.move(timedelta(minutes=5))
    await reader.enroll()
    assert {each["account"] for each in await house.db.rows("SELECT account FROM sync_accounts")} == accounts
    # Then none of them is looked at again.
    last = await reader.table.position(acme.record.id)
    assert last is not None and last[0] == row["linked_at"] and last[1] in accounts
    await house.db.run("DELETE FROM sync_accounts")
    await reader.enroll()
    assert await house.db.rows("SELECT account FROM sync_accounts") == []
