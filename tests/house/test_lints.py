"""Rules of the house: each is shown to see what it is for, then the whole house is held to it."""

import ast
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.house import lints
from tests.house.tree import ROOT, SOURCE, parsed, python_files, tracked_files, within

COBALT = SOURCE / "cobalt_link"
CONNECTORS = COBALT / "connectors"

STORY = """
async def sign_in(self, ask):
    who = await ask(Credentials())
    try:
        session = await ask.once("log in", lambda: portal.log_in(who))
    except Refused as refused:
        raise refused.worded(self) from None
    return Grant(session)
"""
CLEANING_STORIES = {
    "finally": """
async def sign_in(self, ask):
    try:
        who = await ask(Credentials())
    finally:
        await portal.log_out()
""",
    "async with": """
async def sign_in(self, ask):
    async with portal.session() as session:
        code = await ask(Code())
""",
    "with": """
async def sign_in(self, ask):
    with suppress(Refused):
        await ask.once("log in", deed)
""",
    "TaskGroup": """
async def sign_in(self, ask):
    async with asyncio.TaskGroup() as group:
        group.create_task(second(ask))
""",
}
DEED = """
async def log_in(self, who):
    async with self.http.session() as session:
        try:
            return await session.post(who)
        finally:
            session.forget()
"""


def seen(lint: Callable[[ast.AST], list[int]], source: str) -> bool:
    return bool(lint(ast.parse(source)))


def offences(lint: Callable[[ast.AST], list[int]], files: list) -> list[str]:
    return [f"{within(path)}:{line}" for path in files for line in lint(parsed(path))]


# ── connectors ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "caught", ["BaseException", "(ValueError, BaseException)", "story.Suspend", "builtins.BaseException", ""]
)
def test_catching_everything_is_seen(caught: str) -> None:
    assert seen(lints.catches_everything, f"try:\n    pass\nexcept {caught}:\n    pass".replace("except :", "except:"))
    assert not seen(lints.catches_everything, "try:\n    pass\nexcept Exception:\n    pass")


def test_no_connector_catches_what_suspends_a_story() -> None:
    assert not offences(lints.catches_everything, [*python_files(CONNECTORS)])


@pytest.mark.parametrize("story", CLEANING_STORIES.values(), ids=CLEANING_STORIES.keys())
def test_cleaning_up_around_an_ask_is_seen(story: str) -> None:
    assert seen(lints.cleans_up_around_an_ask, story)


@pytest.mark.parametrize("story", [STORY, DEED])
def test_stories_and_deeds_as_they_should_be_are_let_through(story: str) -> None:
    assert not seen(lints.cleans_up_around_an_ask, story)
    assert not seen(lints.catches_everything, story)


def test_no_story_cleans_up_around_an_ask() -> None:
    assert not offences(lints.cleans_up_around_an_ask, [*python_files(CONNECTORS)])


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "call",
    [
        'log.info(f"token {token}")',
        'logger.warning("token", value=f"{token}")',
        'self._log.error("token %s" % token)',
        'log.debug("token {}".format(token))',
        'log.error("token " + token)',
    ],
)
def test_a_formatted_log_entry_is_seen(call: str) -> None:
    assert seen(lints.formats_a_log_entry, call)


@pytest.mark.parametrize("call", ['log.info("created", id=id)', 'math.log(f"{x}")', 'dialog.info(f"{x}")', 'f"{log}"'])
def test_a_plain_log_entry_is_let_through(call: str) -> None:
    assert not seen(lints.formats_a_log_entry, call)


def test_no_log_entry_is_formatted() -> None:
    # S-049
    assert not offences(lints.formats_a_log_entry, [*python_files(SOURCE)])


# ── libraries that have one place ────────────────────────────────────────────────────────────────────────────────────

HTTP = ("aiohttp", "http.client", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib.request", "urllib3")
# The guard itself, its wire and its addresses; `doctor` calls our own public address.
HTTP_PLACES = {"net/http.py", "net/transport.py", "net/addresses.py", "cli/check_address.py"}


@pytest.mark.parametrize(
    "line",
    [
        "import httpx2",
        "from httpx2 import Client",
        "import urllib.request",
        "from urllib import request",
        "import http.client as c",
    ],
)
def test_an_http_library_is_seen(line: str) -> None:
    assert seen(lints.imports_of(*HTTP), line)


@pytest.mark.parametrize(
    "line", ["import httpx2_mock", "from urllib.parse import quote", "from http import HTTPStatus"]
)
def test_what_calls_nobody_is_let_through(line: str) -> None:
    assert not seen(lints.imports_of(*HTTP), line)


def test_only_the_guarded_client_calls_out() -> None:
    # S-073, S-074
    elsewhere = [path for path in python_files(COBALT) if path.relative_to(COBALT).as_posix() not in HTTP_PLACES]
    assert not offences(lints.imports_of(*HTTP), elsewhere)


def test_cryptography_stays_in_the_vault() -> None:
    # S-057
    assert seen(lints.imports_of("cryptography"), "from cryptography.fernet import Fernet")
    elsewhere = [path for path in python_files(COBALT) if COBALT / "vault" not in path.parents]
    assert not offences(lints.imports_of("cryptography"), elsewhere)


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────

JOINED = """
    WITH spent AS (UPDATE link_tokens SET spent = true WHERE hash = %s RETURNING link_session)
    INSERT INTO events (link_session) SELECT link_session FROM spent JOIN link_sessions AS a ON a.id = spent.attempt
    WHERE a.state IS DISTINCT FROM a.past FOR UPDATE
"""


def test_the_tables_of_a_statement_are_seen() -> None:
    assert lints.tables(JOINED) == {"link_tokens", "events", "link_sessions"}
    assert lints.tables_written(JOINED) == {"link_tokens", "events"}
    assert lints.tables("SELECT now() FROM unnest(%s)") == set()
    assert [*lints.statements(ast.parse(f"SQL = '''{JOINED}'''\nTEXT = 'Select an EHR from the list'"))] == [JOINED]


def test_each_table_is_used_by_one_room_and_written_by_one_file() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    writers: dict[str, set[str]] = defaultdict(set)
    for path in python_files(COBALT):
        for sql in lints.statements(parsed(path)):
            for table in lints.tables(sql):
                rooms[table].add(path.relative_to(COBALT).parts[0])
            for table in lints.tables_written(sql):
                writers[table].add(within(path))
    assert len(rooms) > 5, "no SQL was found: the lint looks at nothing"
    assert not {table: found for table, found in rooms.items() if len(found) > 1}
    assert not {table: found for table, found in writers.items() if len(found) > 1}


# ── windows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("script", ['parent.postMessage({token}, "*")', "frame.postMessage(\n  hello(),\n  '*',\n)"])
def test_a_message_to_any_origin_is_seen(script: str) -> None:
    assert lints.posts_to_any_origin(f"\n{script}") == [2]


def test_a_message_to_one_origin_is_let_through() -> None:
    assert not lints.posts_to_any_origin('parent.postMessage({token}, origin); const all = "*"; f(a, "*")')


def test_no_script_of_ours_posts_to_any_origin() -> None:
    # S-017
    kinds = {".ts", ".tsx", ".js", ".html", ".md"}
    scripts = [path for path in tracked_files() if path.suffix in kinds and ROOT / "tests" not in path.parents]
    found = [f"{within(path)}:{line}" for path in scripts for line in lints.posts_to_any_origin(path.read_text())]
    assert not found


def test_no_test_reaches_through_a_room_into_its_parts() -> None:
    assert seen(lints.reaches_deep, "house.link.pages.context.loader.load()")
    assert not seen(lints.reaches_deep, "house.developers.orgs.change()")
    found = [
        f"{within(path)}:{line}" for path in python_files(ROOT / "tests") for line in lints.reaches_deep(parsed(path))
    ]
    assert found == []
