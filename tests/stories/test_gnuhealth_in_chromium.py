"""A hospital's doctor links GNU Health, which texts a code, in a real Chromium; the app then shows her visits."""

from datetime import timedelta

import httpx2
import pytest
from playwright.async_api import Browser

from cobalt_link.app import House
from tests.stories import chart_of_gnuhealth as chart
from tests.stories.scribe import scribe
from tests.stories.watched import watched
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth

pytestmark = [*MARKS, pytest.mark.browser]


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
async def test_password_and_code_end_with_the_visits_of_today_and_tomorrow(
    house: House, client: httpx2.AsyncClient, browser: Browser, gnuhealth_mfa: GnuHealth, scripts: bool
) -> None:
    gnuhealth_mfa.forget_codes()
    async with (
        scribe(house, client, org_id="ward", test=False) as app,
        watched(browser, java_script_enabled=scripts) as seen,
    ):
        await app.app.link_token(org_id="ward", emr_name="GNU Health", emr_instance_domain=gnuhealth_mfa.url)
        await app.connect(seen)
        await seen.at("Let Acme Scribe use your EHR?")
        await seen.press("Allow and continue")
        await seen.sign_in("ccameron", gnuhealth_mfa.users["ccameron"], ehr="GNU Health")
        await seen.at("Enter your code")
        await seen.page.get_by_role("textbox").fill(gnuhealth_mfa.last_code("ccameron"))
        await seen.press("Continue")
        days = {str(gnuhealth_mfa.today), str(gnuhealth_mfa.today + timedelta(days=1))}
        told = [each["patient_name"] for each in chart.appointments(gnuhealth_mfa) if each["datetime"][:10] in days]
        assert await app.schedule(seen) == told and len(told) == 7


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
async def test_after_a_password_change_the_app_sends_her_to_reconnect(
    house: House, client: httpx2.AsyncClient, browser: Browser, gnuhealth: GnuHealth, scripts: bool
) -> None:
    password = gnuhealth.users["ccameron"]
    async with (
        scribe(house, client, org_id="ward", test=False) as app,
        watched(browser, java_script_enabled=scripts) as seen,
    ):
        await app.app.link_token(org_id="ward", emr_name="GNU Health", emr_instance_domain=gnuhealth.url)
        await app.connect(seen)
        await seen.press("Allow and continue")
        await seen.sign_in("ccameron", password, ehr="GNU Health")
        before = await app.schedule(seen)
        try:
            gnuhealth.set_password("ccameron", "Another-Ward-221B")
            gnuhealth.drop_sessions()
            await seen.page.reload()
            await seen.at("Your EHR needs you")
            await seen.reads("Account link expired. Please go through the integration setup again.")
            await seen.follow_into_new_window("Reconnect")
            await seen.at("Reconnect GNU Health")
            assert not await seen.page.get_by_label("GNU Health username").is_editable()
            await seen.type("GNU Health password", "Another-Ward-221B")
            await seen.press("Reconnect")
            assert await app.schedule(seen) == before and before
        finally:
            gnuhealth.set_password("ccameron", password)
            gnuhealth.forget_attempts()
