"""E-mails to the owners of clients: stored with the change, sent at least once, and not too many."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from cobalt_link.app import House
from cobalt_link.developers import addresses
from cobalt_link.developers.addresses import AddressProblem
from cobalt_link.developers.clients import Client
from cobalt_link.kit.clock import MovedClock
from cobalt_link.mail import letters
from cobalt_link.mail.letters import MailSender
from cobalt_link.mail.outbox import DELAYS, MOST
from tests.mail.server import MailServer

DISABLED = {"webhook_id": "wh_1", "reason": "failing", "failing_since": "2026-03-04T05:06:07+00:00"}


async def post(house: House, client: Client, **data: Any) -> None:
    async with house.db.transaction() as tx:
        await house.mail.mail.post(tx, client.id, "webhook_disabled", {**DISABLED, **data})


async def left(house: House) -> int:
    row = await house.db.one("SELECT count(*) AS count FROM mails WHERE done_at IS NULL")
    return row["count"] if row else 0


async def test_a_letter_says_what_happened_and_what_to_do(house: House, owned: Client, server: MailServer) -> None:
    await post(house, owned)
    await house.mail.mail.sweep()
    (message,) = server.mails
    assert message["To"] == "ops@app.example.com" and message["From"] == "Riverside IT <link@example.com>"
    assert message["Subject"] == "Webhook wh_1 of Larkspur Notes is disabled"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "failed since 2026-03-04 05:06 UTC" in text and house.settings.public_url in text
    assert '"webhook_id": "wh_1", "start": "2026-03-04T05:06:07+00:00", "undelivered_only": true' in text
    await house.mail.mail.sweep()
    assert len(server.raw) == 1


async def test_what_is_rolled_back_is_not_sent(house: House, owned: Client, server: MailServer) -> None:
    async with house.db.transaction() as tx:
        await house.mail.mail.post(tx, owned.id, "webhook_disabled", DISABLED)
        raise psycopg.Rollback
    await house.mail.mail.sweep()
    assert server.raw == []


async def test_an_e_mail_comes_again_with_one_id_until_it_is_taken_or_three_days_are_over(
    house: House, owned: Client, server: MailServer, clock: MovedClock
) -> None:
    server.answers = {"TAKEN": "451 later"}
    await post(house, owned)
    for number, wait in enumerate(DELAYS, 1):
        await house.mail.mail.sweep()
        await house.mail.mail.sweep()
        assert len(server.raw) == number
        clock.move(wait)
    assert sum(DELAYS, timedelta()) > timedelta(days=3)
    assert len({each["Message-ID"] for each in server.mails}) == 1 and await left(house) == 1
    await house.mail.mail.sweep()
    assert await left(house) == 0  # given up
    await post(house, owned)
    server.answers = {"RCPT": "550 no such mailbox"}
    await house.mail.mail.sweep()
    assert await left(house) == 0


async def test_workers_share_the_work_and_take_over_from_one_that_died(
    house: House, owned: Client, server: MailServer
) -> None:
    for number in range(8):
        await post(house, owned, webhook_id=f"wh_{number}")
    dead = "UPDATE mails SET fence = 1, claim = 1, claimed_until = clock_timestamp() + interval '1 minute'"
    await house.db.run(dead + " WHERE data ->> 'webhook_id' = 'wh_0'")
    await asyncio.gather(*(house.mail.mail.sweep() for _ in range(4)))
    assert sorted(each["Subject"][8:12] for each in server.mails) == [f"wh_{number}" for number in range(1, 8)]
    await house.db.run("UPDATE mails SET claimed_until = clock_timestamp() - interval '1 second' WHERE done_at IS NULL")
    await house.mail.mail.sweep()
    assert len(server.raw) == 8 and await left(house) == 0


async def test_a_client_gets_at_most_so_many_in_a_day(
    house: House, owned: Client, server: MailServer, clock: MovedClock
) -> None:
    for _ in range(MOST + 5):
        await post(house, owned)
    assert await left(house) == MOST
    await house.mail.mail.sweep()
    other, _ = await house.developers.clients.create("Other", contact_email="ops@other.example.com")
    await post(house, other)
    assert await left(house) == 1
    clock.move(timedelta(days=1, seconds=1))
    await post(house, owned)
    assert await left(house) == 2
    await house.mail.mail.prune()
    row = await house.db.one("SELECT count(*) AS count FROM mails")
    assert row == {"count": 2}


async def test_a_letter_that_cannot_be_written_stops_no_other(house: House, owned: Client, server: MailServer) -> None:
    await post(house, owned, reason="of a newer version")
    await post(house, owned, webhook_id="wh_2")
    await house.mail.mail.sweep()
    assert [each["Subject"][8:12] for each in server.mails] == ["wh_2"] and await left(house) == 1


def test_nothing_that_others_choose_adds_a_header() -> None:
    evil, sender = "x\r\nBcc: all@example.net", MailSender("link@example.com", "Riverside", "")
    for contact, name, hook in [
        (f"a@example.com{evil}", "Notes", "wh_1"),
        ("a@example.com", evil, "wh_1"),
        ("a@example.com", "Notes", evil),
    ]:
        client = Client("c", "c", name, "live", contact_email=contact)
        with pytest.raises(ValueError):
            letters.written("1", "webhook_disabled", {**DISABLED, "webhook_id": hook}, sender, client)
    with pytest.raises(AddressProblem):
        addresses.contact(f"a@example.com{evil}")


async def test_a_client_without_an_address_gets_none(house: House, owned: Client, server: MailServer) -> None:
    await house.developers.clients.update(owned, contact_email=None)
    await post(house, owned)
    await house.mail.mail.sweep()
    assert server.heard == [] and await left(house) == 0
