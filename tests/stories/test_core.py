"""The core story with real programs only: embedded PostgreSQL, a PostgreSQL 15 over TCP, and another ASGI server."""

import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.stories.chart_of_sandbox import Chart, only
from tests.stories.conftest import Databases
from tests.stories.person import Person
from tests.stories.programs import Forked, Installation, Program, installed
from tests.support.world import Sandbox

TODAY = datetime.now(UTC).date().isoformat()
SERVERS: dict[str, Callable[[Installation], Awaitable[Program | Forked]]] = {
    "serve": Installation.serve,
    "uvicorn": Installation.uvicorn,
}


@pytest.mark.parametrize(
    ("server", "database"),
    [("serve", "embedded"), ("serve", "outside"), ("uvicorn", "embedded")],
    ids=["cobalt serve", "on PostgreSQL 15 over TCP", "in uvicorn"],
)
async def test_an_app_links_a_user_and_reads_the_ehr_also_after_a_restart(
    tmp_path: Path, sandbox: Sandbox, databases: Databases, server: str, database: str
) -> None:  # S-089
    await sandbox.lab("clock", {"advance": 0, "frozen": True})
    env = {"COBALT_EHR_ADDRESSES": f"sandbox={sandbox.address}"} | await databases(database)
    async with installed(tmp_path / "data", env) as place:
        program = await SERVERS[server](place)
        keys = await place.app()
        async with place.front.browser() as http:

            async def call(method: str, path: str, **options: object) -> dict:
                headers = keys | options.pop("headers", {})  # type: ignore[operator]
                answer = await http.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
                assert answer.status_code == 200, answer.text
                return answer.json()

            wanted = {"user_id": "cody", "org_id": "riverside", "emr_name": "Sandbox EHR"}
            cody = Person(http, "user_code")
            await cody.open((await call("POST", "/link/token/create", json=wanted))["token"])
            await cody.go_on("code")
            assert "didn’t match" in (await cody.type(code="000000")).text
            await cody.type(code="123456")
            public = (await cody.return_to_app())["token"]
            token = (await call("GET", "/link/token/exchange", params={"public_token": public}))["token"]

            assert await place.stop(program) in (0, -signal.SIGTERM)  # uvicorn repeats the signal once it has ended
            await SERVERS[server](place)
            asked = {"start_date": TODAY, "end_date": TODAY, "include_note": "true"}
            found = await call("GET", "/v1/appointments", params=asked, headers={"access_token": token})
        told = await Chart(sandbox, await sandbox.session()).appointments(TODAY, TODAY)
        assert told and only(told, found["appointments"]) == told
