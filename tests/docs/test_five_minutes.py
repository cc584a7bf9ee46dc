"""The first pages that a newcomer follows, followed: every command, every answer, both apps, in both ways. S-149"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser, expect

from tests.browsers.chromium.lightbox import SECONDS, Lightbox
from tests.docs.samples import DOCS, Sample, samples
from tests.docs.terminal import Terminal
from tests.stories.person import Person
from tests.support.world import free_port

PARTS = samples(DOCS / "start" / "five-minutes.md")
WINDOW = samples(DOCS / "how-to" / "new-window.md")
PROGRAMS = {"app.py": "python3", "app.mjs": "node"}

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")


def part(mark: str, name: str | None, within: list[Sample] = PARTS) -> Sample:
    return next(each for each in within if (each.mark, each.name) == (mark, name))


@pytest.fixture(scope="module")
async def terminal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    """A newcomer who has done steps 1 and 2."""
    cobalt, ehr = free_port(), free_port()
    typed = {
        "cobalt serve": f"cobalt serve --port {cobalt}",
        "cobalt sandbox": f"cobalt sandbox --port {ehr}",
        "127.0.0.1:8420": f"127.0.0.1:{cobalt}",
        "127.0.0.1:9100": f"127.0.0.1:{ehr}",
        "--test --origin": "--json --test --origin",
    }
    terminal = Terminal(tmp_path_factory.mktemp("newcomer"), typed)
    try:
        await follow(terminal)
        yield terminal
    finally:
        await terminal.close()


async def follow(terminal: Terminal) -> None:
    for each in PARTS[: PARTS.index(part("runs", "link_token"))]:
        if each.mark == "app":
            continue
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
    return httpx2.AsyncClient(
        base_url=f"http://{terminal.typed['127.0.0.1:8420']}", trust_env=False, verify=False, timeout=60
    )


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
def test_the_first_app_takes_forty_lines(file: str) -> None:
    lines = [each for each in part("app", file).text.splitlines() if each.strip()]
    assert len(lines) <= 40 and max(map(len, lines)) <= 120


@pytest.mark.browser
@pytest.mark.parametrize("file", PROGRAMS)
async def test_the_first_app_links_in_a_lightbox(
    terminal: Terminal, browser: Browser, file: str, tmp_path: Path
) -> None:
    app = await started(terminal, part("app", file), tmp_path)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(app)
    await page.get_by_role("button", name="Link account").click()
    box = Lightbox(page)
    await box.sign_in()
    await box.at("done")
    await box.press()
    await expect(page.locator("#visits")).to_have_text(re.compile(r"^\d\d:\d\d  \w+"), timeout=SECONDS)
    async with httpx2.AsyncClient(base_url=app, trust_env=False, verify=False) as stranger:
        for path in ("/token", "/linked"):  # S-023: a page of somebody else
            assert (await stranger.post(path, headers={"Origin": "http://evil.test"})).status_code == 403
    await context.close()


@pytest.mark.parametrize("file", PROGRAMS)
async def test_an_app_links_in_a_window_of_its_own(terminal: Terminal, file: str, tmp_path: Path) -> None:
    await link_through(terminal, await started(terminal, part("app", file, WINDOW), tmp_path))


async def started(terminal: Terminal, sample: Sample, folder: Path) -> str:
    """The address of an app that runs on a port of its own, registered."""
    file = str(sample.name)
    if not shutil.which(PROGRAMS[file]):
        pytest.skip(f"{PROGRAMS[file]} is not on this machine")
    port = free_port()
    app = f"http://127.0.0.1:{port}"
    await terminal.run(f"cobalt clients update $CLIENT_ID --origin {app} --callback-url {app}/linked")
    await asyncio.sleep(1)  # so long a running server may still know the client as it was (S-128)
    (folder / file).write_text(
        terminal.as_typed(sample.text).replace("8000", str(port)).replace("dr-ann", f"dr-{port}")  # a user of its own
    )
    # Its ready line is ours to add: these apps say nothing.
    await terminal.start(f"{PROGRAMS[file]} {folder / file} & {WAIT.format(port=port)}; wait")
    return app


WAIT = "until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done; echo http://"


async def link_through(terminal: Terminal, app: str) -> None:
    async with (
        httpx2.AsyncClient(base_url=app, trust_env=False, verify=False, timeout=60) as own,
        person_at(terminal) as http,
    ):
        opened = await own.get("/")
        assert opened.status_code == 303
        person = Person(http)
        person.page = await person.browser.open(opened.headers["location"])
        await person.go_on()
        back = person.page.response.headers["location"]
        async with httpx2.AsyncClient(trust_env=False, verify=False) as stranger:
            assert (await stranger.get(back)).status_code == 403  # S-024: somebody else's browser
        shown = await own.get(back)
    assert shown.status_code == 200
    assert int(shown.text.split()[0]) == len(shown.text.splitlines()) - 1 > 0
