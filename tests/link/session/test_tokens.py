"""Link tokens and public tokens: how long they live, whom they serve, where they appear, and what is stored of them."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psutil
import psycopg
import pytest

from cobalt_link.app import House
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from cobalt_link.kit.logs import configure_logging
from tests.support.proof import ISSUED_TOKENS
from tests.support.text_browser import Browser, go_on, link_by_http, public_token_by_http, public_token_of
from tests.support.world import CALLBACK, Sandbox, Shop, connected, shop

SECOND = timedelta(seconds=1)
TOKEN = re.compile(rb"_test_[0-9A-Za-z]{49}")


async def opens(house: House, link: str) -> bool:
    async with connected(house) as http:
        page = await Browser(http).open(f"/?token={link}")
    assert page.pane or (page.status, page.heading) == (410, "This page timed out")
    return page.pane is not None


async def test_a_link_token_lives_thirty_minutes_to_the_second_and_from_five_minutes_to_a_week_if_asked(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:  # S-001
    public = await public_token_by_http(client, await acme.link_token())
    access = {"access_token": (await acme.exchange(public)).json()["token"]}
    lives: list[tuple[int, dict[str, Any]]] = [
        (1800, {}), (1800, access), *((seconds, {"expires_in": seconds}) for seconds in (300, 604800)),
    ]  # fmt: skip
    for seconds, wanted in lives:
        in_time, late = await acme.link_token(**wanted), await acme.link_token(**wanted)
        clock.move(timedelta(seconds=seconds) - SECOND)
        assert await opens(house, in_time), (seconds, wanted)
        clock.move(2 * SECOND)
        assert not await opens(house, late), (seconds, wanted)
    for beyond in (299, 604801):
        answer = await acme.call(
            "POST", "/link/token/create", json={"user_id": "u", "org_id": "o", "expires_in": beyond}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), beyond


async def test_one_link_session_with_many_tries_inside(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    # S-001
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    for _ in range(3):
        page = await Browser(client).submit(page, username="user_good", password="wrong")
        assert page.pane == "credentials" and "Wrong username or password" in page.text
    assert (await go_on(Browser(client), page, "user_good", "pass_good")).pane == "done"
    assert (await acme.session(link))["state"] == "granted"


async def test_a_link_session_ends_thirty_minutes_after_it_was_opened(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    clock.move(timedelta(minutes=30) + SECOND)
    page = await Browser(client).submit(page, username="user_good", password="pass_good")
    assert (page.status, page.heading) == (410, "This page timed out")
    assert await sandbox.logins() == 0
    assert (await acme.session(link))["state"] == "expired"


async def test_another_clients_tokens_are_exactly_like_unknown_ones(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-004
    link = await acme.link_token()
    public = await public_token_by_http(client, link)
    used = await acme.link_token(user_id="user-2")
    async with connected(house) as http:
        access = (await acme.exchange(await public_token_by_http(http, used))).json()["token"]
    others = [
        await shop(house, client, "Rival Notes"),
        await shop(house, client, "Acme Live", test=False, callback_urls=["https://acme.example/linked"]),
    ]
    unknown = {kind: tokens.mint(kind, "test") for kind in (tokens.LINK, tokens.PUBLIC, tokens.ACCESS)}
    for other in others:
        for ask in ways_to_use_a_token(other):
            for mine, nobodys in ((link, unknown["lt"]), (public, unknown["pt"]), (access, unknown["at"])):
                connector_texts, none = seen_in(await ask(mine)), seen_in(await ask(nobodys))
                assert connector_texts == none and connector_texts[0] >= 400
    assert (await acme.exchange(public)).status_code == 200


def ways_to_use_a_token(app: Shop) -> list[Callable[[str], Awaitable[httpx2.Response]]]:
    return [
        lambda token: app.exchange(token),
        lambda token: app.call("POST", "/link/token/exchange", json={"public_token": token}),
        lambda token: app.call("GET", "/link/token/get", params={"link_token": token}),
        lambda token: app.call("POST", "/link/token/create", json={"access_token": token}),
        lambda token: app.call("DELETE", "/v1/accounts/x", access_token=token),
        lambda token: app.call("GET", "/v1/settings", access_token=token),
    ]


def seen_in(answer: httpx2.Response) -> tuple[int, dict[str, object], list[str]]:
    """All of an answer but its request id and date."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, body, sorted(set(answer.headers) - {"date", "x-request-id"})


async def test_tokens_stand_in_two_urls_only_and_leave_the_address_bar_at_once(
    acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-009
    link = await acme.link_token(state="abc def")
    first = await client.get("/", params={"token": link})
    assert first.status_code == 303 and link not in first.headers["location"]
    browser = Browser(client)
    page = await browser.open(str(first.url.join(first.headers["location"])))
    page = await go_on(browser, page, "user_code", "pass_good")
    back = await browser.submit(page)
    assert back.response.status_code == 303
    public = public_token_of(back)
    assert [each for each in browser.seen if "lt_" in each or "pt_" in each or "at_" in each] == []
    target = urlsplit(back.response.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
    assert target.query == f"token={public}&public_token={public}&state=abc+def"
    assert back.response.headers["referrer-policy"] == "same-origin"
    assert back.response.headers["cache-control"] == "no-store"


PANES = [
    ("picker", "user_good", "picker"),
    ("consent", "user_good", "consent"),
    ("credentials", "user_good", "credentials"),
    ("code", "user_code", "code"),
    ("choice", "user_choice", "code_way"),
    ("waiting", "user_push", "approval"),
    ("message", "error_locked", ""),
]


async def test_the_apps_server_learns_at_every_pane_how_it_stands_though_the_browser_died(
    house: House, acme: Shop, sandbox: Sandbox
) -> None:  # S-006
    for pane, username, name in PANES:
        link = await (acme.link_token(org_id="open", emr_name=None) if pane == "picker" else acme.link_token())
        assert (await acme.session(link))["state"] == "created"
        async with connected(house) as http:
            password = username if pane == "message" else "pass_good"
            assert (await link_by_http(http, link, username, password, until=pane)).pane == pane
        session = await acme.session(link)
        assert session["state"] == "open" and session["public_token"] is None
        events = session["events"]
        assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
        assert events[0]["name"] == "opened"
        assert (events[-1]["pane"], events[-1]["code"]) == ((None, "locked") if pane == "message" else (name, None))
    async with connected(house) as http:
        page = await link_by_http(http, link := await acme.link_token(), until="done")
        assert page.pane == "done"
    session = await acme.session(link)
    assert session["state"] == "granted" and session["account_id"]
    assert (await acme.exchange(session["public_token"])).status_code == 200
    after = await acme.session(link)
    assert (after["state"], after["public_token"]) == ("exchanged", None)


async def test_asking_again_and_again_leaves_one_event_and_tokens_that_are_worth_one_access_token(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    link = await acme.link_token()
    assert (await link_by_http(client, link)).pane == "done"
    public = [(await acme.session(link))["public_token"] for _ in range(5)]
    names = [each["name"] for each in (await acme.session(link))["events"]]
    assert names.count("handed_over") == 1
    assert [(await acme.exchange(each)).status_code for each in public] == [200, 400, 400, 400, 400]


async def test_no_issued_token_rests_on_the_disk_in_the_log_or_in_the_databases_memory(
    house: House, acme: Shop, client: httpx2.AsyncClient, server_dsn: str
) -> None:  # S-046
    folder = Path(str(psycopg.conninfo.conninfo_to_dict(server_dsn).get("passfile", "/nowhere/x"))).parent
    if not (folder / "data").exists():
        pytest.skip("The files of a server that was given can't be read here.")
    log = io.StringIO()
    configure_logging(json=False, level="debug", stream=log)
    issued = await every_kind_of_token(house, acme, client, ISSUED_TOKENS.times)
    await house.db.run("CHECKPOINT")
    # It may have recycled the log so far. What must be found there is written once more.
    await house.db.run("UPDATE clients SET name = name")
    own = await house.db.one("SELECT oid, pg_backend_pid() AS pid FROM pg_database WHERE datname = current_database()")
    assert own
    there, seen = acme.record.client_id.encode(), list[str]()
    for place, content in places(folder, own["pid"]):
        seen += [place] if there in content else []
        found = {content[each.start() - 2 : each.end()].decode() for each in re.finditer(TOKEN, content)}
        assert found.isdisjoint(issued), place
        # The password is every test's: only in our own tables is it known not to be another's.
        assert f"/base/{own['oid']}/" not in place or b"pass_good" not in content, place
    assert any("/base/" in each for each in seen), "The search would not find what does rest there."
    assert any("/pg_wal/" in each for each in seen), seen
    assert there.decode() in log.getvalue()
    assert [each for each in [*issued, "pass_good"] if each in log.getvalue()] == []
    if os.geteuid() and not any(each.startswith("memory") for each in seen):
        pytest.skip("Files and log hold no token. The memory of another process can't be read here (ptrace_scope).")
    assert any(each.startswith("memory") for each in seen), seen
    print(f"S-046: {len(issued)} issued tokens, 0 found in {len(log.getvalue())} bytes of log, files, WAL, and memory")


async def every_kind_of_token(house: House, acme: Shop, client: httpx2.AsyncClient, many: int) -> list[str]:
    """On their usual ways first, then many of each kind."""
    issued = [acme.secret]
    for number in range(3):
        issued.append(await acme.link_token(user_id=f"user-{number}"))
        async with connected(house) as http:
            issued.append(await public_token_by_http(http, issued[-1], "user_code"))
        issued.append((await acme.exchange(issued[-1], f"order-{number}")).json()["token"])
    issued.append(await acme.link_token(access_token=issued[-1]))
    finished = await acme.link_token(user_id="finished")
    assert (await link_by_http(client, finished)).pane == "done"
    (account, *_) = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    for number in range(many - len(issued)):
        match number % 4:
            case 0:
                issued.append(await acme.link_token(user_id=f"many-{number}"))
            case 1:
                issued.append((await acme.session(finished))["public_token"])
            case 2:
                answer = await acme.call("POST", f"/v1/accounts/{account['id']}/rotate-token")
                issued.append(answer.json()["token"])
            case 3:
                issued.append((await shop(house, client, f"App {number}")).secret)
    return issued


def places(folder: Path, backend: int) -> Iterator[tuple[str, bytes]]:
    """Every file of the database server, WAL included, and the memory of each of its processes, as a core dump has it.

    `backend` is one of those."""
    # `os.walk` passes over a folder that goes while it looks: the database of another test, dropped at this moment.
    for where, _, names in os.walk(folder):
        for name in names:
            file = Path(where, name)
            with suppress(FileNotFoundError):
                if file.is_file():
                    yield str(file), file.read_bytes()
    postmaster = psutil.Process(backend).parent()
    assert postmaster
    for process in [postmaster, *postmaster.children()]:
        with suppress(OSError):  # one that has just ended
            # What they share is read once.
            yield f"memory of {process.pid}", b"".join(memory(process.pid, "rw" if process == postmaster else "rw-p"))


def memory(pid: int, wanted: str) -> Iterator[bytes]:
    """What a core dump would hold of a process: all that it may write."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            first, last = (int(each, 16) for each in span.split("-"))
            if rights.startswith(wanted):
                with suppress(OSError, ValueError, OverflowError):  # of the kernel's own
                    memory.seek(first)
                    yield memory.read(last - first)


async def test_a_test_client_learns_at_once_that_it_sees_only_the_sandbox(acme: Shop) -> None:
    wanted = {"user_id": "u", "org_id": "gnu", "emr_name": "GNU Health", "emr_instance_domain": "his.example.org"}
    refused = await acme.call("POST", "/link/token/create", json=wanted)
    assert (refused.status_code, refused.json()["error"]) == (400, "emr_not_offered")
