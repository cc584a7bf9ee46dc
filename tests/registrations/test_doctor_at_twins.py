"""The registration doctor against the sandbox EHR as other vendors are: its own pages, scopes, and token lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from cobalt_link.connector import Secret
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.registrations.doctor.doctor import RegistrationDoctor
from cobalt_link.registrations.doctor.findings import StepFinding
from cobalt_link.registrations.registration import Urls
from cobalt_link.registrations.registrations import RegistrationChange, Registrations
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault
from sandbox_ehr.server import running
from sandbox_ehr.twins import load
from tests.registrations.small_ehr import SmallEhr, small_ehr
from tests.support.smart_app import SmartApp, query_of
from tests.support.world import free_port

PRACTICE = "Organization/a-1.Practice-1"


class Mistake(NamedTuple):
    """What the vendor has instead of what is right."""

    step: int
    cure: str
    change: dict[str, Any]
    decision: str = "allow"
    context: bool = True


MISTAKES = (
    Mistake(2, "/oauth/callback/mine", {"redirect_uris": ["https://link.example/oauth/callback/mine"]}),
    Mistake(3, "Compare the client id", {"enabled": False}),
    Mistake(3, "client secret instead", {"method": "client_secret_basic", "secret": "s3cret"}),
    Mistake(3, "public client", {"method": "none"}),
    Mistake(4, "--smart v1", {"scope_version": "v1"}),
    Mistake(4, "allow access", {}, "deny"),
    Mistake(5, "offline or persistent access", {"offline": False}),
)


@pytest.fixture
async def ours(db: Database, vault: Vault, clock: MovedClock) -> AsyncIterator[SmallEhr]:
    """Only for the key set that our server publishes."""
    port = free_port()
    async with small_ehr(Registrations(db, vault, clock, Urls(f"http://127.0.0.1:{port}")), port) as server:
        yield server


async def test_each_twin_passes_when_right_and_names_each_mistake(ours: SmallEhr, http: Http, tmp_path: Path) -> None:
    written = {"epic": "notes and documents, messages", "oracle": "notes and documents, appointments, messages",
               "athenahealth": None}  # fmt: skip
    for vendor, can in written.items():
        folder = tmp_path / vendor
        folder.mkdir()
        async with running(data=folder, like=vendor) as origin:
            twin = Twin(ours, http, origin, vendor)
            findings = await twin.examined(Mistake(0, "", {}))
            assert not [each for each in findings if each.state == "fail"], (vendor, findings)
            assert findings[5].text.startswith("It works.") and findings[6].text.startswith("Patient ")
            assert findings[7].text.startswith(f"Can be written: {can}." if can else "Not offered"), (
                vendor,
                findings[7],
            )
            for mistake in MISTAKES:
                failed = next((each for each in await twin.examined(mistake) if each.state == "fail"), None)
                assert failed and failed.step == mistake.step and mistake.cure in failed.cure, (vendor, mistake, failed)
            if vendor == "athenahealth":
                unnamed = await twin.examined(Mistake(7, "", {}, context=False))
                assert unnamed[6].state == "fail" and "--context ah-practice=" in unnamed[6].cure


class Twin:
    def __init__(self, ours: SmallEhr, http: Http, origin: str, vendor: str) -> None:
        self.known = ours.known
        self.http = http
        self.origin = origin
        self.vendor = vendor

    async def examined(self, mistake: Mistake) -> list[StepFinding]:
        for former in await self.known.all():
            await self.known.remove(former.id)
        context = {"ah-practice": PRACTICE} if mistake.context and self.vendor == "athenahealth" else {}
        change = RegistrationChange(client_id="app", algorithm="ES384", context=context)
        address = self.origin + load(self.vendor).fhir
        found = await self.known.add("mine", self.vendor, "private_key_jwt", address, change)
        urls = self.known.urls
        right = {"redirect_uris": [urls.callback("mine")], "method": "private_key_jwt", "enabled": True,
                 "offline": True, "jwks_url": urls.jwks("mine"), "name": "Ours", "scope_version": "any"}  # fmt: skip
        async with httpx2.AsyncClient(base_url=self.origin, trust_env=False, verify=False, timeout=60) as browser:
            made = await browser.put("/api/_lab/apps/app", json=right | mistake.change)
            assert made.status_code == 200, made.text

            async def visit(url: str) -> RedirectAnswer | None:
                return await signed_in(SmartApp(browser), url, mistake.decision)

            async with aclosing(RegistrationDoctor(self.http, self.known).examine(found, address, visit)) as steps:
                return [finding async for finding in steps]


async def signed_in(app: SmartApp, url: str, decision: str) -> RedirectAnswer | None:
    page = await app.http.get(url)
    if page.status_code == 200:
        page = await app.submit(page, username="user_good", password="pass_good")
        page = await app.submit(page, decision=decision)
    if page.status_code != 303:
        return None
    said = query_of(page)
    code = Secret(said["code"]) if "code" in said else None
    return RedirectAnswer(code=code, error=said.get("error"), issuer=said.get("iss"))
