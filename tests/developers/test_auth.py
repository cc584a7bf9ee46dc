import asyncio
import statistics
import time
from datetime import datetime, timedelta
from functools import partial

import pytest

from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.developers.short_cache import FRESH
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized
from tests.developers.conftest import App
from tests.support.proof import TIMED_CALLS


def sent(client: Client, secret: str) -> CallerCredentials:
    return CallerCredentials(client_id=client.client_id, client_secret=secret)


async def test_the_right_pair_names_its_client(callers: Callers, acme: App, rival: App) -> None:
    assert (await callers.authenticate(sent(*acme))).id == acme[0].id
    assert (await callers.authenticate(sent(*rival))).id == rival[0].id


# S-004
async def test_wrong_missing_unknown_and_disabled_look_the_same(
    callers: Callers, clients: Clients, acme: App, rival: App
) -> None:
    client, secret = acme
    await clients.disable(rival[0])
    unknown = tokens.mint(tokens.CLIENT_ID, tokens.LIVE)
    tries = {
        "missing both": CallerCredentials(),
        "missing secret": CallerCredentials(client_id=client.client_id),
        "missing id": CallerCredentials(client_secret=secret),
        "garbage": CallerCredentials(
            client_id="ci_live_198908HJDKJSH98789OHKJL", client_secret="cs_live_9827hofdsklOYYHJLJh"
        ),
        "unknown": CallerCredentials(client_id=unknown, client_secret=secret),
        "wrong secret": sent(client, tokens.mint(tokens.CLIENT_SECRET, tokens.LIVE)),
        "another's secret": sent(client, rival[1]),
        "disabled": sent(*rival),
        "swapped": CallerCredentials(client_id=secret, client_secret=client.client_id),
    }
    bodies = set()
    for credentials in tries.values():
        with pytest.raises(Unauthorized) as caught:
            await callers.authenticate(credentials)
        bodies.add((str(caught.value.body("r")), str(caught.value.headers)))
    assert len(bodies) == 1


# S-045
async def test_a_made_up_pair_costs_no_look_into_the_database(db: Database, vault: Vault, clock: MovedClock) -> None:
    callers = Callers(db, vault, clock)
    await db.close()
    mint = partial(tokens.mint, env=tokens.LIVE)
    made_up = ("ci_live_" + "a" * 49, "cs_live_" + "a" * 49)
    for name in (mint(tokens.CLIENT_ID), mint(tokens.CLIENT_SECRET), made_up[0]):
        for secret in (mint(tokens.CLIENT_SECRET), mint(tokens.CLIENT_ID), made_up[1]):
            if (name[:2], secret[:2]) == ("ci", "cs") and name != made_up[0] and secret != made_up[1]:
                continue  # a pair as we issue it
            with pytest.raises(Unauthorized):
                await callers.authenticate(CallerCredentials(client_id=name, client_secret=secret))


async def test_half_a_pair_of_a_surrogate_is_refused_as_anything_else_that_is_wrong(
    callers: Callers, acme: App
) -> None:
    for credentials in (sent(acme[0], "\ud800"), CallerCredentials(client_id="\udfff", client_secret=acme[1])):
        with pytest.raises(Unauthorized):
            await callers.authenticate(credentials)


async def test_what_is_remembered_of_a_secret_says_nothing_outside_its_process(
    db: Database, vault: Vault, clock: MovedClock, acme: App
) -> None:
    # The same pair, and yet nothing that could be compared with a list of hashes
    remembered = set[bytes]()
    for _ in range(2):
        callers = Callers(db, vault, clock)
        await callers.authenticate(sent(*acme))
        remembered |= callers._prints.keys()
    assert len(remembered) == 2


async def test_a_known_caller_costs_no_round_trip(callers: Callers, db: Database, acme: App) -> None:
    await callers.authenticate(sent(*acme))
    await db.close()
    started = time.monotonic()
    while time.monotonic() - started < FRESH / 3:
        assert (await callers.authenticate(sent(*acme))).id == acme[0].id


# S-008 S-128
async def test_a_revoked_secret_and_a_disabled_client_are_refused_within_a_second_by_every_process(
    db: Database, vault: Vault, clock: MovedClock, clients: Clients, acme: App, rival: App
) -> None:
    four = [Callers(db, vault, clock) for _ in range(4)]
    for callers in four:
        await callers.authenticate(sent(*acme))
        await callers.authenticate(sent(*rival))
    fresh = await clients.rotate_secret(acme[0], timedelta())
    await clients.disable(rival[0])
    changed = time.monotonic()
    for callers in four:
        assert await refused(callers, sent(*acme)) - changed < 1
        assert await refused(callers, sent(*rival)) - changed < 1
        assert (await callers.authenticate(sent(acme[0], fresh))).id == acme[0].id


async def refused(callers: Callers, credentials: CallerCredentials) -> float:
    """The moment from which on the caller is refused; gives up after two seconds."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            await callers.authenticate(credentials)
        except Unauthorized:
            return time.monotonic()
        await asyncio.sleep(0.01)
    return float("inf")


# S-008
async def test_twenty_rotations_with_overlap_refuse_no_request(
    db: Database, vault: Vault, clock: MovedClock, clients: Clients, acme: App
) -> None:
    client, secret = acme
    known_to_the_app, done = [secret], asyncio.Event()

    async def app(callers: Callers) -> int:
        count = 0
        while not done.is_set():
            await callers.authenticate(sent(client, known_to_the_app[0]))
            count += 1
            await asyncio.sleep(0)
        return count

    calling = [asyncio.ensure_future(app(Callers(db, vault, clock))) for _ in range(4)]
    for _ in range(20):
        known_to_the_app[0] = await clients.rotate_secret(client, timedelta(hours=1))
    done.set()
    assert all(count > 20 for count in await asyncio.gather(*calling))


async def test_a_rotated_secret_works_at_once_where_the_old_one_is_remembered(
    callers: Callers, clients: Clients, acme: App
) -> None:
    client, old = acme
    await callers.authenticate(sent(client, old))
    fresh = await clients.rotate_secret(client, timedelta(hours=1))
    assert (await callers.authenticate(sent(client, fresh))).id == client.id


async def test_a_secret_ends_when_its_overlap_is_over(
    callers: Callers, clients: Clients, acme: App, clock: MovedClock
) -> None:
    client, old = acme
    new = await clients.rotate_secret(client, timedelta(hours=1))
    await callers.authenticate(sent(client, old))
    clock.move(timedelta(hours=1, seconds=1))
    with pytest.raises(Unauthorized):
        await callers.authenticate(sent(client, old))
    await callers.authenticate(sent(client, new))


async def test_a_secret_has_ended_in_the_very_moment_that_it_was_given(
    db: Database, vault: Vault, clients: Clients, acme: App
) -> None:
    client, old = acme
    await clients.rotate_secret(client, timedelta(hours=1))
    known = await clients.known(client.client_id)
    assert known is not None
    (end,) = [ends for _, ends in known.secrets if ends]
    for clock, lives in ((Stopped(end - timedelta(microseconds=1)), True), (Stopped(end), False)):
        found = Callers(db, vault, clock)
        assert (await signed_in(found, sent(client, old))) is lives


class Stopped:
    """A clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


async def signed_in(callers: Callers, credentials: CallerCredentials) -> bool:
    try:
        await callers.authenticate(credentials)
    except Unauthorized:
        return False
    return True


# S-046
async def test_secrets_survive_two_new_hash_keys(db: Database, clock: MovedClock) -> None:
    ring = Keyring.generate()
    client, secret = await Clients(db, Vault(ring), clock).create("Old hash key")
    for _ in range(2):
        ring.promote(ring.add_hash_key())
    assert (await Callers(db, Vault(ring), clock).authenticate(sent(client, secret))).id == client.id


# S-004
async def test_time_does_not_tell_an_unknown_client_from_a_wrong_secret(callers: Callers, acme: App) -> None:
    wrong = sent(acme[0], tokens.mint(tokens.CLIENT_SECRET, tokens.LIVE))
    unknown = CallerCredentials(client_id=tokens.mint(tokens.CLIENT_ID, tokens.LIVE), client_secret=wrong.client_secret)
    taken = {"wrong": [], "unknown": []}
    for _ in range(TIMED_CALLS.times):
        for name, credentials in (("wrong", wrong), ("unknown", unknown)):
            before = time.perf_counter()
            with pytest.raises(Unauthorized):
                await callers.authenticate(credentials)
            taken[name].append(time.perf_counter() - before)
    assert abs(statistics.median(taken["wrong"]) - statistics.median(taken["unknown"])) < 0.002
