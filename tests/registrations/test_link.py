"""Link by SMART with a registration of the operator: the EHR reads our key set, and the app reads its chart."""

from __future__ import annotations

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.app import House
from cobalt_link.registrations.registrations import RegistrationChange
from tests.link.flow.test_redirects import leave
from tests.support.smart_app import SmartApp, query_of
from tests.support.text_browser import Browser, link_by_http
from tests.support.world import Sandbox, shop


@pytest.mark.skipif("smart" not in app.connector_classes(), reason="the package was installed before: make setup")
async def test_a_user_links_with_the_registration_of_the_operator(
    house: House, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    known, address = house.registrations.registrations, f"{sandbox.address}/fhir/r4"
    change = RegistrationChange(client_id="app", algorithm="ES384")
    await known.add("mine", "other", "private_key_jwt", address, change)
    live = await shop(house, client, "Acme Live", test=False)
    wanted = {"emr_name": "SMART on FHIR", "emr_instance_domain": address}
    async with httpx2.AsyncClient(base_url=sandbox.address, trust_env=False, verify=False, timeout=60) as browser:
        at_ehr = SmartApp(browser)
        ours = {"redirect_uris": [known.urls.callback("mine")], "method": "private_key_jwt", "name": "Ours",
                "jwks_url": known.urls.jwks("mine")}  # fmt: skip
        assert (await browser.put("/api/_lab/apps/app", json=ours)).status_code == 200
        token = await live.link_token(**wanted)
        url, _ = await leave(client, await link_by_http(client, token, until="redirect"))
        page = await at_ehr.submit(await browser.get(url), username="user_good", password="pass_good")
        back = query_of(await at_ehr.submit(page, decision="allow"))
    page = await Browser(client).open(str(httpx2.URL("/oauth/callback/mine", params=back)))
    assert page.heading == "You’re connected", page.text
    trail = [(each.what, each.detail) for each in await known.trail("mine")]
    assert trail[-1] == ("proved", sandbox.address)
    # Another tenant at the same server has no registration until the operator approves it.
    other = await live.link_token(**wanted | {"emr_instance_domain": f"{address}/tenant-2", "org_id": "hillside"})
    assert "redirect" not in (await Browser(client).open(f"/?token={other}")).text
