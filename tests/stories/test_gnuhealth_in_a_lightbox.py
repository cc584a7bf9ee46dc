"""A hospital's doctor links GNU Health, which texts a code, in the lightbox over another site's page."""

import httpx2
import pytest
from playwright.async_api import Browser

from cobalt_link.app import House
from tests.browsers.chromium.lightbox import SECONDS, Lightbox
from tests.browsers.chromium.site import Site
from tests.stories import chart_of_gnuhealth as chart
from tests.stories.test_gnuhealth import reads_as_its_own_rpc
from tests.stories.watched import watched
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth
from tests.support.world import shop

pytestmark = [*MARKS, pytest.mark.browser]


async def test_password_and_code_end_with_the_visits_of_that_ehr(
    house: House, client: httpx2.AsyncClient, site: Site, browser: Browser, gnuhealth_mfa: GnuHealth
) -> None:
    gnuhealth_mfa.forget_codes()
    before = chart.texts(gnuhealth_mfa, "ccameron")
    app = await shop(house, client, "Ward Notes", test=False, origins=[site.address])
    wanted = {"org_id": "ward", "emr_name": "GNU Health", "emr_instance_domain": gnuhealth_mfa.url}
    token = await app.link_token(**wanted)
    async with watched(browser) as seen:
        await seen.goto(f"{site.address}/#token={token}")
        box = Lightbox(seen.page)
        await box.page.evaluate("document.querySelector('#go').focus()")
        as_it_was = await box.page_state()
        await box.launch()
        await box.reads("Ward Notes")
        await box.sign_in("ccameron", gnuhealth_mfa.users["ccameron"])
        await box.at("code")
        await box.frame.locator("[name=code]").fill(gnuhealth_mfa.last_code("ccameron"), timeout=SECONDS)
        await box.press()
        [[_, public_token]] = await box.called("success")
        await box.reads("Cora Cameron")
        await box.press()
        await box.is_gone()
        assert await box.page_state() == as_it_was
        assert await box.log("exit") == []
        assert seen.foreign(site.address, house.settings.public_url) == []  # S-123
        assert seen.said == []  # S-114
    answer = (await app.exchange(public_token)).json()
    await reads_as_its_own_rpc(app, answer["token"], gnuhealth_mfa)
    assert chart.texts(gnuhealth_mfa, "ccameron") == before + 1
