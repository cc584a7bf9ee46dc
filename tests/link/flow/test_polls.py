"""What a poll and a waiting page do is counted, and what a poll has learned does not get lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Waiting, WaitingAnswer
from cobalt_link.connector.refusals import PushDenied
from cobalt_link.link.flow import polls
from cobalt_link.store.database import DatabaseUnavailable, Tx
from tests.link.conftest import session_row, until
from tests.link.flow.test_runner import the_connector
from tests.support.text_browser import Browser, Page, link_by_http
from tests.support.world import Shop, connected, opened

PANE = Waiting(number="47", resend=True)


class Phone:
    """The sign-in of an EHR that waits for a tap on a phone. It counts how often it runs, and how often it polls."""

    def __init__(self, house: House) -> None:
        self.says: Any = None
        self.runs = 0
        self.polls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.heard: list[object] = []
        the_connector(house).sign_in = self.sign_in  # type: ignore[method-assign]

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        self.runs += 1
        self.heard.append(await ask.until("approval", self.poll, pane=PANE, every=0.1))
        return Grant(user=EhrUser(id="1", username="ann"), session={"token": "s"})

    async def poll(self) -> Any:
        self.polls += 1
        await self.gate.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def polled(self, more: int) -> None:
        """Until it was polled so often once more."""
        wanted = self.polls + more
        async with asyncio.timeout(10):
            while self.polls < wanted:
                await asyncio.sleep(0.01)


@pytest.fixture
def phone(house: House) -> Phone:
    return Phone(house)


@pytest.fixture
async def working(house: House) -> AsyncIterator[None]:
    """A worker without its chores, so that every statement is one of the sessions'."""
    house.jobs.queue.opens(20)
    yield
    await house.jobs.queue.closed(5)


class Statements:
    """Counts how often this process takes a connection: for a statement or for a transaction."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        before = house.db.connection

        @asynccontextmanager
        async def counted() -> AsyncIterator[Tx]:
            self.count += 1
            async with before() as connection:
                yield connection

        monkeypatch.setattr(house.db, "connection", counted)


async def waiting(acme: Shop, http: httpx2.AsyncClient) -> Page:
    page = await link_by_http(http, await acme.link_token(), until="waiting")
    assert page.pane == "waiting", page.heading
    return page


async def test_polls_without_news_run_no_sign_in_and_no_statement(
    house: House,
    working: None,
    idle_acme: Shop,
    idle: httpx2.AsyncClient,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await waiting(idle_acme, idle)
    await phone.polled(1)
    runs, statements = phone.runs, Statements(house, monkeypatch)
    await phone.polled(5)
    assert (phone.runs, statements.count) == (runs, 0)
    assert await house.db.rows("SELECT * FROM procrastinate_jobs") == []


async def test_a_waiting_page_looks_once_and_then_when_it_is_signaled(
    house: House,
    working: None,
    idle_acme: Shop,
    idle: httpx2.AsyncClient,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = await waiting(idle_acme, idle)
    async with idle.stream("GET", page.form.action) as response:
        parts = response.aiter_text()
        assert "47" in await anext(parts)
        await phone.polled(1)
        statements = Statements(house, monkeypatch)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2):  # it used to look twice a second
                await asyncio.shield(ending := asyncio.ensure_future(_rest(parts)))
        assert statements.count == 0
        phone.says = "approved"
        assert 'http-equiv="refresh"' in await ending


async def test_a_page_is_signaled_by_every_end_of_its_session(
    house: House, working: None, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone
) -> None:
    for end in ("leave", "expire"):
        page = await waiting(idle_acme, idle)
        session = await house.link.sessions.by_id((await session_row(house))["id"])
        assert session is not None
        async with idle.stream("GET", page.form.action) as response:
            parts = response.aiter_text()
            await anext(parts)
            async with house.db.transaction() as tx:
                if end == "leave":
                    await house.link.sessions.leave(tx, session, house.deps.clock.now())
                else:
                    await house.link.sessions.expire(tx, session.expires_at, session.id)
            async with asyncio.timeout(5):
                assert 'http-equiv="refresh"' in await _rest(parts)
        idle.cookies.clear()


@pytest.mark.parametrize("end", ["approved", PushDenied()], ids=["approved", "denied"])
async def test_the_end_of_a_wait_runs_the_sign_in_once_more(
    house: House, working: None, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone, end: object
) -> None:
    page = await waiting(idle_acme, idle)
    phone.says = end
    await until(house, "state <> 'polling' AND pane IS NOT NULL OR granted IS NOT NULL")
    page = await Browser(idle).open(page.form.action)
    assert page.pane == ("done" if end == "approved" else "message")
    assert phone.runs == 2 and phone.heard == (["approved"] if end == "approved" else [])


async def test_an_answer_takes_the_session_back_and_ends_its_polls(
    house: House, working: None, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone
) -> None:
    page = await waiting(idle_acme, idle)
    await phone.polled(1)
    page = await Browser(idle).submit(page, action="resend")
    assert page.pane == "done" and phone.heard == [WaitingAnswer(action="resend")]
    polled = phone.polls
    await asyncio.sleep(0.5)
    assert phone.polls == polled


async def test_an_approval_that_a_poll_learns_during_an_answer_is_what_counts(
    house: House, working: None, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone
) -> None:
    page = await waiting(idle_acme, idle)
    phone.gate.clear()
    await phone.polled(1)
    answering = asyncio.create_task(Browser(idle).submit(page, action="resend"))
    await asyncio.sleep(0.3)
    assert not answering.done()
    phone.says = "approved"
    phone.gate.set()
    assert (await answering).pane == "done" and phone.heard == ["approved"]


async def test_an_answer_is_taken_also_from_a_process_that_does_not_give_the_session_back(
    house: House,
    working: None,
    idle_acme: Shop,
    idle: httpx2.AsyncClient,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cobalt_link.link.flow.progress.RECALLED", 0.3)
    page = await waiting(idle_acme, idle)
    phone.gate.clear()
    await phone.polled(1)
    page = await Browser(idle).submit(page, action="resend")
    assert page.pane == "done" and phone.heard == [WaitingAnswer(action="resend")]
    before = await session_row(house)
    phone.says = "approved"  # too late: the answer was first
    phone.gate.set()
    await asyncio.sleep(0.3)
    assert await session_row(house) == before


async def test_a_process_whose_lease_has_ended_changes_nothing(
    house: House, working: None, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone
) -> None:  # S-014
    await waiting(idle_acme, idle)
    phone.gate.clear()
    await phone.polled(1)  # it hangs in this poll
    async with opened(house.settings, house.deps.clock) as other:
        here = Phone(other)
        await house.db.run("UPDATE link_sessions SET wake_at = clock_timestamp()")
        other.jobs.queue.opens(5)
        await next(chore for chore in other.chores if chore.name == "link sessions").work()
        await here.polled(3)
        row = await session_row(house)
        phone.says = PushDenied()
        phone.gate.set()
        await asyncio.sleep(0.3)
        assert await session_row(house) == row
        here.says = "approved"
        await until(house, "granted IS NOT NULL")
        await other.jobs.queue.closed(5)
    assert (phone.runs, here.runs, here.heard) == (1, 2, ["approved"])


async def test_what_a_poll_has_learned_outlives_a_database_that_is_away(
    house: House,
    working: None,
    idle_acme: Shop,
    idle: httpx2.AsyncClient,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polls, "DATABASE_PAUSE", 0.05)
    await waiting(idle_acme, idle)
    away, before = [1, 2, 3], house.link.sessions.polled

    async def polled(*given: Any) -> None:
        if away:
            away.pop()
            raise DatabaseUnavailable("The database is away.")
        await before(*given)

    monkeypatch.setattr(house.link.sessions, "polled", polled)
    phone.says = "approved"
    await until(house, "granted IS NOT NULL")
    assert not away and phone.heard == ["approved"]


async def test_one_statement_extends_all_leases_and_forgets_what_is_lost(
    house: House, working: None, idle_acme: Shop, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        async with connected(house) as http:
            await waiting(idle_acme, http)
    lost = (await session_row(house))["id"]
    await house.db.run("UPDATE link_sessions SET wake_at = NULL, claim = claim + (id = %s)::int", (lost,))
    statements = Statements(house, monkeypatch)
    await next(chore for chore in house.chores if chore.name == "polls").work()
    assert statements.count == 1
    left = await house.db.rows(
        "SELECT id, wake_at > clock_timestamp() + interval '25 seconds' AS held FROM link_sessions"
    )
    assert {row["id"]: row["held"] for row in left} == {row["id"]: None if row["id"] == lost else True for row in left}
    polled = phone.polls
    await phone.polled(4)
    assert phone.polls >= polled + 4, "the others are polled for"


async def test_a_worker_that_ends_gives_its_sessions_back(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, phone: Phone
) -> None:
    house.jobs.queue.opens(5)
    await waiting(idle_acme, idle)
    await phone.polled(1)
    await house.jobs.queue.closed(5)
    row = await house.db.one("SELECT claim, state, wake_at <= clock_timestamp() AS due FROM link_sessions")
    assert row == {"claim": None, "state": "polling", "due": True}
    polled = phone.polls
    await asyncio.sleep(0.3)
    assert phone.polls == polled


async def test_a_process_that_is_full_leaves_sessions_to_others(
    house: House, working: None, idle_acme: Shop, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "MOST_SESSIONS", 2)
    for _ in range(3):
        async with connected(house) as http:
            await waiting(idle_acme, http)
    held = "SELECT claim IS NOT NULL AS held FROM link_sessions WHERE state = 'polling'"
    async with asyncio.timeout(10):  # the page is there a moment before the process finds that it is full
        while sorted(row["held"] for row in await house.db.rows(held)) != [False, True, True]:
            await asyncio.sleep(0.01)


async def _rest(parts: AsyncIterator[str]) -> str:
    return "".join([part async for part in parts])
