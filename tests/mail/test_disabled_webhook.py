"""The owner of a webhook that is disabled is told by e-mail, beside the event to the other webhooks."""

from __future__ import annotations

from datetime import datetime, timedelta

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.mail.server import MailServer
from tests.net.wires import plain
from tests.support.world import Shop
from tests.webhooks.receiver import receiving, record, register, settled, webhooks


# S-070
async def test_after_five_days_of_failure_the_owner_has_an_e_mail_without_the_url(
    house: House, acme: Shop, server: MailServer, clock: MovedClock
) -> None:
    await house.developers.clients.update(acme.record, contact_email="ops@app.example.com")
    async with receiving(plain(b"", "500 Internal Server Error")) as receiver:
        hook = await register(acme, f"{receiver.url}/canary-in-a-url")
        while hook["state"] == "enabled":
            await record(house, acme, "task.created")
            await settled(house)
            (hook,) = await webhooks(acme)
            since = datetime.fromisoformat(hook["failing_since"])
            await house.mail.mail.sweep()
            assert bool(server.raw) == (hook["state"] == "disabled")  # not before
            clock.move(timedelta(hours=12))
        assert datetime.fromisoformat(hook["disabled_at"]) - since >= timedelta(days=5)
        gone = await register(acme, f"{receiver.url}/gone")
        receiver.answers = plain(b"", "410 Gone")
        await record(house, acme, "task.created")
        await settled(house)
        await house.mail.mail.sweep()
    first, second = server.mails
    assert first["To"] == "ops@app.example.com" and hook["id"] in first["Subject"]
    assert f"failed since {since:%Y-%m-%d %H:%M} UTC" in first.get_content()
    assert gone["id"] in second["Subject"] and "answered 410 Gone" in second.get_content()
    for each in (acme.secret, hook["secret"], "canary", receiver.url):
        assert each.encode() not in b"".join(server.raw)
