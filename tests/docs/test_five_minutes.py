"""The first page that a newcomer follows, followed: every command, every answer, both apps. S-149"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.docs.samples import DOCS, Sample, samples
from tests.docs.terminal import Terminal
from tests.stories.person import Person
from tests.support.world import free_port

pytestmark = pytest.mark.xdist_group("five minutes")  # one server for all of them

PAGE = DOCS / "start" / "five-minutes.md"
PARTS = samples(PAGE)
PROGRAMS = {"app.py": "python3", "app.mjs": "node"}

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")


def part(mark: str, name: str | None) -> Sample:
    return next(each for each in PARTS if (each.mark, each.name) == (mark, name))


@pytest.fixture(scope="module")
async def terminal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    """A newcomer who has done steps 1 and 2."""
    cobalt, ehr = free_port(), free_port()
    typed = {
        "cobalt serve": f"cobalt serve --port {cobalt}",
        "cobalt sandbox": f"cobalt sandbox --port {ehr}",
        "127.0.0.1:8420": f"127.0.0.1:{cobalt}",
        "127.0.0.1:9100": f"127.0.0.1:{ehr}",
        "--callback-url http://127.0.0.1:8000": "--json --callback-url http://127.0.0.1:8000",
    }
    terminal = Terminal(tmp_path_factory.mktemp("newcomer"), typed)
    try:
        await follow(terminal)
        yield terminal
    finally:
        await terminal.close()


async def follow(terminal: Terminal) -> None:
    for each in PARTS[: PARTS.index(part("runs", "link_token"))]:
        if each.mark == "stays":
            await terminal.start(each.text)
            continue
        said = await terminal.run(each.text)
        if each.name == "client":
            client = json.loads(said)
            terminal.typed |= {"ci_test_…": client["client_id"], "cs_test_…": client["client_secret"]}


async def asked(terminal: Terminal, name: str) -> dict[str, object]:
    """What a block answers: with the keys that the page shows."""
    answer = json.loads(await terminal.run(part("runs", name).text))
    assert list(answer) == list(json.loads(part("answers", name).text)), name
    return answer


def person_at(terminal: Terminal) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"http://{terminal.typed['127.0.0.1:8420']}", trust_env=False, timeout=60)


@needs_curl
async def test_by_hand_with_curl(terminal: Terminal) -> None:
    link_token = str((await asked(terminal, "link_token"))["link_token"])
    terminal.typed["lt_test_…"] = link_token
    async with person_at(terminal) as http:
        back = await Person(http).link(link_token)
    assert back.startswith("pt_test_")
    session = await asked(terminal, "session")
    assert session["state"] == "granted"
    terminal.typed["pt_test_…"] = str(session["public_token"])
    terminal.typed["at_test_…"] = str((await asked(terminal, "exchange"))["access_token"])
    assert (await asked(terminal, "appointments"))["appointments"]


@pytest.mark.parametrize("file", PROGRAMS)
async def test_from_an_app_of_ones_own(terminal: Terminal, file: str, tmp_path: Path) -> None:
    if not shutil.which(PROGRAMS[file]):
        pytest.skip(f"{PROGRAMS[file]} is not on this machine")
    port = free_port()
    await register(terminal, port)
    text = terminal.as_typed(part("app", file).text).replace("8000", str(port))
    (tmp_path / file).write_text(text)
    # Its ready line is ours to add: these apps say nothing.
    await terminal.start(f"{PROGRAMS[file]} {tmp_path / file} & {WAIT.format(port=port)}; wait")
    await link_through(terminal, f"http://127.0.0.1:{port}")


WAIT = "until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done; echo http://"


async def register(terminal: Terminal, port: int) -> None:
    url = f"http://127.0.0.1:{port}/linked"
    await terminal.run(f"cobalt clients update $CLIENT_ID --callback-url {url}")
    await asyncio.sleep(1)  # so long a running server may still know the client as it was (S-128)


async def link_through(terminal: Terminal, app: str) -> None:
    async with httpx2.AsyncClient(base_url=app, trust_env=False, timeout=60) as own, person_at(terminal) as http:
        opened = await own.get("/")
        assert opened.status_code == 303
        person = Person(http)
        person.page = await person.browser.open(opened.headers["location"])
        await person.go_on()
        back = (await person.browser.submit(person.page)).response.headers["location"]
        async with httpx2.AsyncClient(trust_env=False) as stranger:
            assert (await stranger.get(back)).status_code == 403  # S-024: somebody else's browser
        shown = await own.get(back)
    assert shown.status_code == 200
    assert int(shown.text.split()[0]) == len(shown.text.splitlines()) - 1 > 0
