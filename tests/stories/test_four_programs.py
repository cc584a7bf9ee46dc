"""Two servers and two workers on one data folder: whichever dies, the link goes on and nothing promised is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.stories.person import Person
from tests.stories.programs import Installation, installed
from tests.support.clusters import ReadyMade
from tests.support.proof import PROGRAM_DEATHS
from tests.support.world import Sandbox

pytestmark = pytest.mark.slow

TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
async def place(tmp_path: Path, sandbox: Sandbox, ready_made: ReadyMade) -> AsyncIterator[Installation]:
    ready_made.put(tmp_path / "data" / "postgres")
    addresses = {"COBALT_EHR_ADDRESSES": f"sandbox={sandbox.address}"}
    async with installed(tmp_path / "data", addresses, forked=True) as place:
        await asyncio.gather(place.serve(), place.serve(), place.worker(), place.worker())
        yield place


class AppServer:
    """The app's own server: it calls again when a connection breaks, and remembers what it was promised."""

    def __init__(self, place: Installation, keys: dict[str, str]) -> None:
        self.place = place
        self.keys = keys
        self.promised: list[str] = []

    async def link_token(self) -> str:
        wanted = {"user_id": "u1", "org_id": "riverside", "emr_name": "Sandbox EHR", "show_summary": True}
        return (await self.call("POST", "/v1/link/token/create", json=wanted))["token"]

    async def call(self, method: str, path: str, **options: object) -> dict:
        headers = self.keys | options.pop("headers", {})  # type: ignore[operator]
        while True:
            try:
                async with self.place.front.browser() as http:
                    answer = await http.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
            except httpx2.TransportError:
                continue
            assert answer.status_code == 200, answer.text
            return answer.json()

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Link tokens are made all the time meanwhile."""

        async def make() -> None:
            while True:
                self.promised.append(await self.link_token())

        task = asyncio.create_task(make())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def keeps_its_promises(self) -> None:
        for token in self.promised:
            session = await self.call("GET", "/v1/link/token/get", params={"link_token": token})
            assert session["state"] == "created", token


@pytest.mark.parametrize("turn", range(PROGRAM_DEATHS.times))
async def test_a_link_outlives_every_one_of_them(place: Installation, sandbox: Sandbox, turn: int) -> None:  # S-096
    app = AppServer(place, await place.app())
    first, second, worker, other = place.programs
    async with app.busy(), place.front.browser() as http:
        cody = Person(http, "user_code")
        await cody.open(await app.link_token())
        await place.kill(first if first.port == place.front.ports[0] else second)  # the one that showed the page
        await cody.go_on("credentials")
        await place.kill(worker, other)
        third = await place.serve()
        assert (await cody.sign_in()).pane == "code"
        await place.kill(*(program for program in (first, second) if program.runs))
        await place.worker()
        assert (await cody.type(code="123456")).pane == "done"
        await place.kill(third)
        await place.serve()
        public = (await cody.return_to_app())["token"]
        keyed = {"headers": {"Idempotency-Key": "order-1"}, "json": {"public_token": public}}
        token = (await app.call("POST", "/v1/link/token/exchange", **keyed))["token"]
        await place.kill(*(program for program in place.programs if program.runs))
        await place.serve()
        # The answer was lost, as far as the app knows: the same key gets the same token.
        assert (await app.call("POST", "/v1/link/token/exchange", **keyed))["token"] == token
        days = {"start_date": TODAY, "end_date": TODAY}
        assert (await app.call("GET", "/v1/appointments", params=days, headers={"access_token": token}))["appointments"]
    assert await sandbox.logins() == 1
    assert len(app.promised) > 10
    await app.keeps_its_promises()


async def test_a_password_on_its_way_when_everything_dies_is_never_sent_again(
    place: Installation, sandbox: Sandbox
) -> None:  # S-096
    app = AppServer(place, await place.app())
    async with place.front.browser() as http:
        dana = Person(http, "user_good")
        await dana.open(await app.link_token())
        await dana.go_on("credentials")
        await sandbox.lab("faults", {"lose_answer": True, "only_path": "/api/login"})
        asked = asyncio.create_task(dana.sign_in())
        while not await sandbox.logins():  # the password has arrived; its answer never comes
            await asyncio.sleep(0.02)
        await place.kill(*place.programs)
        await asyncio.gather(asked, return_exceptions=True)
        await sandbox.lab("faults", {})
        await asyncio.gather(place.serve(), place.worker())
        await dana.look_again()
        assert dana.page.heading == "The sign-in was cut off"
        assert await sandbox.logins() == 1
        await dana.press("again")
        assert (await dana.sign_in()).pane == "done"
        assert await sandbox.logins() == 2
