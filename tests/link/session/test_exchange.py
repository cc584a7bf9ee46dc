"""The exchange: only once, only for the client of the session, and again for a retry with the same Idempotency-Key."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session import events
from cobalt_link.link.session.exchange import Exchanges, InvalidPublicToken, KeyReused
from cobalt_link.link.session.session import EndedSession
from tests.api.tables import differences, everything
from tests.support.text_browser import public_token_by_http
from tests.support.world import Shop, connected


async def a_public_token(house: House, app: Shop, **wanted: str) -> str:
    async with connected(house) as http:
        return await public_token_by_http(http, await app.link_token(**wanted))


async def refused(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


async def test_a_public_token_is_exchanged_once_for_ever(house: House, acme: Shop) -> None:  # S-002
    token = await a_public_token(house, acme)
    assert (await acme.exchange(token)).status_code == 200
    for _ in range(3):
        assert await refused(await acme.exchange(token)) == (400, "invalid_public_token")


async def test_it_lives_thirty_minutes_to_the_second(house: House, acme: Shop, clock: MovedClock) -> None:  # S-002
    late, in_time = await a_public_token(house, acme), await a_public_token(house, acme, user_id="user-2")
    clock.move(timedelta(minutes=30, seconds=-1))
    assert (await acme.exchange(in_time)).status_code == 200
    clock.move(timedelta(seconds=2))
    assert await refused(await acme.exchange(late)) == (400, "invalid_public_token")


async def test_the_same_key_gets_the_same_token_for_a_day(house: House, acme: Shop, clock: MovedClock) -> None:  # S-011
    token = await a_public_token(house, acme)
    first = (await acme.exchange(token, "order-1")).json()
    clock.move(timedelta(hours=23, minutes=59))
    again = await acme.exchange(token, "order-1")
    assert again.json() == first
    clock.move(timedelta(minutes=2))
    assert await refused(await acme.exchange(token, "order-1")) == (400, "invalid_public_token")


async def test_a_key_that_came_with_another_token_is_refused_and_burns_nothing(house: House, acme: Shop) -> None:
    first, second = await a_public_token(house, acme), await a_public_token(house, acme, user_id="user-2")
    assert (await acme.exchange(first, "order-1")).status_code == 200
    assert await refused(await acme.exchange(second, "order-1")) == (422, "idempotency_key_reused")
    assert (await acme.exchange(second, "order-2")).status_code == 200


async def test_two_clients_may_use_one_idempotency_key(house: House, acme: Shop, rival: Shop) -> None:
    ours, connector_texts = await a_public_token(house, acme), await a_public_token(house, rival)
    answers = await asyncio.gather(acme.exchange(ours, "order-1"), rival.exchange(connector_texts, "order-1"))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["token"] != answers[1].json()["token"]


@pytest.fixture
def exchanges(house: House) -> Exchanges:
    link = next(room for _, room in house.link.routes if hasattr(room, "exchange"))
    return link._exchanges  # type: ignore[attr-defined]


@pytest.mark.parametrize("thief_first", [True, False])
async def test_a_thief_in_the_same_group_neither_gets_the_token_nor_burns_it(
    house: House, acme: Shop, rival: Shop, exchanges: Exchanges, thief_first: bool
) -> None:  # S-004
    token = await a_public_token(house, acme)
    callers = [rival.record, acme.record] if thief_first else [acme.record, rival.record]
    requests = [exchanges._request(each.id, each.env, token, None) for each in callers]
    async with house.db.transaction() as tx:
        answers = dict(zip((each.name for each in callers), await exchanges._write(tx, requests), strict=True))
    assert answers["Rival Notes"] is InvalidPublicToken
    assert isinstance(answers["Acme Scribe"], str)


async def test_one_token_asked_for_three_times_in_one_group_is_won_once(
    house: House, acme: Shop, exchanges: Exchanges
) -> None:  # S-010
    token = await a_public_token(house, acme)
    requests = [exchanges._request(acme.record.id, acme.record.env, token, None) for _ in range(3)]
    async with house.db.transaction() as tx:
        answers = await exchanges._write(tx, requests)
    assert isinstance(answers[0], str) and answers[1:] == [InvalidPublicToken] * 2


async def test_one_key_asked_for_three_times_in_one_group_is_answered_alike(
    house: House, acme: Shop, exchanges: Exchanges
) -> None:  # S-011
    token = await a_public_token(house, acme)
    requests = [exchanges._request(acme.record.id, acme.record.env, token, "order-1") for _ in range(3)]
    async with house.db.transaction() as tx:
        answers = await exchanges._write(tx, requests)
    assert isinstance(answers[0], str) and len(set(answers)) == 1


async def test_one_key_with_two_tokens_in_one_group_burns_only_the_first(
    house: House, acme: Shop, exchanges: Exchanges
) -> None:
    tokens = [await a_public_token(house, acme, user_id=f"user-{n}") for n in (1, 2)]
    requests = [exchanges._request(acme.record.id, acme.record.env, each, "order-1") for each in tokens]
    async with house.db.transaction() as tx:
        answers = await exchanges._write(tx, requests)
    assert isinstance(answers[0], str) and answers[1] is KeyReused
    assert (await acme.exchange(tokens[1])).status_code == 200


async def test_a_retry_that_overtakes_the_commit_of_the_first_still_gets_its_token(
    house: House, acme: Shop, exchanges: Exchanges
) -> None:  # S-011
    token = await a_public_token(house, acme)
    one, two = (exchanges._request(acme.record.id, acme.record.env, token, "order-1") for _ in range(2))
    async with house.db.transaction() as tx:
        first = await exchanges._write(tx, [one])
        # The retry has looked for a kept answer before this commit, and waits for the link session's row.
        retry = asyncio.create_task(acme.exchange(token, "order-1"))
        await until_blocked(house)
    assert (await retry).json()["token"] == first[0]
    async with house.db.transaction() as tx:
        assert await exchanges._write(tx, [two]) == first


async def test_an_event_that_is_noted_while_an_exchange_waits_for_the_row_stays_in_order(
    house: House, acme: Shop
) -> None:
    link = await acme.link_token()
    async with connected(house) as http:
        token = await public_token_by_http(http, link)
    async with house.db.transaction() as tx:
        held = await (await tx.execute("SELECT id, link_token FROM link_sessions FOR UPDATE")).fetchone()
        assert held is not None
        exchange = asyncio.create_task(acme.exchange(token))
        # It has counted the events by now, and counts them again once it has the row.
        await until_blocked(house)
        await events.note(tx, EndedSession(**held), "handed_over", house.deps.clock.now())
    assert (await exchange).status_code == 200
    noted = (await acme.session(link))["events"]
    assert [each["seq"] for each in noted] == list(range(1, len(noted) + 1))
    assert [each["name"] for each in noted][-2:] == ["handed_over", "exchanged"]


async def test_the_two_public_tokens_of_one_link_session_are_worth_one_access_token(house: House, acme: Shop) -> None:
    link = await acme.link_token()
    async with connected(house) as http:
        by_browser = await public_token_by_http(http, link)
    by_server = (await acme.session(link))["public_token"]
    answers = await asyncio.gather(acme.exchange(by_browser), acme.exchange(by_server))
    assert sorted(answer.status_code for answer in answers) == [200, 400]


async def test_update_mode_answers_with_the_same_token_and_then_forgets_it(house: House, acme: Shop) -> None:
    access_token = (await acme.exchange(await a_public_token(house, acme))).json()["token"]
    public = await a_public_token(house, acme, access_token=access_token)
    sealed = "SELECT count(*) AS n FROM link_tokens WHERE sealed_access_token IS NOT NULL"
    assert await house.db.one(sealed) == {"n": 1}
    assert (await acme.exchange(public)).json()["token"] == access_token
    assert await house.db.one(sealed) == {"n": 0}
    accounts = await acme.call("GET", "/v1/accounts", access_token=access_token)
    assert len(accounts.json()["accounts"]) == 1


async def test_an_account_that_was_disconnected_before_the_exchange_gives_no_token(house: House, acme: Shop) -> None:
    token = await a_public_token(house, acme)
    account = (await acme.call("GET", "/v1/accounts")).json()["accounts"][0]["id"]
    assert (await acme.call("DELETE", f"/v1/accounts/{account}")).status_code == 200
    before = await everything(house.db)
    for key in (None, "order-1"):
        assert await refused(await acme.exchange(token, key)) == (400, "invalid_public_token")
    # It is refused like any other token, and not marked as exchanged.
    assert differences(before, await everything(house.db)).keys() <= {"procrastinate_workers"}


async def until_blocked(house: House) -> None:
    """Until some statement waits for a lock."""
    waiting = (
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while (await house.db.one(waiting) or {})["n"] == 0:
            await asyncio.sleep(0.005)
