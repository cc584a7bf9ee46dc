"""Each login of the sandbox EHR, in the lightbox over a page of another site, until the app has an access token."""

from __future__ import annotations

import pytest

from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox
from tests.support.world import Sandbox, Shop

pytestmark = [pytest.mark.browser]


async def gets_an_access_token(box: Lightbox, app: Shop) -> None:
    [[_, public_token]] = await box.called("success")
    await box.press()
    await box.is_gone()
    answer = (await app.exchange(public_token)).json()
    assert answer["success"] and answer["token"]
    assert await box.log("exit") == []


async def pick(box: Lightbox, text: str) -> None:
    await box.frame.locator("form[data-pane=choice] button").filter(has_text=text).first.click(timeout=SECONDS)


async def enter_the_code(box: Lightbox) -> None:
    await box.frame.locator("[name=code]").fill("123456", timeout=SECONDS)
    await box.press()


async def try_again(box: Lightbox, message: str) -> None:
    await box.reads(message)
    await box.frame.locator("button[value=again]").click(timeout=SECONDS)
    await box.at("credentials")


@pytest.fixture
async def box(visit: Opener) -> Lightbox:
    box = await visit()
    await box.launch()
    return box


async def test_a_login_links_whatever_the_ehr_asks_after_it(visit: Opener, app: Shop, sandbox: Sandbox) -> None:
    for before, username in enumerate(("user_good", "user_code", "user_choice", "user_push", "user_clinics")):
        box = await visit(f"/?{username}", token=await app.link_token(user_id=username))
        await box.launch()
        await box.sign_in(username)  # a push approves itself after three seconds
        if username == "user_choice":
            await pick(box, "Email")
        if username in ("user_code", "user_choice"):
            await enter_the_code(box)
        if username == "user_clinics":
            await pick(box, "Riverside")
        await gets_an_access_token(box, app)
        assert await sandbox.logins() == before + 1, username


async def test_a_locked_account_links_once_it_is_unlocked(box: Lightbox, app: Shop, sandbox: Sandbox) -> None:
    await box.sign_in("user_locked")
    await box.reads("locked this account")
    await sandbox.lab("users/user_locked", {"locked": False})
    await try_again(box, "locked this account")
    await box.type("user_locked")
    await box.press()
    await gets_an_access_token(box, app)


async def test_an_expired_password_links_once_it_is_changed(box: Lightbox, app: Shop, sandbox: Sandbox) -> None:
    await box.sign_in("user_expired")
    await box.reads("wants a new password first")
    change = {"username": "user_expired", "password": "pass_good", "new_password": "pass_better"}
    assert (await sandbox.http.post("/api/password", json=change)).status_code == 200
    await try_again(box, "wants a new password first")
    await box.type("user_expired", "pass_better")
    await box.press()
    await gets_an_access_token(box, app)
