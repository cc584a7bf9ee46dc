"""Four real processes and the real Sandbox EHR: one sign-in per ended session, whatever is stopped or killed."""

import asyncio
import os
import random
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sessions import TIMES
from cobalt_link.app import House
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Granted, encoded, replay
from cobalt_link.store.database import Database
from sandbox_ehr.server import running
from tests.accounts.processes import Process
from tests.accounts.world import World
from tests.support.proof import RANDOM_KILLS, RENEWAL_KILLS, RENEWAL_ROUNDS, STOPPED_HOLDERS


class Ehr:
    """The Sandbox EHR's lab."""

    def __init__(self, http: AsyncClient) -> None:
        self.http = http

    async def end_sessions(self) -> None:
        await self.http.delete("/api/_lab/sessions")

    async def count(self, name: str) -> int:
        return (await self.http.get("/api/_lab/log")).json()["counts"][name]

    async def faults(self, **switches: Any) -> None:
        await self.http.put("/api/_lab/faults", json=switches)

    async def fault_was_met(self) -> bool:
        """Whether the one request that a fault is for has arrived."""
        return (await self.http.get("/api/_lab/faults")).json()["times"] == 0

    async def password(self, password: str) -> None:
        await self.http.put("/api/_lab/users/user_good", json={"password": password})

    @asynccontextmanager
    async def a_request_held(self, path: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Holds the next request to `path` at the EHR; inside the block it has arrived and is not answered."""
        before = await self.count("requests")
        await self.faults(hang=True, only_path=path, times=1)

        async def held() -> tuple[int, bool]:
            counts = (await self.http.get("/api/_lab/log")).json()["counts"]
            return counts["requests"], counts["requests"] - counts["answered"] > 0 and counts["requests"] > before

        async def wait() -> None:
            # The EHR counts a held request as arrived and not as over. Others are answered at once, so what is still
            # open a while later, with nothing new arrived, is the one that is held.
            seen, since = -1, 0
            while since < 25:
                requests, open_now = await held()
                seen, since = requests, since + 1 if open_now and requests == seen else 0
                await asyncio.sleep(0.02)

        yield wait
        await self.faults()


Start = Callable[[int], Awaitable[list[Process]]]


@pytest.fixture(scope="session")
async def ehr(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ehr]:
    async with (
        running(data=tmp_path_factory.mktemp("ehr")) as address,
        AsyncClient(base_url=address, trust_env=False, verify=False) as http,
    ):
        yield Ehr(http)


@pytest.fixture
async def linked(db: Database, ehr: Ehr) -> tuple[World, Account]:
    """A world with an account linked at the Sandbox EHR."""
    await ehr.http.post("/api/_lab/reset")
    world = World(db)
    instance = EhrInstance(address=str(ehr.http.base_url).rstrip("/"))
    saved = {"credentials": encoded(CredentialsAnswer(username="user_good", password=Secret("pass_good")))}
    http = Http(allow_private=True)
    outcome = await replay(partial(Sandbox(http).sign_in, instance=instance), MemoryJournal(), saved=saved)
    await http.close()
    assert isinstance(outcome, Granted)
    org = await world.org(await world.client())
    account = await world.keep(
        org, connector="sandbox", instance=instance, grant=outcome.grant, answers=outcome.answers
    )
    await ehr.http.post("/api/_lab/reset")
    return world, account


@pytest.fixture
async def start(linked: tuple[World, Account], dsn: str, tmp_path: Path) -> AsyncIterator[Start]:
    """`await start(n)`: so many processes, ended afterwards."""
    world, account = linked
    world.ring.save(tmp_path / "master.key")
    processes: list[Process] = []

    async def one() -> Process:
        processes.append(process := await Process.started(dsn, tmp_path / "master.key", account.id))
        return process

    async def many(count: int) -> list[Process]:
        return await asyncio.gather(*(one() for _ in range(count)))

    yield many
    for process in processes:
        await process.end()


SEEN = ["5 providers"]


async def test_sixty_four_calls_in_four_processes_sign_in_exactly_once_a_round(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-012
    world, account = linked
    processes = await start(4)
    for turn in range(1, RENEWAL_ROUNDS.times + 1):
        await ehr.end_sessions()
        found = await asyncio.gather(*(process.does("read 16") for process in processes))
        assert found == [SEEN] * 4, f"round {turn}"
        assert await ehr.count("login_attempts") == await ehr.count("logins") == turn
        if turn % 100 == 0:
            print(f"S-012: {turn} of {RENEWAL_ROUNDS.times} rounds")
    assert (await world.row(account))["grant_number"] == RENEWAL_ROUNDS.times + 1
    print(f"S-012: {RENEWAL_ROUNDS.times} rounds of 64 calls on 4 processes, {turn} sign-ins, 0 failed calls")


async def test_a_changed_password_is_tried_once_by_all_processes_together(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-141
    world, account = linked
    processes = await start(4)
    await ehr.password("pass_changed")
    await ehr.end_sessions()
    for _ in range(2):
        found = await asyncio.gather(*(process.does("read 16") for process in processes))
        assert found == [["login_required"]] * 4
    assert await ehr.count("login_attempts") == 1
    assert (await world.again(account)).health_reason == "wrong_credentials"


async def test_a_process_that_holds_the_wrapped_key_opens_nothing_after_another_one_disconnects(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-005, S-064
    world, account = linked
    token = await world.token(account)
    (holder,) = await start(1)
    assert await holder.does(f"hold {account.client} {token}") is True
    assert await holder.does("held") == SEEN[0]
    assert await holder.does(f"hold {account.client} {token}") is True
    await world.accounts.disconnect(account)
    requests = await ehr.count("requests")
    assert await holder.does("held") == AccountGone.code
    assert await ehr.count("requests") == requests
    assert await holder.does(f"hold {account.client} {token}") is False


async def test_a_holder_stopped_past_its_lease_writes_nothing_when_it_wakes(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-014
    world, account = linked
    stopped, other = await start(2)
    for turn in range(1, STOPPED_HOLDERS.times + 1):
        await ehr.end_sessions()
        await ehr.faults(slow_ms=1500, only_path="/api/settings", times=1)
        stopped.tell("read 1")
        # Not before this request, which a sign-in ends with: a process that is stopped with a transaction open makes
        # the others wait until the server ends it.
        async with asyncio.timeout(60):
            while not await ehr.fault_was_met():
                await asyncio.sleep(0.02)
        os.kill(stopped.pid, signal.SIGSTOP)
        await _lease_runs_out(world, account)
        assert await other.does("read 4") == SEEN
        kept = await world.row(account)
        os.kill(stopped.pid, signal.SIGCONT)
        assert await stopped.heard() == SEEN
        now = await world.row(account)
        assert {name: now[name] for name in STORED} == {name: kept[name] for name in STORED}
        if turn % 50 == 0:
            print(f"S-014: {turn} of {STOPPED_HOLDERS.times} holders")
    trail = await world.trail(account)
    assert (trail.count("renewal_superseded"), trail.count("renewed")) == (STOPPED_HOLDERS.times, STOPPED_HOLDERS.times)
    print(f"S-014: {STOPPED_HOLDERS.times} holders stopped past their lease, 0 stale writes")


@pytest.mark.parametrize("path", ["/api/login", "/api/settings"])
async def test_a_process_killed_inside_a_sign_in_leaves_an_account_that_heals(
    linked: tuple[World, Account], start: Start, ehr: Ehr, path: str
) -> None:
    # S-013: before the EHR knows of it, and after it gave out a session that we never stored
    world, account = linked
    (healer,) = await start(1)
    for _ in range(RENEWAL_KILLS.times):
        await ehr.end_sessions()
        await _killed_at(ehr, start, path)
        assert (await world.row(account))["renewals_begun"] == 1
        await _lease_runs_out(world, account)
        assert await healer.does("sweep") == "swept"
        assert await healer.does("read 4") == SEEN
        assert (await world.row(account))["renewals_begun"] == 0
    print(f"S-013: {RENEWAL_KILLS.times} kills while {path} was under way, all healthy afterwards")


async def test_wherever_a_process_is_killed_the_account_heals_or_asks_and_the_trail_tells_why(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-013
    world, account = linked
    (healer,) = await start(1)
    dice, healed, inside = random.Random(13), 0, 0
    for _ in range(RANDOM_KILLS.times):
        await ehr.end_sessions()
        ended = (await world.row(account))["session_fingerprint"].hex()
        (victim,) = await start(1)
        victim.tell("read 1")
        await asyncio.sleep(dice.uniform(0, 0.25))
        await victim.kill()
        unsettled = await _unsettled(world, account)
        assert len(unsettled) <= 1 and all(ended.startswith(session) for session in unsettled.values())
        inside += len(unsettled)
        await _lease_runs_out(world, account)
        assert await healer.does("sweep") == "swept"
        assert (await world.row(account))["claimed_until"] is None, "an account in between that nobody works on"
        # The sweep began the next claim of an abandoned one, and settled it.
        assert await _unsettled(world, account) == {}
        assert await healer.does("read 4") == SEEN
        healed += 1
    assert inside * 10 >= RANDOM_KILLS.times - 10, f"Only {inside} kills fell into a renewal."
    print(
        f"S-013: {RANDOM_KILLS.times} random kills, {inside} inside a renewal, {healed} accounts healthy, 0 in between"
    )


async def _unsettled(world: World, account: Account) -> dict[int, str]:
    """The hash of the session that ended, by the claim of a renewal whose end is not known, from the audit alone."""
    rows = await world.db.rows("SELECT what, detail FROM audit WHERE account = %s ORDER BY id", (account.id,))
    begun: dict[int, str] = {}
    for row in rows:
        claim = re.match(r"claim (\d+)", row["detail"] or "")
        if row["what"] == "renewal_begun":
            begun = {int(claim[1]): row["detail"].rpartition("session ")[2]} if claim else begun
        elif claim:
            begun.pop(int(claim[1]), None)
    return begun


def test_no_account_is_in_between_for_longer_than_a_minute(house: House) -> None:
    # S-013: a lease, and one round of the sweep
    (sweep,) = [each for each in house.accounts.chores if each.name == "renewals"]
    assert TIMES.lease + sweep.seconds <= 60


async def test_after_two_kills_the_person_is_asked_and_the_password_rests(
    linked: tuple[World, Account], start: Start, ehr: Ehr
) -> None:
    # S-013
    world, account = linked
    (healer,) = await start(1)
    await ehr.end_sessions()
    for _ in range(2):
        await _killed_at(ehr, start, "/api/settings")
        await _lease_runs_out(world, account)
    assert await healer.does("sweep") == "swept"
    assert await ehr.count("login_attempts") == 2
    assert await healer.does("read 4") == ["login_required"]
    assert (await world.again(account)).health_reason == "interrupted"
    trail = await world.trail(account)
    assert trail.count("renewal_begun") == 3 and trail[-1] == "login_required"


STORED = ("grant_number", "sealed_grant", "sealed_answers", "health", "claimed_until", "renewals_begun")


async def _killed_at(ehr: Ehr, start: Start, path: str) -> None:
    (victim,) = await start(1)
    async with ehr.a_request_held(path) as arrived:
        victim.tell("read 1")
        await arrived()
        await victim.kill()


async def _lease_runs_out(world: World, account: Account) -> None:
    """Instead of waiting for it."""
    await world.db.run(
        "UPDATE accounts SET claimed_until = clock_timestamp() - interval '1 second' WHERE claimed_until IS NOT NULL"
        " AND id = %s",
        (account.id,),
    )
