"""A user finds a practice in the directory, sees how its EHR is, and links it. The app can ask for the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx2

from cobalt_link.app import House
from cobalt_link.directory.entry import Entry
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.flow.organizations import ANY_VENDOR, connector_of
from tests.support.text_browser import Browser, Page, go_on
from tests.support.world import Sandbox, Shop

GOOD = {"username": "user_good", "password": "pass_good"}
DEAD = "http://127.0.0.1:1"


async def filled(house: House, address: str) -> None:
    """The directory, as this house's worker would see it a moment later."""
    entries = [
        Entry(name="Riverbend Pediatrics", vendor="Sandbox EHR", address=DEAD, city="Dayton", state="OH"),
        Entry(name="Riverbend Pediatrics", vendor="Sandbox EHR", address=address, city="Macon", state="GA"),
        Entry(name="Riverbend <b>Eye</b>\u202e Clinic", vendor="Sandbox EHR", address=f"{address}/other"),
        Entry(name="Riverbend Hospital", vendor="A vendor without a connector", address="https://fhir.example.org"),
    ]
    await house.directory.directory.put(entries)
    assert await house.directory.directory.refresh()


async def searched(browser: Browser, page: Page, query: str) -> Page:
    """The form that works without a script."""
    return await browser.submit(page, next(form for form in page.forms if form.method == "get"), q=query)


async def test_a_practice_of_the_directory_is_found_and_linked_and_comes_first_the_next_time(
    house: House, acme: Shop, rival: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await filled(house, sandbox.address)
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    found = await searched(browser, page, "rivrebend peds macon")
    assert "Macon, GA · Sandbox EHR" in found.text and "Riverbend Hospital" not in found.text
    found = await searched(browser, page, "riverbend")
    assert "Riverbend <b>" not in found.response.text and "Hospital" not in found.text
    keys = found.form.values("pick")
    assert len(keys) == 3 and all(each.startswith("listed:") for each in keys)
    macon = (await searched(browser, page, "riverbend macon")).form.values("pick")[0]
    page = await browser.submit(await searched(browser, page, "riverbend"), pick=macon)
    assert page.pane == "consent" and "Acme Scribe says: Riverbend" not in page.text
    assert (await go_on(browser, page, **GOOD)).pane == "done"
    [account] = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    assert account["emr_instance_domain"] == sandbox.address
    for app, first in ((acme, macon), (rival, keys[0])):
        other = Browser(client)
        page = await other.open(f"/?token={await app.link_token(org_id='open', emr_name=None, user_id='user-2')}")
        assert (await searched(other, page, "river")).form.values("pick")[0] == first


async def test_a_hidden_practice_or_one_whose_ehr_cannot_be_linked_here_is_not_taken(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await filled(house, sandbox.address)
    entries = house.directory.directory.entries
    [unlinkable] = await entries.named("riverbend hospital")
    [dayton, macon] = await entries.named("riverbend pediatrics")
    await entries.hide([macon["key"]], True)
    for key in (unlinkable["key"], macon["key"], "0" * 32, ""):
        browser = Browser(client)
        page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
        assert (await browser.submit(page, pick=f"listed:{key}")).status == 422
    assert dayton["hidden"] is False


async def test_a_broken_ehr_says_so_in_the_picker_and_before_the_password(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox, clock: MovedClock
) -> None:
    await filled(house, sandbox.address)
    health = house.accounts.health
    await health.worked("sandbox", sandbox.address)
    clock.move(timedelta(hours=3))
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    assert "Worked 3 hours ago" in (await searched(browser, page, "riverbend macon")).text
    await health.failed("sandbox", sandbox.address)
    found = await searched(browser, page, "riverbend macon")
    assert "Not answering now. Last worked 3 hours ago" in found.text
    page = await browser.submit(found, pick=found.form.values("pick")[0])
    assert page.pane == "consent" and "isn’t answering anyone right now" in page.text
    page = await browser.submit(page, agree="yes")
    assert page.pane == "credentials" and "isn’t answering anyone right now" in page.text
    assert (await go_on(browser, page, **GOOD)).pane == "done"
    instance = await working(acme)
    assert instance["emr_instance_domain"] == sandbox.address
    assert instance["last_failed_at"] is not None and instance["last_worked_at"] >= instance["last_failed_at"]


async def working(app: Shop) -> dict[str, Any]:
    """The app's one EHR instance as soon as it works: that is noted a moment after the page is shown."""
    async with asyncio.timeout(20):
        while True:
            [ehr] = (await app.call("GET", "/v1/ehrs")).json()["ehrs"]
            if ehr["instances"] and ehr["instances"][0]["failing_since"] is None:
                return ehr["instances"][0]
            await asyncio.sleep(0.05)


async def test_a_practice_that_does_not_answer_is_said_to_be_down_not_to_be_mistyped(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await filled(house, sandbox.address)
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    found = await searched(browser, page, "riverbend dayton")
    page = await browser.submit(found, pick=found.form.values("pick")[0])
    assert page.pane == "message"


async def test_the_api_lists_what_can_be_linked_with_what_each_ehr_offers(
    house: House, acme: Shop, rival: Shop, sandbox: Sandbox
) -> None:
    await filled(house, sandbox.address)
    said = (await acme.call("GET", "/v1/ehrs")).json()
    [ehr] = said["ehrs"]
    assert (ehr["emr_name"], ehr["name"], ehr["instances"]) == ("sandbox", "Sandbox EHR", [])
    assert "appointments" in ehr["reads"] and ehr["writes"] and "visits" in ehr["topics"]
    assert said["organizations"] == []
    [macon] = (await acme.call("GET", "/v1/ehrs", params={"q": "riverbend macon", "limit": 1})).json()["organizations"]
    assert macon == {
        "name": "Riverbend Pediatrics",
        "place": "Macon, GA",
        "vendor": "Sandbox EHR",
        "emr_name": "sandbox",
        "emr_instance_domain": sandbox.address,
    }
    assert (await acme.call("GET", "/v1/ehrs", params={"limit": 0})).status_code == 400
    assert (await rival.http.get("/v1/ehrs")).status_code == 401


def test_an_ehr_without_a_connector_of_its_own_is_reached_by_the_one_for_any_vendor(house: House) -> None:
    installed = house.deps.connectors
    both = {"sandbox": installed["sandbox"], ANY_VENDOR: installed["gnuhealth"]}
    reached = {vendor: connector_of(vendor, both) for vendor in ("sandbox ehr", "Epic", "No such vendor")}
    assert reached == {"sandbox ehr": "sandbox", "Epic": ANY_VENDOR, "No such vendor": ANY_VENDOR}
    assert connector_of("Epic", {"sandbox": installed["sandbox"]}) is None
    assert connector_of("GNU Health", installed) == "gnuhealth"
