"""The upkeep of Link: it expires and deletes link sessions, and removes their keys from the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session.upkeep import LinkUpkeep
from cobalt_link.store.embedded import acquire
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, link_by_http, public_token_by_http
from tests.support.world import Sandbox, Shop, open_for_business, opened, settings_for, shop

TABLES: tuple[LiteralString, ...] = (
    "link_tokens",
    "link_summaries",
    "link_sessions",
    "link_session_keys",
    "journal",
    "public_tokens",
    "exchanges",
    "link_events",
)


@pytest.fixture
def upkeep(house: House) -> LinkUpkeep:
    return upkeep_of(house)


def upkeep_of(house: House) -> LinkUpkeep:
    expiry = next(chore for chore in house.chores if chore.name == "expiry")
    return expiry.work.__self__  # type: ignore[attr-defined]


async def counts(house: House) -> dict[str, int]:
    rows = [await house.db.one(f"SELECT count(*) AS n FROM {name}") for name in TABLES]
    return {name: row["n"] for name, row in zip(TABLES, rows, strict=True) if row}


async def test_a_link_session_past_its_time_ends_and_no_other(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, upkeep: LinkUpkeep
) -> None:
    link = await acme.link_token()
    await link_by_http(client, link, until="credentials")
    clock.move(timedelta(minutes=20))
    await link_by_http(client, young := await acme.link_token(user_id="young"), until="credentials")
    clock.move(timedelta(minutes=10, seconds=1))
    await upkeep.expire()
    assert [(await acme.session(each))["state"] for each in (link, young)] == ["expired", "open"]
    assert (await acme.session(link))["events"][-1]["name"] == "expired"
    await upkeep.expire()
    assert [each["name"] for each in (await acme.session(link))["events"]].count("expired") == 1
    assert (await counts(house))["link_session_keys"] == 1


async def test_a_granted_link_session_does_not_expire_under_the_user(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, upkeep: LinkUpkeep
) -> None:
    link = await acme.link_token()
    page = await link_by_http(client, link)
    clock.move(timedelta(hours=1))
    await upkeep.expire()
    assert (await acme.session(link))["state"] == "granted"
    assert (await Browser(client).submit(page)).response.status_code == 303


async def test_after_the_stated_days_nothing_of_a_session_is_left(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, upkeep: LinkUpkeep
) -> None:  # S-098
    public = await public_token_by_http(client, await acme.link_token(), "user_code")
    assert (await acme.exchange(public, "order-1")).status_code == 200
    await link_by_http(client, await acme.link_token(user_id="2"), until="credentials")
    await acme.link_token(user_id="never opened")
    clock.move(timedelta(minutes=31))
    await upkeep.expire()
    clock.move(timedelta(days=30) - timedelta(minutes=32))
    await upkeep.prune()
    kept = await counts(house)
    assert kept["link_sessions"] == 2 and kept["link_tokens"] == 3 and kept["journal"] > 0 and kept["link_events"] > 0
    assert kept["public_tokens"] == kept["exchanges"] == 0
    # The day is dropped as a whole when its last session is past its time, up to a day and two lives later.
    clock.move(timedelta(days=1, hours=1, minutes=33))
    await upkeep.prune()
    assert await counts(house) == dict.fromkeys(TABLES, 0)
    accounts = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    assert len(accounts) == 1, "The linked account is not a session, and stays."


async def test_a_thousand_old_sessions_are_forgotten_in_one_round(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, upkeep: LinkUpkeep
) -> None:  # S-098
    await link_by_http(client, await acme.link_token())
    columns = "client, org, user_id, browser, state, public_key, granted, created_at, expires_at, settled_at"
    await house.db.run(
        f"""INSERT INTO link_sessions (id, link_token, {columns})
            SELECT n::text, sha256(n::text::bytea), {columns} FROM link_sessions, generate_series(1, 1000) n"""
    )
    await house.db.run(
        "INSERT INTO journal SELECT id, 1, 'ask', 'consent', 'done', 'x', now(), now() FROM link_sessions"
        " WHERE id NOT IN (SELECT link_session FROM journal)"
    )
    clock.move(timedelta(days=33))
    await upkeep.prune()
    assert await counts(house) == dict.fromkeys(TABLES, 0)


@pytest.fixture
async def server_of_ours(tmp_path: Path, sandbox: Sandbox, clock: MovedClock) -> AsyncIterator[tuple[House, Path]]:
    """A house on a server of its own, whose files can be searched."""
    async with (
        await acquire(tmp_path / "postgres") as lease,
        opened(settings_for(tmp_path, lease.dsn, sandbox.address), clock) as house,
    ):
        yield house, tmp_path / "postgres" / "data"


async def test_the_keys_of_ended_link_sessions_leave_table_and_log(
    server_of_ours: tuple[House, Path], clock: MovedClock
) -> None:  # S-064
    house, data = server_of_ours
    for end in ("granted", "left", "expired"):
        async with open_for_business(house) as http:
            acme = await shop(house, http, "Acme Scribe")
            page = await link_by_http(http, await acme.link_token(), until="credentials")
            key = (await house.db.one("SELECT sealed FROM link_session_keys") or {})["sealed"][9:]
            await house.db.run("CHECKPOINT")
            assert holding(data, key) == {"base", "pg_wal"}, end
            match end:
                case "granted":
                    typed = {"username": "user_good", "password": "pass_good"}
                    assert (await Browser(http).submit(page, **typed)).pane == "done"
                case "left":
                    headers = {"Origin": Browser(http).origin}
                    await http.post(f"{page.form.action}/exit", data=page.form.fields, headers=headers)
                case "expired":
                    clock.move(timedelta(minutes=31))
        upkeep = upkeep_of(house)
        await upkeep.expire()
        assert (await session_row(house))["state"] == end
        await house.db.run("CHECKPOINT")
        assert holding(data, key), f"{end}: deleting alone would not do; should this fail one day, shredding can go."
        assert await upkeep.shred(), end
        assert holding(data, key) == set(), end
        assert not await upkeep.shred(), f"{end}: nothing has ended since, so the table is left alone."


async def test_every_worker_shreds_within_the_hour(house: House) -> None:  # S-064
    chore = next(each for each in house.chores if each.name == "shredding of link session keys")
    assert chore.seconds <= 1200


def holding(data: Path, needle: bytes) -> set[str]:
    """Under `base/` are the tables, under `pg_wal/` is the log."""
    found = (file for file in data.rglob("*") if file.is_file() and needle in file.read_bytes())
    return {file.relative_to(data).parts[0] for file in found}
