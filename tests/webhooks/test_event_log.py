"""The log of events: for apps that poll, and for people who look for what went wrong (contract §5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.database import Database
from cobalt_link.store.partitions import LIST
from tests.net.wires import plain
from tests.support.world import Shop
from tests.webhooks.receiver import linked, receiving, record, register, settled, waiting, webhooks

D2 = {
    "id", "access_token_reference_id", "object", "created", "type", "job_id", "status", "delivered",
    "delivery_attempts", "last_delivery_attempt", "response_status_code", "data",
}  # fmt: skip
D3 = {
    "event_id", "event_type", "webhook_url", "delivery_status", "data", "created_at", "job_id",
    "access_token_reference_id",
}  # fmt: skip


async def log(shop: Shop, token: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    answer = await shop.call("GET", "/v1/webhook-events", access_token=token, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["webhook_events"], answer.json()["pagination"]


# Contract §5.2, and §9 rows 19, 24, and 25.
async def test_an_event_has_the_keys_of_both_versions_and_every_attempt(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    who = await linked(acme)
    async with receiving(plain(b"", "503 Service Unavailable")) as receiver:
        hook = await register(acme, receiver.url)
        said = {"account": who["account"], "reference": "dr-ann", "job_id": 77, "data": {"task_id": "t1"}}
        (event,) = await record(house, acme, "task.created", **said)
        await receiver.gets(1)
        await settled(house)
        ((pending,), pagination) = await log(acme, who["access_token"])
        assert pending.keys() >= D2 | D3
        assert pagination == {"current_page": 1, "total_pages": 1, "total_count": 1, "page_size": 50}
        assert pending["id"] == pending["event_id"] == event
        assert pending["type"] == pending["event_type"] == "task.created"
        assert pending["job_id"] == pending["job_execution_id"] == "77" and pending["object"] == "event"
        assert pending["created"] == pending["created_at"] and pending["data"] == {"task_id": "t1"}
        assert pending["access_token_reference_id"] == "dr-ann" and pending["webhook_url"] == receiver.url
        assert pending["status"] == pending["delivery_status"] == "pending" and pending["delivered"] is False
        assert (pending["delivery_attempts"], pending["response_status_code"]) == (1, 503)
        receiver.answers = plain(b"ok")
        clock.move(timedelta(seconds=6))
        await house.webhooks.deliveries.sweep()
        await receiver.gets(2)
        await settled(house)
    ((done,), _) = await log(acme, who["access_token"], status="success")
    assert (done["delivery_status"], done["delivered"], done["delivery_attempts"]) == ("success", True, 2)
    first, second = done["deliveries"]
    assert (first["webhook_attempt"], first["response_status_code"], first["delivered"]) == (1, 503, False)
    assert (second["webhook_attempt"], second["response_status_code"], second["delivered"]) == (2, 200, True)
    assert second["webhook_id"] == hook["id"] and second["duration_ms"] >= 0 and second["error"] is None
    assert done["last_delivery_attempt"] == second["at"]


async def test_filters_pages_and_order(house: House, acme: Shop, rival: Shop, clock: MovedClock) -> None:
    who, other = await linked(acme), await linked(rival)
    token, account = who["access_token"], {"account": who["account"]}
    nothing = {"current_page": 1, "total_pages": 0, "total_count": 0, "page_size": 50}
    assert await log(acme, token) == ([], nothing)
    ids: list[str] = []
    for day in range(3):
        ids += await record(house, acme, "task.created", job_id=day, **account)
        ids += await record(house, acme, "task.failed", **account)
        clock.move(timedelta(days=1))
    await record(house, rival, "task.created", account=other["account"], job_id=0)

    async def found(**query: Any) -> list[str]:
        return [each["id"] for each in (await log(acme, token, **query))[0]]

    assert await found() == ids[::-1] and await found(sort="created_at") == ids
    assert await found(event_type="task.failed") == ids[5::-2]
    assert await found(job_id="1") == [ids[2]] == await found(job_execution_id="1")
    for unknown in ("01", "1.0", "x", "99999999999999999999"):
        assert await found(job_id=unknown) == []
    assert await found(page=2, page_size=4) == ids[1::-1]
    assert (await log(acme, token, page=2, page_size=4))[1] == {
        "current_page": 2, "total_pages": 2, "total_count": 6, "page_size": 4,
    }  # fmt: skip
    assert await found(page=9) == [] and (await log(acme, token, page=9))[1]["total_count"] == 6
    today = (clock.now() - timedelta(days=3)).date()
    assert (
        await found(start_date=str(today + timedelta(days=1)), end_date=str(today + timedelta(days=1))) == ids[3:1:-1]
    )
    assert await found(start_date="0001-01-01", end_date="9999-12-31") == ids[::-1]
    for refused in ({"page_size": 101}, {"sort": "type"}, {"delivery_status": "lost"}, {"start_date": "yesterday"}):
        answer = await acme.call("GET", "/v1/webhook-events", access_token=token, params=refused)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), refused
    # Nobody took them, so they were neither delivered nor not. That is what an app that only polls sees.
    assert {each["delivery_status"] for each in (await log(acme, token))[0]} == {None}
    assert await found(delivery_status="failed") == []


async def test_the_events_of_a_job_begin_with_its_last_one(house: House, acme: Shop) -> None:
    who = await linked(acme)
    both = await record(house, acme, "appointment.failed", "appointment.created", account=who["account"], job_id=5)
    events, _ = await log(acme, who["access_token"], job_id="5")
    assert [each["id"] for each in events] == both[::-1]


async def test_failed_means_that_a_webhook_will_never_get_it(house: House, acme: Shop) -> None:
    who = await linked(acme)
    async with receiving() as good, receiving(plain(b"", "400 Bad Request")) as bad:
        await register(acme, good.url)
        hook = await register(acme, bad.url)
        (event,) = await record(house, acme, "task.created", account=who["account"])
        await bad.gets(1)
        await settled(house)
        ((shown,), _) = await log(acme, who["access_token"], delivery_status="failed")
        assert (shown["id"], shown["delivered"], len(shown["deliveries"])) == (event, False, 2)

        bad.answers = plain(b"ok")
        answer = await acme.call("POST", f"/v1/webhook-events/{event}/redeliver", json={"webhook_id": hook["id"]})
        assert answer.json() | {"success": True, "event_id": event, "webhooks": 1} == answer.json()
        again = (await bad.gets(2))[1]
        await settled(house)
        assert again.id == event and again.headers["webhook-attempt"] == "2" and len(good.got) == 1
        ((shown,), _) = await log(acme, who["access_token"])
        assert shown["delivery_status"] == "success"
        await acme.call("DELETE", f"/v1/webhook/{hook['id']}")
        ((shown,), _) = await log(acme, who["access_token"])
        assert {each["webhook_url"] for each in shown["deliveries"]} == {good.url, None}


async def test_another_client_can_neither_read_nor_repeat_an_event(house: House, acme: Shop, rival: Shop) -> None:
    who, other = await linked(acme), await linked(rival)
    async with receiving() as receiver, receiving() as theirs:
        await register(acme, receiver.url)
        await register(rival, theirs.url)
        (event,) = await record(house, acme, "task.created", account=who["account"])
        await receiver.gets(1)
        assert (await log(rival, other["access_token"]))[0] == []
        answer = await rival.call("POST", f"/v1/webhook-events/{event}/redeliver")
        assert (answer.status_code, answer.json()["error"]) == (404, "webhook_event_not_found")
        hook = (await webhooks(acme))[0]["id"]
        replay = {"start": "2020-01-01T00:00:00Z"}
        answer = await rival.call("POST", "/v1/webhook-events/replay", json=replay)
        assert answer.json()["deliveries"] == 0
        answer = await rival.call("POST", "/v1/webhook-events/replay", json={**replay, "webhook_id": hook})
        assert answer.json()["error"] == "webhook_not_found"
        await settled(house)
        assert (len(receiver.got), len(theirs.got)) == (1, 0)


async def test_a_replay_needs_a_range(acme: Shop) -> None:
    first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    for wrong in ({}, {"start": "2026-01-02"}, {"start": second[:-1]}, {"start": second, "end": first}):
        assert (await acme.call("POST", "/v1/webhook-events/replay", json=wrong)).status_code == 400, wrong


# S-098
async def test_events_and_attempts_are_erased_after_the_days_that_are_set(
    house: House, acme: Shop, clock: MovedClock, db: Database
) -> None:
    async with receiving() as receiver:
        await register(acme, receiver.url, event_types=["task.created"])
        await record(house, acme, "task.created")
        await receiver.gets(1)
        receiver.answers = plain(b"", "500 Internal Server Error")
        await record(house, acme, "task.created")
        await receiver.gets(2)
        await settled(house)
        days = house.settings.retention_days
        clock.move(timedelta(days=days - 1))
        await prune(house)
        events, tries, left = await counts(db)
        assert events == 2 and tries >= 2 and left == 1  # it may have been tried again by now
        clock.move(timedelta(days=4))
        await prune(house)
        assert await counts(db) == (0, 0, 0)
        # What falls into no day that has a partition is erased too.
        clock.move(timedelta(days=400))
        await record(house, acme, "task.failed", "task.created", wake=False)
        clock.move(timedelta(days=days + 2))
        await prune(house)
        assert await counts(db) == (0, 0, 0) and await waiting(house) == 0
        names = [row["name"] for row in await db.rows(LIST, ("webhook_events",))]
        assert f"webhook_events_{clock.now():%Y%m%d}" in {name.rpartition("_")[0] for name in names}


async def prune(house: House) -> None:
    for chore in house.webhooks.chores:
        if "pruning" in chore.name:
            await chore.work()


async def counts(db: Database) -> tuple[int, int, int]:
    """Of events, attempts, and deliveries that wait."""
    row = await db.one("""
        SELECT (SELECT count(*) FROM webhook_events) AS events, (SELECT count(*) FROM webhook_tries) AS tries,
               (SELECT count(*) FROM webhook_outbox) AS waiting""")
    assert row is not None
    return row["events"], row["tries"], row["waiting"]
