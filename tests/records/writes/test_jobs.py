"""The table of write jobs alone: their order, who takes them, and what may still be done with each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cobalt_link.developers.clients import Clients
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes.job import FINAL, State, Step, WriteJob, new_job_id
from cobalt_link.records.writes.table import (
    AMEND,
    CANCEL,
    GIVE_BACK,
    INTENT,
    NOT_SENT,
    POSTPONE,
    RETRY,
    SETTLE,
    NewJob,
    WriteJobs,
)
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from tests.support.proof import SHORT_REFERENCES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Desk:
    """The table, and two clients whose jobs are `job(...)`."""

    def __init__(self, db: Database, client: str, rival: str) -> None:
        self.db, self.client, self.rival, self.jobs = db, client, rival, WriteJobs(db)
        self._last = 0

    def job(self, record: str | None = None, **given: Any) -> NewJob:
        self._last += 1
        made: dict[str, Any] = {
            "id": self._last,
            "client": self.client,
            "org": "o",
            "account": "a",
            "lane": "https://ehr.example",
            "operation": "notes.create",
            "record_id": record or f"r{self._last}",
            "sealed_request": b"\0sealed\xff",
            "steps": [Step("accepted", NOW)],
            "created_at": NOW,
            "expires_at": NOW + DAY,
        }
        return NewJob(**made | given)

    async def stored(self, record: str | None = None, **given: Any) -> int:
        job = self.job(record, **given)
        assert await self.jobs.insert(job)
        return job.id

    async def claimed(self, job_id: int, now: datetime = NOW) -> WriteJob:
        job = await self.jobs.claim(job_id, now)
        assert job is not None
        return job

    async def got(self, job_id: int) -> WriteJob:
        job = await self.jobs.get(self.client, job_id)
        assert job is not None
        return job

    async def settle(self, job_id: int, state: State = "succeeded", now: datetime = NOW) -> None:
        job = await self.claimed(job_id, now)
        await self.jobs.change(SETTLE, job, [Step("settled", now)], state=state, code=None, now=now, result=b"result")

    async def put(self, job_id: int, at: str) -> None:
        """Brings a new job into one of the situations below."""
        if at == "claimed":
            await self.claimed(job_id)
        elif at == "waiting":
            job = await self.claimed(job_id)
            await self.jobs.change(POSTPONE, job, (), state="waiting_for_sign_in", code="login_required", due_at=None)
        elif at == "sent":
            await self.jobs.change(INTENT, await self.claimed(job_id), [Step("intent", NOW)], now=NOW)
        elif at == "sent, looked for again":
            job = await self.claimed(job_id)
            await self.jobs.change(INTENT, job, (), now=NOW)
            await self.jobs.change(POSTPONE, job, (), state="running", code="not_in_ehr_yet", due_at=NOW)
        elif at == "refused by the session":
            job = await self.claimed(job_id)
            await self.jobs.change(INTENT, job, (), now=NOW)
            await self.jobs.change(NOT_SENT, job, ())
            await self.jobs.change(GIVE_BACK, job, ())
        elif at in FINAL:
            await self.settle(job_id, at)
        elif at == "failed, erased":
            await self.settle(job_id, "failed")
            await self.jobs.prune(NOW + DAY, kept=7 * DAY, erased=DAY)


@pytest.fixture
async def desk(db: Database) -> Desk:
    clients = Clients(db, Vault(Keyring.generate()), MovedClock())
    ids = sorted([(await clients.create(name))[0].id for name in ("Acme Scribe", "Rival Notes")])
    return Desk(db, *ids)


def test_an_id_is_a_number_that_every_json_parser_keeps_and_hardly_ever_comes_twice() -> None:
    for day in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2300, 12, 31, 23, tzinfo=UTC)):
        ids = [new_job_id(day) for _ in range(SHORT_REFERENCES.times)]
        assert len({*ids}) == len(ids)
        assert all(2**36 < each < 2**53 and float(each) == each for each in ids)
    assert max(new_job_id(NOW) for _ in range(100)) < min(new_job_id(NOW + DAY) for _ in range(100))


async def test_a_job_is_stored_whole_and_is_its_clients_own(desk: Desk) -> None:
    job = desk.job("r", operation="notes.update", created_at=NOW - DAY)
    assert await desk.jobs.insert(job)
    kept = await desk.got(job.id)
    for name in ("id", "client", "org", "account", "lane", "operation", "record_id", "sealed_request", "created_at"):
        assert getattr(kept, name) == getattr(job, name), name
    assert (kept.state, kept.steps, kept.expires_at) == ("queued", job.steps, job.expires_at)
    assert (kept.tries, kept.broken, kept.intent_at, kept.settled_at, kept.claim) == (0, 0, None, None, None)
    assert await desk.jobs.get(desk.rival, job.id) is None
    assert await desk.jobs.get(desk.client, job.id + 1) is None


async def test_an_id_that_is_taken_is_not_stored_again(desk: Desk) -> None:
    first = await desk.stored("mine")
    assert not await desk.jobs.insert(desk.job("other", id=first))
    stored = await asyncio.gather(*(desk.jobs.insert(desk.job(f"g{n}", id=77)) for n in range(8)))
    assert stored.count(True) == 1
    assert (await desk.got(first)).record_id == "mine"
    assert (await desk.got(77)).record_id == f"g{stored.index(True)}"


async def test_a_key_has_one_job_in_its_account_and_is_found_by_its_older_hash(desk: Desk) -> None:  # S-078
    same = [desk.job(key_hash=b"old", request_hash=b"request %d" % n) for n in range(6)]
    stored = await asyncio.gather(*map(desk.jobs.insert, same))
    assert stored.count(True) == 1
    winner = same[stored.index(True)]
    assert not await desk.jobs.insert(desk.job(key_hash=b"old"))
    assert await desk.jobs.insert(desk.job(key_hash=b"old", account="b"))
    assert [await desk.jobs.insert(desk.job()) for _ in range(2)] == [True, True]  # without a key there is no limit
    # The hash key was renewed since: the newest hash comes first.
    found = await desk.jobs.of_key("a", [b"new", b"old"])
    assert found is not None and (found[0].id, found[1]) == (winner.id, winner.request_hash)
    assert await desk.jobs.of_key("a", [b"new"]) is None
    assert await desk.jobs.of_key("c", [b"old"]) is None
    assert await desk.jobs.of_key("a", []) is None


async def test_the_jobs_on_one_record_run_in_the_order_in_which_they_came_whatever_their_ids(desk: Desk) -> None:
    """Ids of one day are random: a change often has a smaller one than the job that is to create its record."""
    create = await desk.stored("r", id=900)
    change = await desk.stored("r", id=100, created_at=NOW + timedelta(seconds=1), operation="notes.update")
    last = await desk.stored("r", id=500, created_at=NOW + timedelta(seconds=2), operation="notes.update")
    other = await desk.stored("s", id=950, created_at=NOW + timedelta(seconds=3))
    later = NOW + timedelta(minutes=1)
    for now_first, settled in ((create, False), (change, True), (last, True)):
        if settled:
            assert {each[0] for each in await desk.jobs.due(later, 10)} == {now_first, other}
        for each in {create, change, last} - {now_first}:
            assert await desk.jobs.claim(each, later) is None
        await desk.settle(now_first, now=later)
    # The first on the record was to create it, the last of an operation is the one that counts.
    assert await desk.jobs.promised("a", "r") == "succeeded"
    of_record = await desk.jobs.of_record("a", "r", "notes.update")
    assert of_record is not None and of_record.id == last
    created = await desk.jobs.of_record("a", "r", "notes.create")
    assert created is not None and created.id == create


async def test_a_record_is_promised_by_the_job_that_is_to_create_it(desk: Desk) -> None:
    await desk.put(await desk.stored("r", id=900), "failed")
    await desk.stored("r", id=100, created_at=NOW + timedelta(seconds=1), operation="notes.update")
    assert await desk.jobs.promised("a", "r") == "failed"
    assert await desk.jobs.promised("b", "r") is None
    assert await desk.jobs.promised("a", "s") is None
    assert await desk.jobs.of_record("b", "r", "notes.create") is None


async def test_a_job_is_claimed_when_it_is_due_by_one_worker(desk: Desk) -> None:
    early = await desk.stored(created_at=NOW + timedelta(hours=1))
    assert await desk.jobs.claim(early, NOW) is None
    job = await desk.stored()
    found = await asyncio.gather(*(desk.jobs.claim(job, NOW) for _ in range(8)))
    taken = [each for each in found if each]
    assert len(taken) == 1 and taken[0].state == "running"
    assert await desk.jobs.due(NOW, 10) == []
    # A worker that died at it is counted, one that gave it back is not.
    await desk.db.run(
        "UPDATE write_jobs SET claimed_until = clock_timestamp() - interval '1 second' WHERE id = %s", (job,)
    )
    again = await desk.claimed(job)
    assert again.broken == 1
    with pytest.raises(LostClaim):
        await desk.jobs.change(INTENT, taken[0], (), now=NOW)
    await desk.jobs.change(GIVE_BACK, again, ())
    third = await desk.claimed(job)
    assert third.broken == 1
    await desk.jobs.change(POSTPONE, third, [Step("waiting", NOW, "x")], state="queued", code="x", due_at=NOW)
    fourth = await desk.claimed(job)
    assert (fourth.broken, fourth.code, [each.name for each in fourth.steps]) == (0, "x", ["accepted", "waiting"])


async def test_an_intent_is_written_once(desk: Desk) -> None:  # S-086
    job = await desk.claimed(await desk.stored())
    await desk.jobs.change(INTENT, job, [Step("intent", NOW)], now=NOW)
    with pytest.raises(LostClaim):
        await desk.jobs.change(INTENT, job, [Step("intent", NOW)], now=NOW)
    kept = await desk.got(job.id)
    assert (kept.intent_at, kept.tries, [each.name for each in kept.steps]) == (NOW, 1, ["accepted", "intent"])


async def test_due_jobs_come_with_the_clients_in_turn_and_each_clients_oldest_first(desk: Desk) -> None:  # S-090
    mine = [await desk.stored(created_at=NOW - timedelta(seconds=9 - n)) for n in range(4)]
    theirs = [await desk.stored(client=desk.rival, created_at=NOW - timedelta(seconds=n)) for n in range(2)]
    await desk.stored(client=desk.rival, created_at=NOW + timedelta(seconds=1))  # not due yet
    found = await desk.jobs.due(NOW, 10)
    assert [each[0] for each in found] == [mine[0], theirs[1], mine[1], theirs[0], mine[2], mine[3]]
    assert found[1] == (theirs[1], "https://ehr.example", desk.rival)
    assert [each[0] for each in await desk.jobs.due(NOW, 3)] == [mine[0], theirs[1], mine[1]]


# Where a job is: may its request be amended, may it be cancelled, may it be done again?
ALLOWED: dict[str, tuple[bool, bool, bool]] = {
    "queued": (True, True, False),
    "claimed": (False, True, False),
    "waiting": (True, True, False),
    "refused by the session": (True, True, False),
    "sent": (False, False, False),
    "sent, looked for again": (False, False, False),
    "succeeded": (False, False, False),
    "outcome_unknown": (False, False, False),
    "failed": (False, False, True),
    "failed, erased": (False, False, False),
}


async def test_a_job_is_amended_cancelled_or_done_again_only_where_nothing_is_written_twice(desk: Desk) -> None:
    given = {"now": NOW, "client": desk.client, "expires_at": NOW + 2 * DAY, "request": b"changed"}
    for at, allowed in ALLOWED.items():
        for sql, may in zip((AMEND, CANCEL, RETRY), allowed, strict=True):
            job = await desk.stored()
            await desk.put(job, at)
            before = await desk.got(job)
            if sql != AMEND:
                foreign = given | {"id": job, "client": desk.rival}
                assert not await desk.jobs.try_change(sql, foreign), at
            assert await desk.got(job) == before
            assert await desk.jobs.try_change(sql, given | {"id": job}) is may, (at, sql)
            assert (await desk.got(job) != before) is may, (at, sql)


async def test_a_job_that_was_cancelled_is_nobodys_work_any_more(desk: Desk) -> None:
    job = await desk.claimed(await desk.stored())
    given = {"id": job.id, "client": desk.client, "now": NOW}
    assert await desk.jobs.try_change(CANCEL, given, [Step("cancelled", NOW)])
    kept = await desk.got(job.id)
    assert (kept.state, kept.code, kept.settled_at, kept.claim) == ("failed", "CANCELLED", NOW, None)
    assert [each.name for each in kept.steps] == ["accepted", "cancelled"]
    # The worker that had it must not write it.
    with pytest.raises(LostClaim):
        await desk.jobs.change(INTENT, job, (), now=NOW)
    assert await desk.jobs.claim(job.id, NOW + DAY) is None


async def test_a_job_that_is_done_again_begins_anew_with_its_old_request_or_a_new_one(desk: Desk) -> None:
    later = NOW + timedelta(hours=3)
    for request, kept_request in ((None, b"\0sealed\xff"), (b"changed", b"changed")):
        job_id = await desk.stored()
        job = await desk.claimed(job_id)
        await desk.jobs.change(INTENT, job, (), now=NOW)
        await desk.jobs.change(SETTLE, job, (), state="failed", code="NOT_IN_EHR", now=NOW, result=b"result")
        given = {"id": job_id, "client": desk.client, "now": later, "expires_at": later + DAY, "request": request}
        assert await desk.jobs.try_change(RETRY, given, [Step("retried", later)])
        kept = await desk.got(job_id)
        assert (kept.state, kept.code, kept.intent_at, kept.settled_at) == ("queued", None, None, None)
        assert (kept.sealed_request, kept.sealed_result, kept.expires_at) == (kept_request, None, later + DAY)
        assert kept.steps[-1] == Step("retried", later)
        assert await desk.jobs.claim(job_id, NOW) is None
        assert await desk.jobs.claim(job_id, later)


async def test_jobs_that_wait_for_a_person_go_on_when_the_account_does_or_when_they_expire(desk: Desk) -> None:
    waiting, other = await desk.stored(), await desk.stored(account="b")
    queued = await desk.stored(created_at=NOW + timedelta(hours=2))
    for each in (waiting, other):
        await desk.put(each, "waiting")
    soon = NOW + timedelta(minutes=1)
    assert await desk.jobs.due(soon, 10) == []
    async with desk.db.transaction() as tx:
        await desk.jobs.resume(tx, "a", soon)
    assert [each[0] for each in await desk.jobs.due(soon, 10)] == [waiting]
    assert await desk.jobs.claim(waiting, soon)
    assert await desk.jobs.claim(other, soon) is None
    assert await desk.jobs.claim(queued, soon) is None
    assert [each[0] for each in await desk.jobs.due(NOW + DAY, 10)] == [queued, other]


async def test_what_was_sent_to_an_org_lately_is_known(desk: Desk) -> None:
    assert await desk.jobs.sent_since("o", NOW) == []
    for at in ("queued", "sent", "refused by the session"):
        await desk.put(await desk.stored(at, account=at), at)
    old, new = await desk.stored("old"), await desk.stored("new")
    for job_id, settled in ((old, NOW), (new, NOW + timedelta(seconds=2))):
        job = await desk.claimed(job_id)
        await desk.jobs.change(INTENT, job, (), now=NOW)
        await desk.jobs.change(SETTLE, job, (), state="succeeded", code=None, now=settled, result=None)
    sent = {each.record_id: each for each in await desk.jobs.sent_since("o", NOW + timedelta(seconds=1))}
    assert {name: each.settled_at for name, each in sent.items()} == {"sent": None, "new": NOW + timedelta(seconds=2)}
    assert sent["new"].intent_at == NOW
    assert await desk.jobs.sent_since("p", NOW - DAY) == []


async def test_settled_jobs_are_first_erased_and_then_deleted_and_open_ones_stay(desk: Desk) -> None:
    done, late = await desk.stored(), await desk.stored(key_hash=b"key", request_hash=b"hash")
    opened, sent = await desk.stored(), await desk.stored()
    await desk.settle(done)
    await desk.settle(late, "failed", NOW + DAY)
    await desk.put(sent, "sent")
    for after, erased, deleted in ((1, [], []), (2, [done], []), (3, [done, late], []), (30, [late], [done])):
        await desk.jobs.prune(NOW + after * DAY, kept=30 * DAY, erased=2 * DAY)
        for each in {done, late, opened, sent} - {*deleted}:
            kept = await desk.got(each)
            assert (kept.sealed_request is None) is (each in erased), (after, each)
            assert kept.sealed_result is None or each not in erased
            assert kept.steps
        for each in deleted:
            assert await desk.jobs.get(desk.client, each) is None
    # A key is remembered as long as its job.
    assert await desk.jobs.of_key("a", [b"key"])
    await desk.jobs.prune(NOW + 400 * DAY, kept=30 * DAY, erased=2 * DAY)
    assert await desk.jobs.of_key("a", [b"key"]) is None
    assert (await desk.got(opened)).state == "queued" and (await desk.got(sent)).intent_at
