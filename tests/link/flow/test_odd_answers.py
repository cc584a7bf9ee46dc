"""An EHR that answers oddly while somebody signs in: a page that says so, and everything around it goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
from psycopg.types.json import Jsonb

from cobalt_link.app import House
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Choice, Code, Option, Waiting
from cobalt_link.connector.refusals import Locked
from cobalt_link.link.session.inspector import inspected
from tests.link.conftest import session_row
from tests.link.flow.test_runner import the_connector
from tests.support.text_browser import Browser, Page, go_on, link_by_http
from tests.support.world import Shop

SignIn = Callable[[Ask, EhrInstance], Awaitable[Grant]]
ANN = EhrUser(id="1", username="ann")
ODD = "sent an answer we don’t understand"


async def a_way_that_is_none(ask: Ask, instance: EhrInstance) -> Grant:
    way: Any = "x"
    await ask(Code(way=way))
    raise AssertionError


async def a_number_for_a_text(ask: Ask, instance: EhrInstance) -> Grant:
    number: Any = 47
    await ask.until("approval", poll, pane=Waiting(number=number))
    raise AssertionError


async def a_label_without_an_end(ask: Ask, instance: EhrInstance) -> Grant:
    await ask(Choice(name="clinic", options=(Option(value="1", label="x" * 2**20),)))
    raise AssertionError


async def a_label_that_no_database_takes(ask: Ask, instance: EhrInstance) -> Grant:
    await ask(Choice(name="clinic", options=(Option(value="1", label="a\x00b"),)))
    raise AssertionError


async def a_name_that_no_database_takes(ask: Ask, instance: EhrInstance) -> Grant:
    return Grant(user=EhrUser(id="1", username="ann", name="Ann\x00Lee"), tenant="t", session={})


async def a_result_without_an_end(ask: Ask, instance: EhrInstance) -> Grant:
    async def step() -> str:
        return "x" * 2**21

    await ask.once("log_in", step)
    raise AssertionError


async def a_user_without_an_id(ask: Ask, instance: EhrInstance) -> Grant:
    nobody: Any = None
    return Grant(user=EhrUser(id=nobody, username="ann"))


async def a_time_that_is_none(ask: Ask, instance: EhrInstance) -> Grant:
    soon: Any = "soon"
    return Grant(user=ANN, expires_at=soon)


async def poll() -> None:
    return None


async def still_works(house: House, acme: Shop, link: str, page: Page) -> None:
    session = await acme.session(link)
    assert session["events"][-1]["name"] in ("refused", "pane")
    assert (await inspected(house.db, house.link.sessions, (await session_row(house))["id"]))["state"] == "waiting"
    assert (await Browser(acme.http).open(page.url)).heading == page.heading


UNREADABLE: tuple[SignIn, ...] = (
    a_way_that_is_none, a_number_for_a_text, a_label_without_an_end, a_label_that_no_database_takes,
    a_name_that_no_database_takes, a_result_without_an_end, a_user_without_an_id, a_time_that_is_none,
)  # fmt: skip


async def test_what_cannot_be_read_back_is_a_refusal_and_is_never_stored(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    for sign_in in UNREADABLE:
        the_connector(house).sign_in = sign_in  # type: ignore[method-assign]
        link = await acme.link_token()
        page = await link_by_http(client, link, until="message")
        assert page.pane == "message" and ODD in page.heading, (sign_in.__name__, page.text)
        await still_works(house, acme, link, page)


async def test_a_refusal_with_odd_details_has_its_page(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    async def sign_in(ask: Ask, instance: EhrInstance) -> Grant:
        said: Any = {"user": {"name": ["a"]}, "what": b"\xff", "url": "x" * 9999}
        raise Locked(**said)

    the_connector(house).sign_in = sign_in  # type: ignore[method-assign]
    link = await acme.link_token()
    page = await link_by_http(client, link, until="message")
    assert page.heading == "Sandbox EHR locked this account"
    await still_works(house, acme, link, page)


async def test_a_pane_of_another_version_is_one_to_try_again_from(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    later = {"kind": "passkey", "name": "passkey", "challenge": "c"}
    await house.db.run("UPDATE link_sessions SET pane = %s", (Jsonb(later),))
    page = await Browser(client).open(page.url)
    assert ODD in page.heading
    await still_works(house, acme, link, page)
    page = await go_on(Browser(client), await Browser(client).submit(page, action="again"), "user_good", "pass_good")
    assert page.heading == "You’re connected"


async def test_a_choice_of_a_hundred_thousand_clinics_is_a_page_like_any_other(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    async def sign_in(ask: Ask, instance: EhrInstance) -> Grant:
        chosen = await ask.one_of("clinic", {str(n): f"Clinic {n}" for n in range(100_000)})
        return Grant(user=ANN, tenant=chosen)

    the_connector(house).sign_in = sign_in  # type: ignore[method-assign]
    page = await link_by_http(client, await acme.link_token(), until="choice")
    assert len(page.form.values("pick")) == 500 and len(page.response.content) < 300_000
    assert (await Browser(client).submit(page, pick="499")).heading == "You’re connected"
