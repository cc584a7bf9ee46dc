"""Workers die in mid-write at a real GNU Health: nothing is written twice, nothing is lost, every receipt is true."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cobalt_link.app import House
from tests.stories.hospital import Hospital
from tests.stories.test_writes_killed import MOMENTS
from tests.stories.ward import Ward
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth, Start
from tests.support.processes import a_server, a_worker
from tests.support.world import connected, shop
from tests.webhooks.receiver import OK, receiving, register

pytestmark = MARKS


@asynccontextmanager
async def ward(house: House, server: GnuHealth) -> AsyncIterator[Ward[Hospital]]:
    """As that of the sandbox EHR: nothing happens without a worker."""
    with a_server(house.settings) as ours:
        await ours.ready()
        async with connected(house) as http, connected(house) as browser, receiving() as receiver:
            app = await shop(house, http, "Ward Notes", test=False)
            with a_worker(house.settings) as worker:
                await worker.ready()
                hospital = await Hospital.linked(app, server, browser)
            secret = (await register(app, receiver.url, event_types=["appointment.*", "note.*"]))["secret"]
            yield Ward(house, hospital, receiver, secret)


@pytest.fixture
async def place(house: House, start_gnuhealth: Start) -> AsyncIterator[Ward[Hospital]]:
    async with ward(house, start_gnuhealth()) as place:
        yield place
        await place.nothing_is_stuck()


async def test_a_worker_may_die_at_every_step_of_a_booking_and_of_a_note(place: Ward[Hospital]) -> None:
    # S-083, S-086
    visit = str(place.clinic.server.appointments[0])
    for kind in (place.accepted, lambda: place.charted(visit)):
        states = {}
        for moment, _ in MOMENTS:
            job = await kind()
            with a_worker(place.house.settings, write=(moment, signal.SIGKILL)) as worker:
                assert await worker.ended() == -signal.SIGKILL
            await place.time_passes()
            (found,) = await place.finished(job)
            states[moment] = found["state"]
        assert states == dict(MOMENTS)


async def test_a_worker_may_die_while_it_tells_the_app_of_a_booking(place: Ward[Hospital]) -> None:  # S-071
    go = asyncio.Event()

    async def answer(_: bytes) -> bytes:
        await go.wait()
        return OK

    place.receiver.answers = answer
    job = await place.accepted()
    with a_worker(place.house.settings) as worker:
        await place.receiver.gets(1, 60)
        worker.kill()
        await worker.ended()
    go.set()
    await place.leases_run_out()
    with a_worker(place.house.settings):
        await place.receiver.gets(2, 60)
    await place.is_true(job)
    first, again = place.receiver.got
    assert first.id == again.id
