"""The operator's list of EHR domains: nobody links an EHR elsewhere, and no client can widen it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.kit.clock import MovedClock
from cobalt_link.settings import SettingsError
from tests.support.text_browser import Browser, Page, link_by_http, public_token_by_http
from tests.support.world import Sandbox, Shop, connected, open_for_business, opened, settings_for, shop

PATIENT = {"first_name": "Ana", "last_name": "Silva", "dob": "1980-05-04", "sex": "female"}
NOT_ALLOWED = "This address isn’t allowed here. Ask Riverside IT ."


@pytest.fixture
async def strict(dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose operator allows the sandbox EHR at another address only."""
    allowed = {"allowed_ehr_domains": {"sandbox": "*.clinic.example"}}
    async with opened(settings_for(tmp_path, dsn, sandbox.address, **allowed), clock) as house:
        yield house


@pytest.fixture
async def http(strict: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_for_business(strict) as http:
        yield http


@pytest.fixture
async def app(strict: House, http: httpx2.AsyncClient) -> Shop:
    return await shop(strict, http, "Acme Scribe")


async def test_a_link_token_for_another_domain_is_refused_and_leaves_no_org(app: Shop, sandbox: Sandbox) -> None:
    body = {"user_id": "u", "org_id": "o", "emr_name": "sandbox", "emr_instance_domain": sandbox.address}
    refused = await app.call("POST", "/link/token/create", json=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "ehr_domain_not_allowed")
    assert (await app.call("GET", "/v1/orgs/o")).status_code == 404
    assert await app.link_token(**body | {"emr_instance_domain": "his.clinic.example"})


async def test_an_org_cannot_widen_the_list(app: Shop, http: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    token = await app.link_token(org_id="o")
    for change in ({"emr_instance_domain": sandbox.address}, {"emr_instance_domain": "clinic.example"}):
        refused = await app.call("PATCH", "/v1/orgs/o", json=change)
        assert (refused.status_code, refused.json()["error"]) == (400, "ehr_domain_not_allowed")
    widened = await app.call("PATCH", "/v1/orgs/o", json={"allowed_ehr_domains": ["127.0.0.1", "*.clinic.example"]})
    assert widened.status_code == 200
    # The operator's own address for orgs that name none is held to the list too.
    page = await link_by_http(http, token)
    assert (page.pane, NOT_ALLOWED in page.text) == ("message", True)
    assert await sandbox.logins() == 0


async def test_an_org_can_narrow_it(app: Shop, http: httpx2.AsyncClient) -> None:
    token = await app.link_token(org_id="o", emr_name="sandbox")
    # With the operator's own address, which is the org's until it names one.
    narrow = {"allowed_ehr_domains": ["a.clinic.example", "127.0.0.1"]}
    assert (await app.call("PATCH", "/v1/orgs/o", json=narrow)).is_success
    page = await typed(http, token, "https://b.clinic.example")
    assert NOT_ALLOWED in page.text


async def test_an_address_that_a_user_types_is_held_to_it(
    app: Shop, http: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await typed(http, await app.link_token(org_id="o", emr_name=None), sandbox.address)
    assert NOT_ALLOWED in page.text
    page = await typed(http, await app.link_token(org_id="o", emr_name=None), "https://clinic.example.evil.example")
    assert NOT_ALLOWED in page.text


async def test_nothing_goes_to_a_domain_that_was_taken_off_the_list(
    dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    async with opened(settings_for(tmp_path, dsn, sandbox.address), clock) as before, open_for_business(before) as http:
        app = await shop(before, http, "Acme Scribe")
        public = await public_token_by_http(http, await app.link_token())
        access = (await app.exchange(public)).json()["access_token"]
        assert (await app.call("GET", "/v1/locations", access_token=access)).is_success
    logins, listed = await sandbox.logins(), {"allowed_ehr_domains": {"sandbox": "his.clinic.example"}}
    narrowed = settings_for(tmp_path, dsn, sandbox.address, **listed)
    async with opened(narrowed, clock) as after, open_for_business(after) as http:
        app = Shop(app.record, app.secret, http)
        # Reads, writes, and what only looks like a write.
        dry = PATIENT | {"dry_run": True}
        for refused in (
            await app.call("GET", "/v1/locations", access_token=access),
            await app.call("POST", "/v1/patients", access_token=access, json=dry),
        ):
            assert (refused.status_code, refused.json()["error"]) == (400, "ehr_domain_not_allowed")
            assert "COBALT_ALLOWED_EHR_DOMAINS" in refused.json()["message"]
        job = await written(app, access)
        assert (job["state"], job["code"]) == ("failed", "EHR_DOMAIN_NOT_ALLOWED")
        page = await link_by_http(http, await app.link_token(access_token=access))
        assert NOT_ALLOWED in page.text
        async with connected(after) as other:
            page = await Browser(other).open("/connections")
            page = await Browser(other).submit(page, pick="ehr:sandbox")
            assert NOT_ALLOWED in page.text
    assert await sandbox.logins() == logins


async def written(app: Shop, access: str) -> dict[str, Any]:
    """The job of a write, once it is settled."""
    accepted = await app.call("POST", "/v1/patients", access_token=access, json=PATIENT)
    answer = await app.call("GET", f"/v1/jobs/{accepted.json()['job_id']}", params={"wait": 20})
    return answer.json()["job"]


def test_a_list_for_what_is_no_connector_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'gnuhelth', which is not a connector\. Did you mean gnuhealth\?"):
        EhrDomains({"gnuhelth": ("his.example.org",)}, ["gnuhealth", "sandbox"])


async def typed(http: httpx2.AsyncClient, token: str, address: str) -> Page:
    """The page after a user has typed an EHR's address."""
    browser = Browser(http)
    page = await browser.open(f"/?token={token}")
    page = await browser.open(f"{page.url.partition('?')[0]}?manual=1")
    return await browser.submit(page, ehr="sandbox", url=address)
