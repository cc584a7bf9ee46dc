"""The commands of every page run, in the order of the page. S-149"""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.settings import load
from cobalt_link.store.embedded import acquire
from cobalt_link.vault import Keyring
from tests.docs.samples import ROOT, pages, run_here, samples
from tests.docs.terminal import Terminal
from tests.stories.person import Person
from tests.support.clusters import ReadyMade
from tests.support.world import Shop, connected

# test_five_minutes follows that one with a browser, and test_writes this one to its receipt.
ELSEWHERE = ("five-minutes.md", "write-to-the-ehr.md")
FOLLOWED = [page for page in pages() if run_here(page) and page.name not in ELSEWHERE]
SERVED = [page for page in FOLLOWED if any(re.search(r"curl|Acme Scribe", each.text) for each in run_here(page))]
ALONE = [page for page in FOLLOWED if page not in SERVED]
ALL = [(page, each) for page in pages() for each in samples(page)]


def name_of(page: Path) -> str:
    return page.stem


@asynccontextmanager
async def terminal_at(home: Path, data: Path, **env: str) -> AsyncIterator[Terminal]:
    home.mkdir()
    terminal = Terminal(home, {}, COBALT_DATA=str(data), **env)
    try:
        yield terminal
    finally:
        await terminal.close()


async def follow(terminal: Terminal, page: Path) -> None:
    for each in samples(page):
        if each.mark == "app" and each.name:
            terminal.write(each.name, each.text)
    for each in run_here(page):
        await terminal.run(each.text)


@pytest.mark.parametrize("page", ALONE, ids=name_of)
async def test_its_commands_run_on_a_folder_of_ones_own(page: Path, tmp_path: Path, ready_made: ReadyMade) -> None:
    data = tmp_path / "data"
    ready_made.put(data / "postgres")
    Keyring.generate().save(data / "master.key")
    # Beside another program that uses the database: else each command would start and stop it.
    async with await acquire(data / "postgres"), terminal_at(tmp_path / "home", data) as terminal:
        await follow(terminal, page)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
@pytest.mark.parametrize("page", SERVED, ids=name_of)
async def test_its_commands_run_beside_a_server(
    page: Path, house: House, client: httpx2.AsyncClient, acme: Shop, tmp_path: Path
) -> None:
    linked = await linked_account(house, acme)
    where = {"DATABASE_URL": house.settings.database_url or "", "COBALT": house.settings.public_url}
    keys = {"CLIENT_ID": acme.record.client_id, "CLIENT_SECRET": acme.secret}
    async with terminal_at(tmp_path / "home", house.settings.data, **where, **keys, **linked) as terminal:
        await follow(terminal, page)


async def linked_account(house: House, acme: Shop) -> dict[str, str]:
    """What a reader has who has linked one account."""
    link_token = await acme.link_token()
    async with connected(house) as http:
        public = await Person(http).link(link_token)
    access = (await acme.exchange(public)).json()["token"]
    account = (await acme.session(link_token))["account_id"]
    return {"LINK_TOKEN": link_token, "ACCESS_TOKEN": access, "ACCOUNT_ID": account}


def test_both_kinds_of_pages_are_there() -> None:
    assert {name_of(page) for page in ALONE} >= {"back-up-and-restore", "rotate-keys", "configure"}
    assert {name_of(page) for page in SERVED} >= {"how-link-works", "look-after-accounts", "clients-and-orgs"}


def test_no_sample_is_left_untried() -> None:
    """A block of commands or a program says that it runs, or why it cannot here."""
    elsewhere = "docs/how-to/write-a-connector.md"  # tests/conformance/test_example.py builds what it shows
    wanted = ("sh", "bash", "shell", "python", "py", "js", "javascript", "ts", "toml")
    untried = [each for _, each in ALL if each.kind in wanted and each.mark is None]
    assert not [(each.page, each.text) for each in untried if each.page != elsewhere]


@pytest.mark.parametrize("text", [each.text for _, each in ALL if each.mark == "settings"])
def test_a_file_of_settings_is_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "cobalt.toml").write_text(text)
    settings = load({"data": tmp_path}, {})
    assert str(tmp_path / "cobalt.toml") in settings.origins.values()


@pytest.mark.parametrize("text", [each.text for _, each in ALL if each.kind == "json"])
def test_json_on_a_page_is_json(text: str) -> None:
    assert json.loads(text)


def test_the_proxy_of_the_page_passes_our_headers_on() -> None:
    """The fix that doctor names is the one that the page shows."""
    page = ROOT / "docs" / "how-to" / "behind-a-proxy.md"
    config = next(each.text for each in samples(page) if each.kind == "nginx")
    for line in ("underscores_in_headers on;", "proxy_set_header X-Forwarded-For", "location = /metrics"):
        assert line in config
