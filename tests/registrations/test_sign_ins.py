"""`cobalt registrations test` beside a running server: the browser comes back to the server, the command goes on."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import timedelta
from typing import Any

import httpx2

from cobalt_link.app import House
from cobalt_link.connector import Secret
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.connector.secrets import for_fingerprint
from cobalt_link.kit.clock import MovedClock
from tests.cli.cobalt import environment
from tests.registrations.conftest import add
from tests.registrations.small_ehr import VendorApp, small_ehr


async def test_the_command_checks_all_steps_with_a_sign_in_in_a_browser(
    house: House, client: httpx2.AsyncClient
) -> None:
    known = house.registrations.registrations
    async with small_ehr(known) as ehr:
        await add(known, "mine", "client_secret_basic", ehr.address, secret="s3cret-of-the-app")
        ehr.apps = {"c-1": VendorApp(known.urls.callback("mine"), "client_secret_basic", "s3cret-of-the-app")}
        process = await started(house, "registrations", "test", "mine", "--json")
        assert process.stderr and process.stdout
        url, seen = "", ""
        while not url and (line := (await process.stderr.readline()).decode()):
            seen += line
            url = next(iter(re.findall(rf"{ehr.origin}/authorize\S+", line)), "")
        assert url, seen
        answer = await ehr.approve(url)
        state = re.search(r"[?&]state=([\w-]+)", url)
        assert answer and answer.code and state and len(state[1]) == 43
        query = {"code": for_fingerprint(answer.code), "state": state[1], "iss": answer.issuer or ""}
        # Another registration's callback address takes nothing (S-022).
        assert "Go back to the page" in (await client.get("/oauth/callback/other", params=query)).text
        page = await client.get("/oauth/callback/mine", params=query)
        assert "You can close this window" in page.text and "command line" in page.text
        out, err = await process.communicate()
    report: dict[str, Any] = json.loads(out)
    assert process.returncode == 0 and report["healthy"] is True, (out, err)
    assert [each["state"] for each in report["findings"]] == ["ok"] * 7 + ["warn"]
    assert query["code"] not in f"{out!r}{err!r}" and "s3cret" not in f"{out!r}{err!r}"
    assert (await known.trail("mine"))[-1].detail == "passed"
    assert await house.db.rows("SELECT FROM registration_sign_ins") == []
    # Once is all.
    assert "Go back to the page" in (await client.get("/oauth/callback/mine", params=query)).text


async def started(house: House, *words: str) -> asyncio.subprocess.Process:
    where = {"DATABASE_URL": house.settings.database_url or "", "COBALT_PUBLIC_URL": house.settings.public_url}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cobalt_link", *words, "--data", str(house.settings.data),
        env=environment(house.settings.data.parent, COBALT_ALLOW_PRIVATE_NETWORKS="true", **where),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_an_answer_is_taken_once_in_time_and_at_its_own_registration(house: House, clock: MovedClock) -> None:
    known, sign_ins = house.registrations.registrations, house.registrations.sign_ins
    await add(known)
    await add(known, "other", address="https://other.example")
    answer = RedirectAnswer(code=Secret("c"), issuer="https://ehr.example")
    state = await sign_ins.begin("northlake")
    for name, given in (("other", state), ("northlake", ""), ("northlake", f"{state}x"), ("nobody", state)):
        assert not await sign_ins.take(name, given, answer), (name, given)
    assert await sign_ins.take("northlake", state, answer)
    assert not await sign_ins.take("northlake", state, answer)
    assert await sign_ins.answered("northlake", state, 5) == answer
    assert await sign_ins.answered("northlake", state, 5) is None
    late = await sign_ins.begin("northlake")
    assert await sign_ins.answered("northlake", late, 0.1) is None
    assert not await sign_ins.take("northlake", late, answer)  # nobody waits any more
    late = await sign_ins.begin("northlake")
    clock.move(timedelta(minutes=16))
    assert not await sign_ins.take("northlake", late, answer)
    await sign_ins.prune()
    assert await house.db.rows("SELECT FROM registration_sign_ins") == []
    assert len({await sign_ins.begin("northlake") for _ in range(50)}) == 50
