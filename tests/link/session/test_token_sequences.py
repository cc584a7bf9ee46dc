"""S-002: whatever is done with the public tokens of a link session, one exchange succeeds, and only of a token that has
not expired.

Sequences of hand-overs, waits and exchanges against a model of a few lines: a thousand of them with the rooms alone and
a clock that stands still, so that a second before and after the end are exact, and some over HTTP with a browser.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Protocol

import httpx2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session.exchange import Exchanges, InvalidPublicToken
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.vault.master_key import open_vault
from tests.support.proof import HTTP_SEQUENCES, TOKEN_SEQUENCES
from tests.support.text_browser import Browser, Page, link_by_http, public_token_of
from tests.support.world import Shop

LIFE, SECOND, MINUTE = timedelta(minutes=30), timedelta(seconds=1), timedelta(minutes=1)
RESET = """WITH a AS (UPDATE link_sessions SET exchanged_at = NULL), e AS (DELETE FROM link_events)
           DELETE FROM public_tokens"""
DEEDS = ["browser", "browser", "server", "exchange old", "exchange old", "exchange new", "wait"]
EDGES = ["until a second before", "until a second after"]


class Place(Protocol):
    """Where a sequence is played; time is told since some moment."""

    async def hand_over(self, way: str) -> str | None: ...
    async def exchange(self, token: str) -> bool: ...
    def now(self) -> timedelta: ...
    def move(self, by: timedelta) -> None: ...


async def played(steps: list[str], place: Place) -> Counter[str]:
    """Plays one sequence and compares each answer with the model's; counts what happened."""
    made: list[tuple[str, timedelta]] = []
    done, seen = False, Counter[str]()
    for step in steps:
        match step:
            case "wait":
                place.move(MINUTE)
            case "wait long":
                place.move(LIFE)
            case "until a second before" | "until a second after" if made:
                to = made[-1][1] + (SECOND if step == EDGES[1] else -SECOND)
                place.move(max(to - place.now(), timedelta()))
            case "browser" | "server":
                token = await place.hand_over(step)
                assert (token is None) == done, steps
                if token:
                    made.append((token, place.now() + LIFE))
            case "exchange old" | "exchange new" if made:
                asked = made[0 if step == "exchange old" else -1]
                good = not done and place.now() < asked[1]
                assert await place.exchange(asked[0]) == good, steps
                kind = "good" if good and len(made) == 1 else "one of several" if good else "again" if done else "late"
                seen[kind] += 1
                done = done or good
    return seen


def sequences(steps: list[str], count: int) -> list[list[str]]:
    """So many, as hypothesis makes them, after one in which everything happens that is counted."""
    made = [["browser", "wait long", "exchange old", "server", "exchange new", "exchange old"]]

    @given(st.lists(st.sampled_from(steps), min_size=2, max_size=12))
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def collect(each: list[str]) -> None:
        made.append(each)

    collect()
    return made


class StillClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Rooms:
    """The rooms of Link themselves, on the database of a house."""

    def __init__(self, house: House, link_session: LinkSession) -> None:
        self._clock = StillClock(house.deps.clock.now())
        self._began = self._clock.at
        self._attempt = link_session
        vault = open_vault(house.settings)
        self._tokens = Tokens(house.db, vault, self._clock, public_minutes=30)
        self._exchanges = Exchanges(house.db, vault, self._clock, AccessTokens(house.db, vault, self._clock))

    async def hand_over(self, way: str) -> str | None:
        return await self._tokens.hand_over(self._attempt, "test", "server" if way == "server" else "browser")

    async def exchange(self, token: str) -> bool:
        try:
            await self._exchanges(self._attempt.asker.client, "test", token, None)
        except InvalidPublicToken:
            return False
        return True

    def now(self) -> timedelta:
        return self._clock.at - self._began

    def move(self, by: timedelta) -> None:
        self._clock.at += by


class Http:
    """The app's server and the person's browser."""

    def __init__(self, acme: Shop, http: httpx2.AsyncClient, clock: MovedClock, link: str, page: Page) -> None:
        self._acme, self._http, self._clock, self._link, self._page = acme, http, clock, link, page

    async def hand_over(self, way: str) -> str | None:
        if way == "server":
            return (await self._acme.session(self._link))["public_token"]
        back = await Browser(self._http).submit(self._page)
        return public_token_of(back) if back.response.is_redirect else None

    async def exchange(self, token: str) -> bool:
        answer = await self._acme.exchange(token)
        assert answer.status_code == 200 or answer.json()["error"] == "invalid_public_token", answer.text
        return answer.status_code == 200

    def now(self) -> timedelta:
        return self._clock.offset

    def move(self, by: timedelta) -> None:
        self._clock.move(by)


async def test_in_every_sequence_one_exchange_succeeds_to_the_second(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    assert (await link_by_http(client, await acme.link_token())).pane == "done"
    row = await house.db.one("SELECT id FROM link_sessions")
    link_session = await LinkSessionTable(house.db, open_vault(house.settings)).by_id(row["id"] if row else "")
    assert link_session is not None
    place, seen = Rooms(house, link_session), Counter[str]()
    made = sequences(DEEDS + EDGES, TOKEN_SEQUENCES.times)
    assert len(made) >= TOKEN_SEQUENCES.times
    for steps in made:
        await house.db.run(RESET)
        seen += await played(steps, place)
    assert all(seen[each] for each in ("good", "one of several", "again", "late")), seen


async def test_sequences_over_http_end_alike(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    link = await acme.link_token()
    page = await link_by_http(client, link)
    assert page.pane == "done"
    place, seen = Http(acme, client, clock, link, page), Counter[str]()
    for steps in sequences([*DEEDS, "wait long"], HTTP_SEQUENCES.times):
        await house.db.run(RESET)
        seen += await played(steps, place)
    assert seen["good"] + seen["one of several"] and seen["again"], seen
