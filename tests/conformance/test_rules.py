"""The rules that read a connector's syntax tree: what each one finds, and what it lets through."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from cobalt_link.conformance import lines, rules
from cobalt_link.conformance.imports import forbidden_imports
from cobalt_link.conformance.names import names_in
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder

GOOD = """
from datetime import UTC, datetime
from functools import partial

async def sign_in(http, ask, place):
    who = await ask(Credentials())
    try:
        session = await ask.once("log_in", partial(log_in, http, who))
    except Refusal as no:
        raise worded(no) from None
    return grant(session)

async def log_in(http, who):
    async with http.lock:
        try:
            answer = await http.request("POST", "/", json={"password": who.password.reveal()})
        finally:
            print()
    return {"at": datetime.now(UTC).isoformat(), "token": answer}

def grant(session):
    return Grant(session=session, expires_at=datetime.fromisoformat(session["at"]))
"""
SIGN_IN = "async def sign_in(self, ask, place):\n"

BAD = {
    "finally": (
        SIGN_IN + "    try:\n        who = await ask(Credentials())\n    finally:\n        log()\n",
        rules.cleans_up_around_an_ask,
    ),
    "finally around a step": (
        SIGN_IN + "    try:\n        await ask.once('a', b)\n    finally:\n        log()\n",
        rules.cleans_up_around_an_ask,
    ),
    "finally with a helper that asks": (
        SIGN_IN + "    try:\n        await code(ask)\n    finally:\n        log()\n",
        rules.cleans_up_around_an_ask,
    ),
    "async with": (
        SIGN_IN + "    async with session() as s:\n        code = await ask(Code())\n",
        rules.cleans_up_around_an_ask,
    ),
    "with": (SIGN_IN + "    with suppress(Refusal):\n        await ask(Code())\n", rules.cleans_up_around_an_ask),
    "a TaskGroup": (
        SIGN_IN + "    async with TaskGroup() as g:\n        g.create_task(second(ask))\n",
        rules.cleans_up_around_an_ask,
    ),
    "an asker that is held": (
        "async def code(self):\n    try:\n        await self._ask(Code())\n    finally:\n        log()\n",
        rules.cleans_up_around_an_ask,
    ),
    "except BaseException": (
        SIGN_IN + "    try:\n        a()\n    except BaseException:\n        b()\n",
        rules.catches_everything,
    ),
    "a bare except": (SIGN_IN + "    try:\n        a()\n    except:\n        b()\n", rules.catches_everything),
    "except Suspend": (
        SIGN_IN + "    try:\n        a()\n    except (ValueError, replay.Suspend):\n        b()\n",
        rules.catches_everything,
    ),
    "the clock": (
        "from datetime import datetime\n" + SIGN_IN + "    await ask(Code(at=datetime.now()))\n",
        rules.reaches_outside,
    ),
    "the clock under another name": (
        "import datetime as dt\n" + SIGN_IN + "    await ask(Code(at=dt.datetime.now()))\n",
        rules.reaches_outside,
    ),
    "time": ("from time import monotonic\n" + SIGN_IN + "    await ask(Code(at=monotonic()))\n", rules.reaches_outside),
    "chance": ("import random\n" + SIGN_IN + "    await ask(Code(n=random.random()))\n", rules.reaches_outside),
    "a token": (
        "from secrets import token_hex\n" + SIGN_IN + "    await ask(Code(n=token_hex()))\n",
        rules.reaches_outside,
    ),
    "an id": ("import uuid\n" + SIGN_IN + "    await ask(Code(n=uuid.uuid4()))\n", rules.reaches_outside),
    "sleep": (
        "import asyncio\n" + SIGN_IN + "    await asyncio.sleep(1)\n    await ask(Code())\n",
        rules.reaches_outside,
    ),
    "a file": (SIGN_IN + "    await ask(Code(n=open('/x').read()))\n", rules.reaches_outside),
    "HTTP": (SIGN_IN + "    await ask(Code())\n    await self.http.request('GET', '/')\n", rules.reaches_outside),
    "a password that is opened": (
        SIGN_IN + "    who = await ask(Credentials())\n    x = who.password.reveal()\n",
        rules.reaches_outside,
    ),
    "the clock in a function of the sign-in": (
        "from datetime import datetime\n"
        + SIGN_IN
        + "    await ask(pane())\ndef pane():\n    return Code(at=datetime.now())\n",
        rules.reaches_outside,
    ),
    "the clock two functions on": (
        "from time import time\n"
        + SIGN_IN
        + "    await ask(self.a())\ndef a(self):\n    return b()\ndef b():\n    return time()\n",
        rules.reaches_outside,
    ),
    "an ask in a step": (SIGN_IN + "    await ask.once('a', lambda: ask(Code()))\n", rules.asks_inside_a_step),
    "a step in a step": (
        SIGN_IN + "    async def step():\n        return await ask.once('b', c)\n    await ask.once('a', step)\n",
        rules.asks_inside_a_step,
    ),
    "state of the connector": ("class A:\n    def b(self):\n        self.c = 1\n", rules.keeps_state),
    "state below the connector": ("class A:\n    def b(self):\n        self.c['d'] += 1\n", rules.keeps_state),
    "state of the class": ("class A:\n    def b(cls):\n        cls.c, d = 1, 2\n", rules.keeps_state),
    "nonlocal": (
        SIGN_IN
        + "    n = 0\n    async def step():\n        nonlocal n\n        n += 1\n    await ask.once('a', step)\n",
        rules.keeps_state,
    ),
    "global": ("def a():\n    global b\n    b = 1\n", rules.keeps_state),
}


def folder(where: Path, **files: str) -> Folder:
    for name, text in files.items():
        (where / f"{name}.py").write_text(text, "utf-8")
    return Folder(where)


def texts(findings: Iterable[Finding]) -> list[str]:
    return [f"{each.where}: {each.text}" for each in findings]


@pytest.mark.parametrize("case", BAD)
def test_what_a_sign_in_may_not_do_is_seen(case: str, tmp_path: Path) -> None:
    source, rule = BAD[case]
    assert texts(rule(folder(tmp_path, sign_in=source)))


@pytest.mark.parametrize("rule", rules.SIGN_IN_RULES)
def test_a_sign_in_as_it_should_be_is_let_through(rule: rules.Rule, tmp_path: Path) -> None:
    assert not texts(rule(folder(tmp_path, sign_in=GOOD)))


def test_a_function_of_another_file_is_part_of_the_sign_in_when_it_is_called(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        sign_in="from x import panes\n" + SIGN_IN + "    await ask(panes.first())\n",
        panes="import time\ndef first():\n    return Code(at=time.time())\ndef second():\n    return time.time()\n",
    )
    (found,) = texts(rules.reaches_outside(files))
    assert found.startswith("panes.py:3: `time.time` would run again after each answer")


def test_code_in_a_folder_below_is_seen(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "more.py").write_text("x = 1\n")
    assert texts(rules.hides_code(folder(tmp_path, sign_in=GOOD))) == [
        "inner/more.py: Code must be directly in the connector's folder, or in reads or writes. Move this file up."
    ]


def test_reads_may_stand_in_a_folder_of_their_own_and_the_sign_in_must_not_use_it(tmp_path: Path) -> None:
    (tmp_path / "reads").mkdir()
    (tmp_path / "reads" / "rows.py").write_text("import httpx2\n")
    assert not texts(rules.hides_code(folder(tmp_path, sign_in=GOOD)))
    line = f"from connectors.{tmp_path.name}.reads.rows import day\n"
    (found,) = texts(rules.hides_code(folder(tmp_path, sign_in=line + GOOD)))
    assert "is code for reads or writes" in found
    assert any("httpx2" in text for text in texts(forbidden_imports(folder(tmp_path, sign_in=GOOD), "x")))


@pytest.mark.parametrize(
    "line",
    [
        "import httpx2",
        "from httpx import Client",
        "import urllib.request",
        "from urllib import request",
        "import http.client",
        "import socket",
        "import ssl",
        "from playwright.async_api import Page",
        "import requests",
        "from cobalt_link.signin.replay import Suspend",
        "from cobalt_link.signin import replay",
        "import cobalt_link.net.transport",
        "from cobalt_link.net.http import Http",
        "from cobalt_link.net import http",
        "from cobalt_link.kit.clock import Clock",
        "from cobalt_link.connector.ask import Ask",
        "from cobalt_link.connector import installed",
        "from cobalt_link.conformance.check import check",
        "from cobalt_link.signin.journal import Entry",
        "from cobalt_link.vault import Vault",
        "from cobalt_link import vault",
        "from cobalt_link import settings",
        "from cobalt_link.web import Routes",
        "from cobalt_link.accounts.table import Accounts",
        "import cobalt_link",
        "from cobalt_link.store.database import Database",
        "from cobalt_link.connectors.sandbox import chart",
        "import subprocess",
        "import importlib",
        "from importlib import import_module",
        "import psycopg",
        "import cryptography.fernet",
        "from .. import other",
        "from ..other import x",
        "x = __import__('socket')",
        "exec('import socket')",
        "eval('1')",
    ],
)
def test_an_import_that_is_not_for_connectors_is_seen(line: str, tmp_path: Path) -> None:
    assert texts(forbidden_imports(folder(tmp_path, wire=line), "larkspur"))


@pytest.mark.parametrize(
    "line",
    [
        "from cobalt_link.connector import Http, JsonApi",
        "from cobalt_link import connector as cl",
        "import cobalt_link.connector",
        "from larkspur.wire import call",
        "from larkspur import sign_in",
        "from . import wire",
        "from .wire import call",
        "import json",
        "from urllib.parse import quote",
        "import msgspec",
        "import asyncio",
        "from lxml import etree",
        "import structlog",
        "from httpx2_like import x",
    ],
)
def test_an_import_of_the_connector_interface_and_of_plain_libraries_is_let_through(line: str, tmp_path: Path) -> None:
    assert not texts(forbidden_imports(folder(tmp_path, wire=line), "larkspur"))


def test_a_built_in_connector_may_import_itself_and_no_other(tmp_path: Path) -> None:
    lines = "from cobalt_link.connectors.sandbox.wire import x\nfrom cobalt_link.connectors.other.wire import y\n"
    (found,) = texts(forbidden_imports(folder(tmp_path, wire=lines), "cobalt_link.connectors.sandbox"))
    assert found.startswith("wire.py:2:")


def test_names_are_read_off_the_code_wherever_they_are_written(tmp_path: Path) -> None:
    names = names_in(
        folder(
            tmp_path,
            sign_in=SIGN_IN
            + "    await ask.once('plain', step)\n"
            + "    await ask.once(name='named', step=step)\n"
            + "    await ask.until('a' if place else 'b', poll, pane=Waiting(name='a'))\n"
            + "    await post(ask, 'given')\n"
            + "    await self.ask(Choice(name='clinic', options=(Option(value='1', label='one', known=True),)))\n"
            + "    await ask(pick('database'))\n"
            + "    await ask.once('_unseen', lambda: ask_nobody('not_a_name'))\n",
            helper="async def post(ask, name):\n    return await ask.once(name, step)\n"
            + "def pick(which):\n    return Choice(name=which, options=(Option(value='2', label='theirs'),))\n",
        )
    )
    assert names.steps.keys() == {"plain", "named", "a", "b", "given", "_unseen"}
    assert names.choices.keys() == {"clinic", "database"}
    assert names.options.keys() == {"one"}
    assert not names.unclear


def test_a_name_that_is_put_together_is_a_finding(tmp_path: Path) -> None:
    text = SIGN_IN + "    await ask.once('log' + x, step)\n    await ask(Choice(name=f'{x}', options=()))\n"
    found = texts(names_in(folder(tmp_path, sign_in=text)).unclear)
    assert [each.partition(": ")[0] for each in found] == ["sign_in.py:2", "sign_in.py:3"]


def test_a_line_of_a_toml_file_is_found_by_table_and_key(tmp_path: Path) -> None:
    file = tmp_path / "manifest.toml"
    file.write_text('key = "a"\n\n[reads]\npatients = []\n[consent.sees]\n"key" = "b"\n')
    assert lines.at_key(file, "key") == "manifest.toml:1"
    assert lines.at_key(file, "patients", "reads") == "manifest.toml:4"
    assert lines.at_key(file, "consent.sees.key") == "manifest.toml:6"
    assert lines.at_key(file, "reads") == "manifest.toml:3"
    assert lines.at_key(file, "nothing") == lines.at_key(tmp_path / "manifest.toml", "x") == "manifest.toml:1"


def test_a_case_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "cases.toml").write_text('[[case]]\nname = "One"\n[[case]]\nname = "Two"\n')
    assert lines.at_case(tmp_path / "cases.toml", "Two") == "cases.toml:4 (Two)"


def test_a_method_is_found_by_its_file_and_line() -> None:
    assert lines.at_code(rules.catches_everything).startswith("rules.py:")
