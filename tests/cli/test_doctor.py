import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
import uvicorn
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from starlette.types import ASGIApp, Receive, Scope, Send

from cobalt_link.cli.check_address import check_address, check_proxy
from cobalt_link.cli.check_database import check_database, skew
from cobalt_link.cli.check_files import check_files
from cobalt_link.cli.diagnostics import Diagnostic
from cobalt_link.developers import api
from cobalt_link.settings import load
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web import Auth, Call, mount
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import Unauthorized
from cobalt_link.web.system import System, routes
from tests.cli.cobalt import Said
from tests.cli.conftest import Run

Proxy = Callable[[ASGIApp], ASGIApp]


def by_name(findings: list[Diagnostic]) -> dict[str, Diagnostic]:
    return {each.what: each for each in findings}


async def test_a_healthy_installation_is_all_ok_and_a_sleeping_server_a_warning(run: Run) -> None:
    said = await run("doctor", "--json", COBALT_PUBLIC_URL="http://127.0.0.1:9")
    found = {each["what"]: each for each in said.json["findings"]}
    assert (said.code, said.json["healthy"]) == (0, True), said
    assert {name for name, each in found.items() if each["state"] == "ok"} >= {
        "master key", "data folder", "database", "clock", "schema", "LISTEN", "host names",
    }  # fmt: skip
    assert (found["public address"]["state"], "cobalt serve" in found["public address"]["fix"]) == ("warn", True)


async def test_what_fails_sets_the_exit_code_and_names_its_fix(run: Run, data: Path, empty_dsn: str) -> None:
    (data / "master.key").chmod(0o644)
    said = await run("doctor", DATABASE_URL=empty_dsn, COBALT_EHR_ADDRESSES="sandbox=http://nowhere.invalid:9100")
    assert said.code == 1
    assert "FAIL  master key" in said.out
    assert "warn  schema" in said.out and "cobalt migrate" in said.out
    assert "FAIL  host names: nowhere.invalid (EHR sandbox)" in said.out


async def test_accounts_outside_the_list_of_ehr_domains_are_counted_by_address(run: Run, db: Database) -> None:
    await db.run(
        """INSERT INTO accounts (id, client, org, org_id, user_id, connector, address, tenant, reference, health,
                                 linked_at)
           SELECT md5(n::text), 'c', 'o', 'o', 'u', CASE WHEN n > 5 THEN 'gnuhealth' ELSE 'sandbox' END,
                  'https://' || CASE WHEN n % 2 = 0 THEN 'old' ELSE 'new' END || '.example', '', 'u', 'active', now()
           FROM generate_series(1, 8) n"""
    )

    async def found(listed: str) -> tuple[dict[str, str] | None, int]:
        said = await run("doctor", "--json", COBALT_ALLOWED_EHR_DOMAINS=listed, COBALT_PUBLIC_URL="http://127.0.0.1:9")
        named = [each for each in said.json["findings"] if each["what"] == "EHR domains"]
        return (named[0] if named else None), said.code

    outside, code = await found("sandbox=new.example")
    assert outside is not None and (outside["state"], code) == ("warn", 0)
    assert "2 at https://old.example (sandbox)" in outside["text"] and "gnuhealth" not in outside["text"]
    assert "COBALT_ALLOWED_EHR_DOMAINS" in outside["fix"]
    allowed, _ = await found("sandbox=*.example, gnuhealth=old.example new.example")
    assert allowed is not None and allowed["state"] == "ok"
    assert (await found(""))[0] is None
    wrong, code = await found("sandbos=new.example")
    assert wrong is not None and (wrong["state"], code) == ("fail", 1) and "Did you mean sandbox?" in wrong["text"]


async def test_a_keyring_of_another_database_is_a_finding_and_stops_the_server(
    run: Run, data: Path, db: Database
) -> None:
    # S-061
    keys = DataKeys(db, Vault(Keyring.load(data / "master.key")))
    async with db.transaction() as tx:
        await keys.create(tx, "account:1")
    (found,) = [each for each in (await run("doctor", "--json")).json["findings"] if each["what"] == "keys of accounts"]
    assert found["state"] == "ok"
    own = Keyring.load(data / "master.key").primary
    (data / "master.key").unlink()
    Keyring.generate().save(data / "master.key")
    said = await run("doctor", "--json")
    (found,) = [each for each in said.json["findings"] if each["what"] == "keys of accounts"]
    assert said.code == 1 and found["state"] == "fail" and own in found["text"]
    said = await run("serve")
    assert said.code == 1 and own in said.err and "Restore the copy of master.key" in said.err


async def test_a_database_that_does_not_answer_is_a_finding(run: Run) -> None:
    said = await run("doctor", "--json", DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert (said.code, by_name_json(said)["database"]["state"]) == (1, "fail")


def by_name_json(said: Said) -> dict[str, Any]:
    return {each["what"]: each for each in said.json["findings"]}


# S-093
async def test_a_database_that_could_lose_commits_is_a_finding(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        await connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    found = by_name(await check_database(dsn))
    assert (found["database"].state, "synchronous_commit" in found["database"].text) == ("fail", True)


async def test_where_signals_are_lost_a_transaction_pooler_is_suspected(dsn: str) -> None:
    async with through_a_pooler(dsn) as pooled:
        found = by_name(await check_database(pooled))
    assert (found["LISTEN"].state, "transaction pooler" in found["LISTEN"].text) == ("warn", True)
    assert found["database"].state == found["schema"].state == "ok"


@contextlib.asynccontextmanager
async def through_a_pooler(dsn: str) -> AsyncIterator[str]:
    """The database through a relay that, as a transaction pooler does, keeps no LISTEN after its statement."""
    parts = conninfo_to_dict(dsn)
    host, port = str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        there = (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if host[0] == "/"
            else asyncio.open_connection(host, port)
        )
        answers, questions = await there
        await asyncio.gather(pump(reader, questions, forget=True), pump(answers, writer, forget=False))
        tasks.discard(task)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, forget: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65536):
                target.write(piece.replace(b"LISTEN cobalt_doctor", b"SELECT 'forgotten'  ") if forget else piece)
                await target.drain()
        target.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield make_conninfo(dsn, host="127.0.0.1", port=server.sockets[0].getsockname()[1], sslmode="disable")
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (1, "ok"), (-30, "warn"), (30, "warn"), (-90, "fail"), (90, "fail")]
)
def test_clocks_that_disagree_are_a_finding(seconds: int, state: str) -> None:
    now = datetime.now(UTC)
    assert skew(now + timedelta(seconds=seconds), now, now + timedelta(milliseconds=10)).state == state


def test_a_slow_answer_is_no_wrong_clock() -> None:
    now = datetime.now(UTC)
    assert skew(now + timedelta(seconds=4), now, now + timedelta(seconds=9)).state == "ok"


def test_folders_that_others_can_enter_are_a_finding(data: Path) -> None:
    inside = data / "postgres"
    inside.mkdir(mode=0o755)
    inside.chmod(0o755)
    found = by_name(check_files(load({"data": data}, {})))
    assert (found["data folder"].state, f"chmod 700 {inside}" in found["data folder"].fix) == ("fail", True)
    inside.chmod(0o700)
    assert by_name(check_files(load({"data": data}, {})))["data folder"].state == "ok"


def test_a_data_folder_that_others_can_use_or_own_is_a_finding(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.chmod(0o750)
    found = by_name(check_files(load({"data": data}, {})))
    assert (found["data folder"].state, f"chmod 700 {data}" in found["data folder"].text) == ("fail", True)
    assert found["master key"].state == "fail"
    data.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    found = by_name(check_files(load({"data": data}, {})))
    assert (found["data folder"].state, "chown -R" in found["data folder"].text) == ("fail", True)


def test_a_database_password_that_others_can_read_is_a_finding(data: Path) -> None:
    file = data / "cobalt.toml"
    file.write_text('database_url = "postgresql://me:pw@db.example/x"\n')
    file.chmod(0o644)
    assert by_name(check_files(load({"data": data}, {})))["cobalt.toml"].state == "warn"


async def nobody(credentials: CallerCredentials, auth: Auth, call: Call) -> None:
    raise Unauthorized


def ours(app: ASGIApp) -> ASGIApp:
    return app


def dropping(*, underscores: bool = False, everything: bool = False) -> Proxy:
    """A proxy's habit: header names with underscores (nginx), or all of ours, do not arrive."""

    def behind(app: ASGIApp) -> ASGIApp:
        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                kept = [
                    (name, value)
                    for name, value in scope["headers"]
                    if not (underscores and b"_" in name) and not (everything and name.startswith(b"client"))
                ]
                scope = {**scope, "headers": kept}
            await app(scope, receive, send)

        return proxy

    return behind


def stranger(_: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<h1>It works!</h1>"})

    return app


@pytest.mark.parametrize(
    ("proxy", "what", "state", "fix"),
    [
        (ours, "public address", "ok", ""),
        (dropping(underscores=True), "header names", "fail", "underscores_in_headers on"),
        (dropping(everything=True), "header names", "fail", "pass on all headers"),
        (stranger, "public address", "fail", "COBALT_PUBLIC_URL"),
    ],
)
async def test_the_public_address_is_called_and_judged(
    tmp_path: Path, proxy: Proxy, what: str, state: str, fix: str
) -> None:
    app = proxy(mount([(api.routes, None)], authenticate=nobody))
    async with served(app) as url:
        found = by_name(await check_address(load({"data": tmp_path, "public_url": url}, {})))
    assert found[what].state == state
    assert fix in found[what].fix
    assert urlsplit(url).netloc in found[what].text


def forwarding(how: Callable[[bytes], bytes | None]) -> Proxy:
    """A proxy on this machine: `how` makes the X-Forwarded-For that it sends from the one that it got."""

    def behind(app: ASGIApp) -> ASGIApp:
        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            sent = how(headers.pop(b"x-forwarded-for", b""))
            more = [(b"x-forwarded-for", sent)] if sent is not None else []
            await app({**scope, "headers": [*headers.items(), *more]}, receive, send)

        return proxy

    return behind


async def ready() -> None:
    """The server can work."""


@pytest.mark.parametrize(
    ("proxy", "state"),
    [
        (forwarding(lambda sent: sent + b", 198.51.100.9"), "ok"),
        (forwarding(lambda sent: b"198.51.100.9"), "ok"),
        (forwarding(lambda sent: None), "warn"),
        (forwarding(lambda sent: sent), "fail"),
    ],
)
async def test_the_proxy_is_judged_by_what_it_says_of_the_caller(proxy: Proxy, state: str) -> None:
    room = System(document=dict, ready=ready, metrics=Metrics(), readers=("127.0.0.1", "203.0.113.7"))
    app = proxy(mount([(routes, room)], authenticate=nobody, trusted_proxies=["127.0.0.1"]))
    async with served(app) as url, httpx2.AsyncClient(base_url=url, verify=False) as browser:
        found = by_name(await check_proxy(browser))
    assert found["X-Forwarded-For"].state == state
    assert ("proxy_set_header" in found["X-Forwarded-For"].fix) == (state != "ok")
    assert found["metrics"].state == ("ok" if state == "ok" else "warn")


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """A real server on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, proxy_headers=False))
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
