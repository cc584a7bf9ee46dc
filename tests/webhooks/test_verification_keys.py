"""The optional JWT of a delivery, as receivers verify it with the published keys."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault.signing import base64url
from cobalt_link.webhooks.verification_keys import AFTER, LEAD, LIFETIME, VerificationKeys
from tests.support.world import Shop
from tests.webhooks.receiver import receiving, record, register
from tests.webhooks.samples import Request, node_in, python_sample

HEADER = "cobalt-verification-jwt"
JWKS = "/.well-known/webhooks-jwks.json"


@pytest.fixture
def table(house: House) -> VerificationKeys:
    return VerificationKeys(house.db, DataKeys(house.db, house.deps.vault), house.deps.clock)


def python_at(clock: MovedClock) -> Any:
    """The sample of the page, on a machine whose clock is `clock`."""
    verify = python_sample("verify_jwt.py")
    verify.__globals__["time"] = SimpleNamespace(time=lambda: clock.now().timestamp())
    return verify


async def signed(table: VerificationKeys, clock: MovedClock, body: bytes = b'{"id":"e1"}') -> Request:
    return {HEADER: await table.sign("wh_1", body, clock.now())}, body


async def test_a_webhook_that_asks_for_it_gets_a_jwt_that_both_samples_accept(
    house: House, acme: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with receiving() as receiver, receiving() as plain:
        hook = await register(acme, receiver.url, jwt=True)
        other = await register(acme, plain.url)
        assert (hook["jwt"], other["jwt"]) == (True, False)
        assert (await register(acme, receiver.url))["jwt"] is True  # what is left out stays
        await record(house, acme, "task.created")
        (got,), (without,) = await receiver.gets(1), await plain.gets(1)
    assert HEADER not in without.headers and "webhook-signature" in got.headers
    answer = await acme.http.get(JWKS)  # nobody's credentials
    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = keys = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use", "created_at", "expired_at"}
    assert key["alg"] == "ES256" and key["expired_at"] is None and abs(key["created_at"] - time.time()) < 60

    ours = (keys, hook["id"], got.headers, got.body)
    header, payload, signature = got.headers[HEADER].split(".")
    wrong = [
        (keys, other["id"], got.headers, got.body),
        (keys, hook["id"], got.headers, got.body + b" "),
        ([{**key, "expired_at": int(time.time())}], hook["id"], got.headers, got.body),
        ([{**key, "kid": "another"}], hook["id"], got.headers, got.body),
        *(
            (keys, hook["id"], {HEADER: ".".join(parts)}, got.body)
            for parts in (
                (header, payload, signature[:-4] + "AAAA"),
                (header, payload, ""),
                (base64url(b'{"alg":"none","kid":"%b"}' % key["kid"].encode()), payload, ""),
                (header, base64url(b'{"iat":%d}' % time.time()), signature),
            )
        ),
    ]
    python, node = python_at(MovedClock()), await node_in(tmp_path_factory.mktemp("jwt"))
    assert python(*ours) and await node.accepts("verify_jwt.mjs", [ours]) == [True]
    assert [refused(python, each) for each in wrong] == [True] * len(wrong)
    assert await node.accepts("verify_jwt.mjs", wrong) == [False] * len(wrong)


def refused(verify: Any, request: Request) -> bool:
    try:
        return not verify(*request)
    except (ValueError, KeyError):
        return True


# S-076
async def test_no_receiver_with_kept_keys_refuses_a_delivery_while_the_key_rolls(
    table: VerificationKeys, clock: MovedClock, house: House
) -> None:
    verify, refusals, kids = python_at(clock), [], set()
    hourly: list[dict[str, Any]] = []
    fetched, known = clock.now() - LEAD, dict[str, dict[str, Any]]()
    end = clock.now() + 3 * LIFETIME
    while clock.now() < end:
        await table.upkeep()
        headers, body = await signed(table, clock)
        clock.move(timedelta(seconds=15))  # on the way
        kids.add(kid := kid_of(headers[HEADER]))
        # One receiver fetches the keys once an hour. Another one keeps each key until it meets one that it lacks.
        if clock.now() - fetched >= timedelta(minutes=55):
            hourly, fetched = await table.published(), clock.now()
        if kid not in known:
            known = {each["kid"]: each for each in await table.published()}
        refusals += [clock.now() for keys in (hourly, list(known.values())) if not verify(keys, "wh_1", headers, body)]
        young = min(clock.now().timestamp() - each["created_at"] for each in await table.published())
        clock.move(timedelta(minutes=5) if young < 3 * 3600 else timedelta(hours=20))
    assert len(kids) == 3 and refusals == []

    # What has expired counts no more, nor does a JWT of six minutes ago.
    headers, body = await signed(table, clock)
    assert verify(await table.published(), "wh_1", headers, body)
    await table.roll()
    clock.move(LEAD + AFTER)
    assert not verify(await table.published(), "wh_1", headers, body)
    rows = await house.db.rows("SELECT kid FROM webhook_keys WHERE sealed_private IS NOT NULL")
    await table.upkeep()
    left = await house.db.rows("SELECT kid FROM webhook_keys WHERE sealed_private IS NOT NULL")
    assert len(rows) == 2 and [row["kid"] for row in left] == [(await table.published())[0]["kid"]]
    headers, body = await signed(table, clock)
    clock.move(timedelta(minutes=6))
    assert not verify(await table.published(), "wh_1", headers, body)


async def test_after_a_leak_the_former_keys_end_at_once(table: VerificationKeys, clock: MovedClock) -> None:
    verify = python_at(clock)
    before = await signed(table, clock)
    kid = await table.roll(at_once=True)
    after = await signed(table, clock)
    keys = await table.published()
    assert kid_of(after[0][HEADER]) == kid == keys[0]["kid"] != kid_of(before[0][HEADER])
    assert verify(keys, "wh_1", *after) and not verify(keys, "wh_1", *before)


def kid_of(jwt: str) -> str:
    head = jwt.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
