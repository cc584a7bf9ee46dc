"""Events reach real receivers, and come again while those fail."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.webhooks.endpoints import Endpoint
from cobalt_link.webhooks.events import DELIVER, Event
from cobalt_link.webhooks.schedule import DELAYS
from cobalt_link.webhooks.sender import TIMEOUT, WebhookSender
from cobalt_link.webhooks.signing import WebhookSecret
from tests.net.wires import listening, plain
from tests.support.world import Shop
from tests.webhooks.receiver import (
    OK,
    linked,
    receiving,
    record,
    register,
    settled,
    until,
    waiting,
    webhooks,
)  # fmt: skip

BROKEN = plain(b"no", "500 Internal Server Error")


async def attempts(house: House, event: str) -> list[tuple[int, int | None, str | None]]:
    rows = await house.db.rows("SELECT * FROM webhook_tries WHERE event = %s ORDER BY endpoint, number", (event,))
    return [(row["number"], row["status"], row["error"]) for row in rows]


# Contract §6.2 and §6.3.
async def test_envelopes_have_every_documented_key(house: House, acme: Shop) -> None:
    async with receiving() as receiver:
        await register(acme, receiver.url)
        said = {"reference": "dr-ann", "data": {"task_id": "t1", "amount": 2.0}}
        await record(house, acme, "task.created", job_id=12345, **said)
        await record(house, acme, "appointment.updated", **said)
        await record(house, acme, "patient.live_fetch_completed", job_id=7, live_fetch=True, user_id="u1", **said)
        got = {each.json["type"]: each for each in await receiver.gets(3)}
    operation = got["task.created"]
    time = operation.json["created"]
    assert datetime.fromisoformat(time).tzinfo == UTC and time.endswith("Z") and len(time) == 24
    assert operation.body == (
        b'{"id":"%b","access_token_reference_id":"dr-ann","object":"event","created":"%b","type":"task.created",'
        b'"job_id":"12345","job_execution_id":"12345","data":{"task_id":"t1","amount":2}}'
    ) % (operation.id.encode(), time.encode())
    assert operation.headers["content-type"] == "application/json" and operation.headers["webhook-attempt"] == "1"
    assert abs(int(operation.headers["webhook-timestamp"]) - house.deps.clock.now().timestamp()) < 60
    assert got["appointment.updated"].json.keys() == {
        "id", "access_token_reference_id", "object", "created", "type", "data",
    }  # fmt: skip
    fetched = got["patient.live_fetch_completed"].json
    assert fetched.keys() == {
        "id", "access_token_reference_id", "user_id", "job_id", "job_execution_id", "timestamp", "type", "action",
        "data",
    }  # fmt: skip
    assert (fetched["job_id"], fetched["user_id"], fetched["action"]) == ("7", "u1", "sync")


async def test_an_endpoint_made_so_gets_iso_timestamps_and_thin_payloads(house: House, acme: Shop) -> None:
    # S-065, S-075
    async with receiving() as receiver:
        await register(acme, receiver.url, timestamps="iso", payload="thin")
        await record(house, acme, "task.created", data={"task_id": "t1", "subject": "Call Jane Roe"})
        (request,) = await receiver.gets(1)
    assert request.json["data"] == {"task_id": "t1"}
    assert datetime.fromisoformat(request.headers["webhook-timestamp"]) > datetime.now(UTC) - timedelta(minutes=1)


# S-067, S-068
async def test_ten_attempts_have_one_id_and_ten_timestamps(house: House, acme: Shop, clock: MovedClock) -> None:
    async with receiving(BROKEN) as receiver:
        await register(acme, receiver.url)
        (event,) = await record(house, acme, "task.created")
        for number in range(1, 11):
            await receiver.gets(number)
            await settled(house)
            assert len(receiver.got) == number
            if number <= len(DELAYS):
                clock.move(DELAYS[number - 1] * 1.1)
                await house.webhooks.deliveries.sweep()
        assert await waiting(house) == 0
    got = receiver.got
    assert {each.id for each in got} == {event} and len({each.body for each in got}) == 1
    assert len({each.headers["webhook-timestamp"] for each in got}) == 10
    assert [each.headers["webhook-attempt"] for each in got] == [str(number) for number in range(1, 11)]
    assert await attempts(house, event) == [(number, 500, None) for number in range(1, 11)]


async def test_nothing_is_tried_before_its_time(house: House, acme: Shop, clock: MovedClock) -> None:
    async with receiving(BROKEN) as receiver:
        await register(acme, receiver.url)
        await record(house, acme, "task.created")
        await receiver.gets(1)
        await settled(house)
        clock.move(timedelta(seconds=4))  # a second before; the wait itself takes real time as well
        await house.webhooks.deliveries.sweep()
        await settled(house)
        assert len(receiver.got) == 1
        receiver.answers = OK
        clock.move(timedelta(seconds=2))
        await house.webhooks.deliveries.sweep()
        await receiver.gets(2)
        await settled(house)
        (hook,) = await webhooks(acme)
        assert hook["failing_since"] is None and await waiting(house) == 0


# S-069
async def test_redirects_are_not_followed_and_other_refusals_are_final(house: House, acme: Shop) -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        await register(acme, receiver.url)
        receiver.answers = plain(b"", "307 Temporary Redirect", location=elsewhere.url)
        (moved,) = await record(house, acme, "task.created")
        await receiver.gets(1)
        await settled(house)
        assert await waiting(house) == 1 and elsewhere.wire.connects == 0
        receiver.answers = plain(b"", "422 Unprocessable Content")
        (refused,) = await record(house, acme, "task.created")
        await receiver.gets(2)
        await settled(house)
        assert await waiting(house) == 1
    assert await attempts(house, moved) == [(1, 307, None)] and await attempts(house, refused) == [(1, 422, None)]


async def test_410_disables_and_the_other_webhooks_are_told(house: House, acme: Shop) -> None:
    async with receiving(plain(b"", "410 Gone")) as gone, receiving() as other:
        hook = await register(acme, gone.url, event_types=["task.created"])
        await register(acme, other.url, event_types=["endpoint.disabled"])
        await record(house, acme, "task.created")
        (told,) = await other.gets(1)
        assert told.json["data"] | {"webhook_id": hook["id"], "reason": "gone"} == told.json["data"]
        shown = (await webhooks(acme))[0]
        assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone") and shown["disabled_at"]
        await record(house, acme, "task.created")
        await settled(house)
        assert len(gone.got) == 1 and await waiting(house) == 0
        # Registering it again enables it.
        gone.answers = OK
        assert (await register(acme, gone.url))["state"] == "enabled"
        await record(house, acme, "task.created")
        await gone.gets(2)


async def test_a_throttled_endpoint_gets_nothing_until_it_wants_more(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    async with receiving(plain(b"", "429 Too Many Requests", retry_after="600")) as receiver:
        await register(acme, receiver.url)
        await record(house, acme, "task.created")
        await receiver.gets(1)
        await settled(house)
        await record(house, acme, *["task.created"] * 5)
        clock.move(timedelta(minutes=9))
        await house.webhooks.deliveries.sweep()
        await asyncio.sleep(0.3)
        assert len(receiver.got) == 1
        receiver.answers = OK
        clock.move(timedelta(minutes=2))
        await house.webhooks.deliveries.sweep()
        await receiver.gets(7)


async def no_jwt(webhook: str, body: bytes, at: datetime) -> str:
    raise AssertionError("Nobody asked for a JWT.")


def endpoint(url: str) -> Endpoint:
    return Endpoint(
        id="wh_1", client="c", url=url, secret=WebhookSecret.new(), former=None, former_until=None, event_types=None,
        timestamps="unix", payload="full", state="enabled", disabled_reason=None, disabled_at=None, failing_since=None,
        created_at=datetime.now(UTC),
    )  # fmt: skip


# S-069, S-072
async def test_a_receiver_that_never_answers_is_left_after_the_time_out(clock: MovedClock) -> None:
    assert 15 <= TIMEOUT <= 30

    async def silent(_: bytes) -> bytes:
        await asyncio.sleep(60)
        return OK

    http = Http(allow_private=True, timeout=0.3)
    async with listening(silent) as wire:
        answer = await WebhookSender(http, clock, no_jwt).send(endpoint(wire.url), "e1", b"{}", 1)
        assert (answer.status, answer.error, answer.delivered) == (None, "timed_out", False)
    await http.close()


@pytest.mark.parametrize("head", ["200 OK", "500 Internal Server Error"])
async def test_the_status_counts_and_not_a_body_that_drips_or_never_ends(head: str, clock: MovedClock) -> None:
    http, connections = Http(allow_private=True, timeout=TIMEOUT, max_body=64 * 1024), []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        request = await reader.readuntil(b"\r\n\r\n")
        flood = b"flood" in request
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: 100000000\r\n\r\n".encode())
        try:
            while True:
                writer.write(b"x" * (100_000 if flood else 1))
                await writer.drain()
                await asyncio.sleep(0 if flood else 0.1)
        except OSError:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    began = time.monotonic()
    slow, flood = await asyncio.gather(
        *(
            WebhookSender(http, clock, no_jwt).send(endpoint(f"{url}/{path}"), "e1", b"{}", 1)
            for path in ("drip", "flood")
        )
    )
    assert slow.status == flood.status == int(head[:3]) and slow.error is None
    assert time.monotonic() - began < 5  # seconds; the drip alone would take months
    await until(lambda: all(each.is_closing() for each in connections))
    server.close()
    await http.close()


# S-073
async def test_the_guard_looks_again_at_each_attempt(clock: MovedClock) -> None:
    async with receiving() as receiver:
        answers = ["93.184.215.14", "127.0.0.1", "169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"]

        async def resolve(host: str, port: int) -> list[str]:
            return [answers[0]]

        http = Http(resolve=resolve, timeout=2)
        await http.check("https://rebound.example.com/")
        for address in answers[1:]:
            answers[0] = address
            url = f"https://rebound.example.com:{receiver.wire.port}/hooks"
            answer = await WebhookSender(http, clock, no_jwt).send(endpoint(url), "e1", b"{}", 1)
            assert (answer.status, answer.error) == (None, "address_refused"), address
        assert receiver.wire.connects == 0
        await http.close()


async def test_events_of_a_disconnected_account_cannot_be_read_or_delivered(house: House, acme: Shop) -> None:
    async with receiving(BROKEN) as receiver:
        who = await linked(acme)
        await register(acme, receiver.url, event_types=["task.*", "account.disconnected"])
        (of_account,) = await record(house, acme, "task.created", account=who["account"], data={"task_id": "canary"})
        await receiver.gets(1)
        await settled(house)
        receiver.answers = OK
        answer = await acme.call("DELETE", f"/v1/accounts/{who['account']}")
        assert answer.status_code == 200, answer.text
        (of_client,) = await record(house, acme, "account.disconnected", data={"account_id": who["account"]})
        late = await record(house, acme, "task.failed", account=who["account"], data={"task_id": "canary"})
        assert (await acme.call("POST", f"/v1/webhook-events/{of_account}/redeliver")).status_code == 200
        await receiver.gets(2)
        await settled(house)
        assert [each.id for each in receiver.got] == [of_account, of_client]
        assert (await attempts(house, of_account))[1:] == [(2, None, "payload_erased")]
        sealed = await house.db.one("SELECT sealed_payload FROM webhook_events WHERE id = %s", (late[0],))
        assert sealed == {"sealed_payload": None}
        again = await acme.call("POST", f"/v1/webhook-events/{late[0]}/redeliver")
        assert (again.status_code, again.json()["error"]) == (409, "no_webhook_takes_it")


# S-070
async def test_after_five_days_of_failure_an_endpoint_is_disabled_and_a_replay_restores_all_in_order(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    start = clock.now()
    async with receiving(BROKEN) as receiver, receiving() as other:
        hook = await register(acme, receiver.url, event_types=["task.*"])
        await register(acme, other.url, event_types=["endpoint.disabled"])
        ids = []
        while hook["state"] == "enabled":
            assert clock.now() < start + timedelta(days=5, hours=7)
            ids += await record(house, acme, "task.created", "task.failed")
            await settled(house)
            hook = (await webhooks(acme))[0]
            failing_since = datetime.fromisoformat(hook["failing_since"])
            clock.move(timedelta(hours=6))
        assert hook["disabled_reason"] == "failing"
        assert datetime.fromisoformat(hook["disabled_at"]) - failing_since >= timedelta(days=5)
        assert (await other.gets(1))[0].json["data"]["reason"] == "failing"
        ids += await record(house, acme, "task.created")  # not sent, but recorded
        await settled(house)
        clock.move(timedelta(minutes=1))

        receiver.answers, before = OK, len(receiver.got)
        await register(acme, receiver.url)
        replay = {"start": start.isoformat(), "end": clock.now().isoformat(), "undelivered_only": True}
        answer = (await acme.call("POST", "/v1/webhook-events/replay", json=replay)).json()
        assert answer == {"success": True, "deliveries": len(ids), "next": None}
        await receiver.gets(before + len(ids))
        await settled(house)
        assert [each.id for each in receiver.got[before:]] == ids


async def test_a_replay_waits_for_an_event_that_fails_and_keeps_its_order(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    async with receiving() as receiver:
        await register(acme, receiver.url)
        ids = await record(house, acme, *["task.created"] * 6)
        await receiver.gets(6)
        await settled(house)
        clock.move(timedelta(seconds=1))
        receiver.answers = lambda request: BROKEN if ids[2].encode() in request else OK
        await acme.call("POST", "/v1/webhook-events/replay", json={"start": "2020-01-01T00:00:00Z"})
        await receiver.gets(9)
        await settled(house)
        assert [each.id for each in receiver.got[6:]] == ids[:3] and await waiting(house) == 4
        receiver.answers = OK
        clock.move(timedelta(seconds=6))
        await house.webhooks.deliveries.sweep()
        await receiver.gets(13)
        assert [each.id for each in receiver.got[9:]] == ids[2:]
        undelivered = {"start": "2020-01-01T00:00:00Z", "undelivered_only": True}
        answer = await acme.call("POST", "/v1/webhook-events/replay", json=undelivered)
        assert answer.json()["deliveries"] == 0


async def test_a_failure_weeks_after_the_last_one_is_a_new_beginning(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    async with receiving(plain(b"", "400 Bad Request")) as receiver:
        await register(acme, receiver.url)
        for number in range(1, 3):
            await record(house, acme, "task.created")
            await receiver.gets(number)
            await settled(house)
            (hook,) = await webhooks(acme)
            assert hook["state"] == "enabled"
            assert clock.now() - datetime.fromisoformat(hook["failing_since"]) < timedelta(minutes=5)
            clock.move(timedelta(days=20))


async def test_a_process_that_does_not_work_wakes_a_worker_by_one_job(house: House) -> None:
    client, _ = await house.developers.clients.create("Acme Scribe", test=True)
    async with house.db.transaction() as tx:
        await house.webhooks.events.record(tx, Event(type="task.created", data={}, client=client.id))
    for _ in range(20):
        house.webhooks.events.wake()
    jobs = "SELECT task_name FROM procrastinate_jobs"
    while not (found := await house.db.rows(jobs)):
        await asyncio.sleep(0.01)
    assert [row["task_name"] for row in found] == [DELIVER]


async def test_what_is_rolled_back_is_not_sent(house: House, acme: Shop) -> None:
    async with receiving() as receiver:
        await register(acme, receiver.url)
        async with house.db.transaction() as tx:
            event = Event(type="task.created", data={"task_id": "lost"}, client=acme.record.id)
            await house.webhooks.events.record(tx, event)
            raise psycopg.Rollback
        await record(house, acme, "task.created", data={"task_id": "kept"})
        (request,) = await receiver.gets(1)
        assert request.json["data"] == {"task_id": "kept"}


async def test_a_disabled_client_gets_nothing_until_it_is_enabled_again(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    async with receiving() as receiver:
        await register(acme, receiver.url)
        await house.developers.clients.disable(acme.record)
        await asyncio.sleep(1)  # within this, every process knows it
        (event,) = await record(house, acme, "task.created")
        await settled(house)
        assert await attempts(house, event) == [(1, None, "client_disabled")] and receiver.got == []
        await house.developers.clients.enable(acme.record)
        await asyncio.sleep(1)
        (hook,) = await webhooks(acme)
        assert hook["state"] == "enabled" and hook["failing_since"] is None  # the receiver did nothing wrong
        clock.move(DELAYS[0] * 1.2)
        (got,) = await receiver.gets(1)
    assert got.id == event
