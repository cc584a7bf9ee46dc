"""`cobalt demo` as a newcomer meets it: a real Chromium, the example app, Link in both ways, and the schedule."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from playwright.async_api import TimeoutError as NotThere

from tests.browsers.chromium.lightbox import SECONDS, Lightbox
from tests.cli.cobalt import free_port, running
from tests.stories.watched import Watched, watched
from tests.support.sandbox_client import SandboxClient

pytestmark = [pytest.mark.browser]

Demo = dict[str, str]
BOTH = pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """What the command says when everything runs: the addresses of app, Link and EHR."""
    home: Path = tmp_path_factory.mktemp("demo")
    ports = [word for name in ("port", "scribe-port", "sandbox-port") for word in (f"--{name}", str(free_port()))]
    async with running("demo", *ports, data=home / "data", home=home) as command:
        yield command.said


async def connect(seen: Watched, demo: Demo) -> None:
    """From the app to the consent page in its new window."""
    await seen.goto(demo["scribe"])
    await seen.at("Notes that write themselves")
    await seen.follow_into_new_window("Connect your EHR")
    await seen.at("Let Acme Scribe use your EHR?")


async def sees_the_schedule(seen: Watched, demo: Demo) -> None:
    """Back in the app; and what holds of every run: nothing foreign, no broken policy, no token out of its place."""
    await seen.at("Your visits")
    assert seen.page.url == f"{demo['scribe']}/"
    assert await seen.page.get_by_role("rowheader").all_inner_texts() == await patients_of_these_days(demo)
    assert seen.foreign(demo["scribe"], demo["link"]) == []  # S-123
    assert seen.said == []  # S-114: a broken policy is an error in the console
    assert await seen.tokens_requested() == {  # S-009
        ("/", "token"),
        ("/linked", "token"),
        ("/linked", "public_token"),
    }
    assert await seen.tokens_shown() == []


async def patients_of_these_days(demo: Demo) -> list[str]:
    """Whom the EHR itself expects today and tomorrow, in order; a day is a day of the clinic."""
    today = datetime.now(ZoneInfo("America/New_York")).date()
    async with httpx2.AsyncClient(base_url=demo["sandbox"], trust_env=False, verify=False) as http:
        ehr = SandboxClient(http)
        days = {"start": str(today), "end": str(today + timedelta(days=1))}
        rows = (await ehr.read("appointments", await ehr.session(), **days))["appointments"]
    assert rows
    return [f"{row['patient']['first_name']} {row['patient']['last_name']}" for row in rows]


@BOTH
async def test_a_code_after_a_wrong_password(browser: Browser, demo: Demo, scripts: bool) -> None:
    async with watched(browser, java_script_enabled=scripts) as seen:
        await connect(seen, demo)
        await seen.press("Allow and continue")
        await seen.sign_in("user_code", "not my password")
        await seen.reads("Wrong username or password")
        assert await seen.page.get_by_label("Sandbox EHR username").input_value() == "user_code"
        await seen.sign_in("user_code")
        await seen.at("Enter your code")
        await seen.type("6-digit code", "000000")
        await seen.press("Continue")
        await seen.reads("That code didn’t match")
        await seen.type("6-digit code", "123456")
        await seen.press("Continue")
        await sees_the_schedule(seen, demo)
        await seen.press("Disconnect your EHR")  # as the pages said, in the app and at once
        await seen.at("Notes that write themselves")


async def test_over_the_page_of_the_app(browser: Browser, demo: Demo) -> None:
    async with watched(browser) as seen:
        await seen.goto(demo["scribe"])
        await seen.press("Connect EHR")
        box = Lightbox(seen.page)
        await box.sign_in("user_code")
        await box.frame.get_by_label("6-digit code").fill("123456", timeout=SECONDS)
        await box.press()
        await box.at("done")
        await box.press()
        await box.is_gone()
        await seen.at("Your visits")
        assert seen.page.url == f"{demo['scribe']}/"
        assert await seen.page.get_by_role("rowheader").all_inner_texts() == await patients_of_these_days(demo)
        assert seen.foreign(demo["scribe"], demo["link"]) == []  # S-123
        assert seen.said == []  # S-114


@BOTH
async def test_a_choice_of_clinics(browser: Browser, demo: Demo, scripts: bool) -> None:
    async with watched(browser, java_script_enabled=scripts) as seen:
        await connect(seen, demo)
        await seen.press("Allow and continue")
        await seen.sign_in("user_clinics")
        await seen.at("Which clinic should Acme Scribe use?")
        await seen.page.get_by_role("button").filter(has_text="Riverside").click()
        await sees_the_schedule(seen, demo)


@BOTH
async def test_an_approval_on_a_phone(browser: Browser, demo: Demo, scripts: bool) -> None:
    async with watched(browser, java_script_enabled=scripts) as seen:
        await connect(seen, demo)
        await seen.press("Allow and continue")
        await seen.sign_in("user_push")
        await seen.at("Approve on your phone")
        if not scripts:
            await say_so_until_it_is_true(seen, demo)  # with scripts the page goes on by itself
        await sees_the_schedule(seen, demo)


async def say_so_until_it_is_true(seen: Watched, demo: Demo) -> None:
    """This phone approves by itself after three seconds; until then, pressing the button changes nothing."""
    async with asyncio.timeout(60):
        while not seen.page.url.startswith(demo["scribe"]):
            with suppress(NotThere):  # the page of steps has no button
                await seen.page.get_by_role("button", name="I’ve approved it").click(timeout=500)


@BOTH
async def test_in_spanish_as_the_browser_asks(browser: Browser, demo: Demo, scripts: bool) -> None:
    async with watched(browser, java_script_enabled=scripts, locale="es-MX") as seen:
        await seen.goto(demo["scribe"])
        await seen.follow_into_new_window("Connect your EHR")
        await seen.at("¿Dar acceso a Acme Scribe?")
        assert await seen.page.locator("html").get_attribute("lang") == "es"
        await seen.press("Permitir y continuar")
        await seen.at("Inicie sesión en Sandbox EHR")
        await seen.type("Usuario de Sandbox EHR", "user_good")
        await seen.type("Contraseña de Sandbox EHR", "pass_good")
        await seen.press("Iniciar sesión")
        await sees_the_schedule(seen, demo)


@BOTH
async def test_by_keyboard_alone(browser: Browser, demo: Demo, scripts: bool) -> None:  # S-124
    async with watched(browser, java_script_enabled=scripts) as seen:
        await seen.goto(demo["scribe"])
        await seen.at("Notes that write themselves")
        async with seen.context.expect_page():
            await tab_to(seen, "Connect your EHR")
            await seen.page.keyboard.press("Enter")
        await seen.at("Let Acme Scribe use your EHR?")
        await tab_to(seen, "Allow and continue")
        await seen.page.keyboard.press("Enter")
        await seen.at("Sign in to Sandbox EHR")
        await starts_in(seen, "Sandbox EHR username")
        await seen.page.keyboard.type("user_code")
        await seen.page.keyboard.press("Tab")
        await seen.page.keyboard.type("pass_good")
        await seen.page.keyboard.press("Enter")
        await seen.at("Enter your code")
        await starts_in(seen, "6-digit code")
        await seen.page.keyboard.type("123456")
        await seen.page.keyboard.press("Enter")
        await sees_the_schedule(seen, demo)


async def tab_to(seen: Watched, name: str) -> None:
    """Presses Tab until what is called so has the focus."""
    for _ in range(12):
        await seen.page.keyboard.press("Tab")
        if name in await seen.page.locator("*:focus").inner_text():
            return
    raise AssertionError(f"No {name} on the way of the Tab key.")


async def starts_in(seen: Watched, label: str) -> None:
    """The field that matters has the focus already."""
    await expect(seen.page.get_by_label(label, exact=True)).to_be_focused()
