"""When a session ends or a password changes at GNU Health: silence where that is possible, else Link once more."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.stories.chart_of_gnuhealth import days, texts
from tests.stories.conftest import Meet
from tests.stories.person import Person
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth
from tests.support.world import Shop

pytestmark = MARKS

# The contract's body (§3.4), byte for byte but for our request_id.
EXPIRED = {
    "success": False,
    "error": "login_required",
    "message": "Account link expired. Please go through the integration setup again.",
}


@pytest.fixture(autouse=True)
def as_found(gnuhealth: GnuHealth, gnuhealth_mfa: GnuHealth) -> Iterator[None]:
    """Passwords, logins and lock-outs of the shared servers are put back."""
    servers = {server: server.users["ccameron"] for server in (gnuhealth, gnuhealth_mfa)}
    gnuhealth_mfa.forget_codes()
    yield
    for server, password in servers.items():
        server.forget_attempts()
        if server.users["ccameron"] != password:
            server.set_password("ccameron", password)


class Linked:
    """An account of Cora Cameron's at one of the servers, through its whole life."""

    def __init__(self, app: Shop, meet: Meet, server: GnuHealth) -> None:
        self.app, self.meet, self.server = app, meet, server
        self.token = ""

    async def first(self) -> "Linked":
        wanted = {"org_id": "ward", "emr_name": "GNU Health", "emr_instance_domain": self.server.url}
        cora = await self.cora(await self.app.link_token(**wanted))
        await cora.go_on("credentials")
        await self.finish(cora)
        return self

    async def cora(self, link_token: str) -> Person:
        """Cora in a new browser, with Link open."""
        cora = self.meet("ccameron", self.server.users["ccameron"])
        await cora.open(link_token)
        return cora

    async def reconnecting(self) -> Person:
        return await self.cora(await self.app.link_token(access_token=self.token))

    async def finish(self, cora: Person) -> None:
        """Answers what is still asked, and keeps what the exchange gives."""
        if cora.page.pane == "credentials":
            await cora.sign_in()
        if cora.page.pane == "code":
            await cora.type(code=self.server.last_code("ccameron"))
        answer = (await self.app.exchange((await cora.return_to_app())["token"])).json()
        assert answer["success"], answer
        self.token = answer["token"]

    async def read(self) -> httpx2.Response:
        return await self.app.call("GET", "/v1/appointments", params=days(self.server), access_token=self.token)

    async def reads(self) -> bool:
        answer = await self.read()
        return answer.status_code == 200 and len(answer.json()["appointments"]) == 9

    async def health(self) -> dict[str, Any]:
        (account,) = (await self.app.call("GET", "/v1/accounts")).json()["accounts"]
        return account


async def must_reconnect(linked: Linked) -> None:
    answer = await linked.read()
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body.pop("request_id")
    assert body == EXPIRED
    assert (await linked.health())["health"] == "login_required"


async def test_a_dropped_session_is_renewed_without_anybody_noticing(
    hospital_app: Shop, meet: Meet, gnuhealth: GnuHealth
) -> None:
    linked = await Linked(hospital_app, meet, gnuhealth).first()
    gnuhealth.drop_sessions()
    assert all(await asyncio.gather(*(linked.reads() for _ in range(8))))
    assert gnuhealth.sessions("ccameron") == 1  # eight callers, one sign-in
    assert gnuhealth.texts() == []
    assert (await linked.health())["health"] == "active"


async def test_where_a_sign_in_texts_the_user_nobody_is_texted_and_the_app_is_told(
    hospital_app: Shop, meet: Meet, gnuhealth_mfa: GnuHealth
) -> None:
    linked = await Linked(hospital_app, meet, gnuhealth_mfa).first()
    assert await linked.reads()
    gnuhealth_mfa.drop_sessions()
    gnuhealth_mfa.forget_codes()
    before = texts(gnuhealth_mfa, "ccameron")
    await must_reconnect(linked)
    await must_reconnect(linked)
    assert texts(gnuhealth_mfa, "ccameron") == before

    # Link in update mode: the password is known and good, so only the code is asked for. Who opens the page may be a
    # mail filter: the server texts when Cora says that she is there.
    was = linked.token
    cora = await linked.reconnecting()
    assert (cora.page.pane, cora.page.heading) == ("reconnect", "Reconnect GNU Health")
    assert texts(gnuhealth_mfa, "ccameron") == before
    await cora.press("yes")
    assert (cora.page.pane, texts(gnuhealth_mfa, "ccameron")) == ("code", before + 1)
    await linked.finish(cora)
    assert linked.token == was and await linked.reads()


async def test_after_a_password_change_link_repairs_the_account_and_keeps_its_token(
    hospital_app: Shop, meet: Meet, gnuhealth: GnuHealth
) -> None:
    linked = await Linked(hospital_app, meet, gnuhealth).first()
    was, account = linked.token, await linked.health()
    gnuhealth.set_password("ccameron", "Another-Ward-221B")
    gnuhealth.drop_sessions()
    await must_reconnect(linked)

    cora = await linked.reconnecting()
    assert (cora.page.pane, cora.page.heading) == ("credentials", "Reconnect GNU Health")
    assert cora.page.form.fields["username"] == "ccameron" and "readonly" in cora.page.response.text
    # Whatever name a page is made to send, the account that is repaired stays Cora's.
    await cora.type(username="rforeman", password=gnuhealth.users["rforeman"])
    assert "Wrong username or password" in cora.page.text and cora.page.form.fields["username"] == "ccameron"
    await linked.finish(cora)
    assert linked.token == was and await linked.reads()
    assert (await linked.health())["id"] == account["id"]


async def test_another_ehr_user_does_not_get_into_the_account(
    hospital_app: Shop, meet: Meet, gnuhealth: GnuHealth
) -> None:
    linked = await Linked(hospital_app, meet, gnuhealth).first()
    gnuhealth.set_password("ccameron", "Another-Ward-221B")
    gnuhealth.drop_sessions()
    await must_reconnect(linked)
    names = {"ccameron": "ccameron.left", "rforeman": "ccameron"}
    rename(gnuhealth, names)  # Cora's login was given to somebody else
    try:
        ray = await linked.reconnecting()
        await ray.sign_in(gnuhealth.users["rforeman"])
        assert (ray.page.pane, ray.page.heading) == ("message", "That’s another GNU Health account")
        await must_reconnect(linked)
    finally:
        rename(gnuhealth, {new: old for old, new in reversed(names.items())})


def rename(server: GnuHealth, names: dict[str, str]) -> None:
    for old, new in names.items():
        user = server.rpc("model.res.user.search", [["login", "=", old]], 0, 1, None)
        server.rpc("model.res.user.write", user, {"login": new})
