"""What the operator may see of a link session: everything that happened, and nothing that the user typed."""

from __future__ import annotations

import httpx2
import msgspec
import pytest

from cobalt_link.app import House
from cobalt_link.kit.ids import reference
from cobalt_link.link.session.inspector import inspected
from cobalt_link.web.problems import NotFound
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, link_by_http
from tests.support.world import Shop


async def test_a_link_session_is_found_by_id_and_by_the_reference_on_its_pages(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    await link_by_http(client, await acme.link_token(), until="credentials")
    link_sessions, number = house.link.sessions, (await session_row(house))["id"]
    shown = await inspected(house.db, link_sessions, number)
    assert await inspected(house.db, link_sessions, reference(number).lower()) == shown
    assert (shown["state"], shown["pane"], shown["connector"]) == ("waiting", "credentials", "sandbox")
    assert shown["reference"] == reference(number)
    with pytest.raises(NotFound, match="There is no link session XXXX"):
        await inspected(house.db, link_sessions, "XXXX")


async def test_it_shows_every_step_and_nothing_that_was_typed(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-049
    page = await link_by_http(client, await acme.link_token(), "user_code", until="code")
    await Browser(client).submit(page, code="987654")
    shown = await inspected(house.db, house.link.sessions, (await session_row(house))["id"])
    steps = [(line["kind"], line["name"], line["state"]) for line in shown["journal"]]
    assert [event["name"] for event in shown["events"]][:2] == ["opened", "pane"]
    assert steps == [
        ("step", "check_address", "done"),
        ("ask", "consent", "done"),
        ("step", "_connector_version", "done"),
        ("ask", "credentials", "done"),
        ("step", "log_in", "done"),
        ("ask", "code", "done"),
        ("step", "check_code", "refused"),
    ]
    text = msgspec.json.encode(shown)
    assert not [each for each in (b"pass_good", b"987654", b"user_code", b"sealed") if each in text]
