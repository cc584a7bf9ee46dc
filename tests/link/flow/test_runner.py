"""The runner on a real database: races, deploys in mid-flow, endings, and what remains of secrets afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.refusals import StartedOver
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session.journal import _info
from cobalt_link.link.session.sessions import private_key_context
from cobalt_link.vault import CannotOpen, Keyring, Vault, open_with
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, Page, go_on, link_by_http, public_token_by_http, public_token_of
from tests.support.world import Sandbox, Shop, connected


def the_connector(house: House) -> Connector:
    return house.deps.connectors["sandbox"]


def locations(pages: list[httpx2.Response]) -> list[bool]:
    """For each answer whether it came too late."""
    return ["stale" in page.headers["location"] for page in pages]


async def post(http: httpx2.AsyncClient, page: Page, **typed: str) -> httpx2.Response:
    headers = {"Origin": str(http.base_url).rstrip("/")}
    return await http.post(page.form.action, data=page.form.fields | typed, headers=headers)


async def test_six_racing_submits_log_in_once(acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    typed = {"username": "user_good", "password": "pass_good"}
    answers = await asyncio.gather(*(post(client, page, **typed) for _ in range(6)))
    assert [each.status_code for each in answers] == [303] * 6  # S-034
    assert sorted(locations(answers)) == [False] + [True] * 5
    done = await Browser(client).open(page.form.action)
    assert done.pane == "done"
    assert await sandbox.logins() == 1


async def test_a_second_answer_to_a_pane_is_stale_and_changes_nothing(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), "user_code", until="credentials")
    browser = Browser(client)
    code = await browser.submit(page, username="user_code", password="pass_good")
    again = await browser.submit(page, username="user_good", password="pass_good")
    assert again.pane == "code" and again.stale
    assert again.form.fields["pane"] == code.form.fields["pane"]
    assert await sandbox.logins() == 1


async def test_an_answer_that_comes_during_a_poll_is_taken(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "ignore"})
    page = await link_by_http(client, await acme.link_token(), "user_push", until="waiting")
    await sandbox.lab("faults", {"slow_ms": 400, "only_path": "/api/login/push", "times": 1})
    await until_polled(sandbox)
    await sandbox.wait(31)  # the EHR sends no second push within half a minute
    page = await Browser(client).submit(page, action="resend")
    assert page.pane == "waiting" and not page.stale
    assert (await sandbox.counts())["pushes_sent"] == 2


async def test_i_have_approved_it_asks_the_ehr_at_once(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "ignore"})
    page = await link_by_http(client, await acme.link_token(), "user_push", until="waiting")
    page = await Browser(client).submit(page, action="check")
    assert page.pane == "waiting" and not page.stale
    answer = await sandbox.http.post("/api/_lab/users/user_push/push", json={"answer": "approve"})
    assert answer.status_code == 200
    assert (await Browser(client).submit(page, action="check")).pane == "done"


async def test_a_push_that_was_denied_can_be_sent_again(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "deny", "push_after": 0.0})
    page = await link_by_http(client, await acme.link_token(), "user_push", until="waiting")
    page = await Browser(client).submit(page, action="check")
    assert "You declined on your phone" in page.text
    await sandbox.lab("users/user_push", {"push_plan": "approve", "push_after": 0.0})
    await sandbox.wait(31)
    page = await Browser(client).submit(page, action="resend")
    page = await go_on(Browser(client), page, "user_push", "pass_good")
    assert page.pane == "done"
    assert await sandbox.logins() == 1


async def test_a_deploy_in_mid_flow_starts_over_and_says_so(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), "user_code", until="code")
    the_connector(house).version = "the next release"  # type: ignore[misc]
    page = await Browser(client).submit(page, code="123456")
    assert page.pane == "credentials" and "We had to start over" in page.text
    page = await go_on(Browser(client), page, "user_good", "pass_good")
    assert page.pane == "done"
    assert await sandbox.logins() == 2


async def test_an_org_that_got_another_ehr_in_mid_flow_starts_over_from_the_top_and_once(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    # If the org has no EHR, the user picks one. The journal then begins with the picker.
    link = await acme.link_token(emr_name=None, org_id="open")
    page = await link_by_http(client, link, until="credentials")
    await acme.link_token(org_id="open", emr_name="sandbox", emr_instance_domain=sandbox.address)
    await until_known(house.developers.orgs.by_id, (await session_row(house))["org"], "address")
    page = await Browser(client).submit(page, username="user_good", password="pass_good")
    assert page.pane == "consent" and "We had to start over" in page.text, page.text
    page = await go_on(Browser(client), page, "user_good", "pass_good")
    assert page.pane == "done"
    restarts = [each for each in (await acme.session(link))["events"] if each["code"] == "started_over"]
    assert len([each for each in restarts if each["name"] == "refused"]) == 1


async def test_a_sign_in_that_always_starts_over_does_not_spin(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    async def confused(ask: Ask, place: EhrInstance) -> Grant:
        raise StartedOver

    the_connector(house).sign_in = confused  # type: ignore[method-assign]
    page = await link_by_http(client, link := await acme.link_token())
    assert page.pane == "message" and page.heading == "We had to start over"
    assert len((await acme.session(link))["events"]) < 10


async def test_update_mode_of_an_account_disconnected_meanwhile_ends_in_a_clear_page(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    public = await public_token_by_http(client, await acme.link_token())
    access_token = (await acme.exchange(public)).json()["token"]
    link = await acme.link_token(access_token=access_token)
    account = (await acme.call("GET", "/v1/accounts")).json()["accounts"][0]["id"]
    assert (await acme.call("DELETE", f"/v1/accounts/{account}")).status_code == 200
    page = await link_by_http(client, link)
    assert (page.status, page.pane) == (200, "message")
    assert "disconnected" in page.text and page.form.values("action") == []


async def test_an_account_disconnected_while_it_is_repaired_is_not_brought_back(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    public = await public_token_by_http(client, await acme.link_token(), "user_code")
    access_token = (await acme.exchange(public)).json()["token"]
    page = await link_by_http(client, await acme.link_token(access_token=access_token), "user_code", until="code")
    account = (await acme.call("GET", "/v1/accounts")).json()["accounts"][0]["id"]
    assert (await acme.call("DELETE", f"/v1/accounts/{account}")).status_code == 200
    page = await Browser(client).submit(page, code="123456")
    assert page.pane == "message" and "disconnected" in page.text
    assert (await acme.call("GET", "/v1/accounts")).json()["accounts"] == []


async def test_nobody_goes_on_for_a_client_that_was_disabled(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    unopened = await acme.link_token()
    await house.developers.clients.disable(acme.record)
    await until_known(house.developers.clients.by_id, acme.record.id, "disabled_at")
    page = await Browser(client).submit(page, username="user_good", password="pass_good")
    assert (page.status, page.heading) == (404, "This link doesn’t work")
    assert (await Browser(client).open(f"/?token={unopened}")).status == 404
    assert await sandbox.logins() == 0


async def test_after_settling_nothing_in_the_journal_opens(
    house: House, acme: Shop, client: httpx2.AsyncClient, tmp_path: Path
) -> None:  # S-059
    page = await link_by_http(client, await acme.link_token(), "user_code", until="code")
    key = await house.db.one("SELECT sealed FROM link_session_keys")
    assert key is not None
    assert b"pass_good" in await opened_with_the_master_key(house, key["sealed"], tmp_path)
    page = await Browser(client).submit(page, code="123456")
    assert page.pane == "done"
    assert await house.db.rows("SELECT * FROM link_session_keys") == []
    link_session = await session_row(house)
    rows = await house.db.rows("SELECT n, sealed FROM journal WHERE sealed IS NOT NULL")
    assert len(rows) >= 4
    for private in every_key(tmp_path):
        for row in rows:
            with pytest.raises(CannotOpen):
                open_with(private, row["sealed"], _info(link_session["id"], row["n"]))


async def test_every_end_deletes_the_key_and_what_was_typed(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    for end in ("granted", "left", "expired"):
        page = await link_by_http(client, await acme.link_token(), f"error_{end}", "error_locked", until="message")
        page = await Browser(client).submit(page, action="again")
        assert page.form.fields["username"] == f"error_{end}"
        match end:
            case "granted":
                await go_on(Browser(client), page, "user_good", "pass_good")
            case "left":
                await client.post(
                    f"{page.form.action}/exit", data=page.form.fields, headers={"Origin": Browser(client).origin}
                )
            case "expired":
                clock.move(timedelta(minutes=31))
                await next(chore for chore in house.chores if chore.name == "expiry").work()
        row = await session_row(house)
        assert (row["state"], row["username"], row["pane"]) == (end, None, None)
        assert await house.db.rows("SELECT * FROM link_session_keys") == [], end


async def test_linking_the_same_user_again_gives_the_same_account_and_another_token(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    tokens = []
    for _ in range(2):
        async with connected(house) as http:
            public = await public_token_by_http(http, await acme.link_token())
        tokens.append((await acme.exchange(public)).json()["token"])
    accounts = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    assert len(accounts) == 1 and tokens[0] != tokens[1]


async def test_update_mode_repairs_with_the_same_token_and_refuses_another_ehr_user(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    public = await public_token_by_http(client, await acme.link_token())
    access_token = (await acme.exchange(public)).json()["token"]
    await sandbox.lab("users/user_good", {"password": "changed"})
    page = await link_by_http(client, await acme.link_token(access_token=access_token), until="credentials")
    assert page.pane == "credentials" and "Wrong username or password" in page.text
    assert page.form.fields["username"] == "user_good"
    page = await Browser(client).submit(page, username="user_code", password="changed")
    assert page.pane == "done"
    back = await Browser(client).submit(page)
    assert (await acme.exchange(public_token_of(back))).json()["token"] == access_token


async def until_polled(sandbox: Sandbox) -> None:
    """Until the fault has met the poll that it waits for."""
    async with asyncio.timeout(10):
        while (await sandbox.lab("faults"))["times"]:
            await asyncio.sleep(0.01)


async def opened_with_the_master_key(house: House, sealed: bytes, folder: Path) -> bytes:
    """All that the journal holds, for somebody who has database and master key while the link session is open."""
    row = await session_row(house)
    vault = Vault(Keyring.load(folder / "master.key"))
    private = vault.open(sealed, private_key_context(row["client"], row["id"]))
    entries = await house.db.rows("SELECT n, sealed FROM journal WHERE sealed IS NOT NULL")
    return b"".join(open_with(private, each["sealed"], _info(row["id"], each["n"])) for each in entries)


async def until_known(find: Callable[[str], Awaitable[object]], key: str, field: str) -> None:
    """Waits until a change has reached the short caches, which keep a value for a second."""
    async with asyncio.timeout(10):
        while getattr(await find(key), field) is None:
            await asyncio.sleep(0.02)


def every_key(folder: Path) -> list[bytes]:
    """Every key of the keyring, of its old ones too, as the private half of a pair."""
    ring = Keyring.load(folder / "master.key")
    return [key.key for key in (*ring.sealing.values(), *ring.hashing)]


async def test_a_crowd_at_a_slow_ehr_hides_no_other_session_from_the_sweep(
    acme: Shop, client: httpx2.AsyncClient, house: House
) -> None:
    await link_by_http(client, await acme.link_token(), until="credentials")
    row = await session_row(house)
    # A crowd of older sessions that are due at one instance, copied from a real row.
    columns = [name for name in row if name not in {"id", "link_token", "address", "state", "created_at"}]
    listed = ", ".join(columns)
    await house.db.run(
        f"INSERT INTO link_sessions (id, link_token, address, state, created_at, {listed})"  # type: ignore[arg-type]
        f" SELECT 'crowd' || n, sha256(n::text::bytea), 'https://slow.example', 'due', created_at - interval '1 hour',"
        f" {listed} FROM link_sessions, generate_series(1, 700) AS n WHERE id = %s",
        (row["id"],),
    )
    await house.db.run("UPDATE link_sessions SET state = 'due' WHERE id = %s", (row["id"],))
    due = await house.link.sessions.due(house.deps.clock.now())
    assert (row["id"], row["address"]) in due
    assert sum(address == "https://slow.example" for _, address in due) == 100
