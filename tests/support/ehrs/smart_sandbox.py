"""The sandbox EHR as a SMART EHR: as itself or as a vendor's twin, with the app that the operator registered there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2

from cobalt_link.app import House
from cobalt_link.connector import AppRegistration
from cobalt_link.oauth.registration import Proof, basic_proof
from sandbox_ehr.server import running
from sandbox_ehr.twins import load
from tests.support.ehrs.smart import Registered
from tests.support.sandbox_client import SandboxClient

SECRET = "a secret of the tests & no other"
SCHEDULES = ("Practitioner/501", "Practitioner/502", "Practitioner/503", "Practitioner/504")
PATIENT = ("openid", "fhirUser", "offline_access", "launch/patient", "patient/*.read")


class SandboxApp(AppRegistration):
    """A confidential client of the sandbox EHR, whose id there is its name here."""

    method = "client_secret_basic"

    def __init__(self, name: str, address: str, link: str, scopes: tuple[str, ...]) -> None:
        self.id, self.client_id, self.address = name, name, address
        self.redirect_uri = f"{link}/oauth/callback/{name}"
        self.scopes, self.schedules = scopes, SCHEDULES
        self.vendor = "" if name.startswith("plain") else name.removesuffix("-patients")

    async def prove(self, endpoint: str) -> Proof:
        return basic_proof(self.client_id, SECRET)


class SmartSandbox(SandboxClient):
    """`name` is "plain" or a twin's, `origin` where its pages are, `address` its FHIR server's."""

    def __init__(self, http: httpx2.AsyncClient, origin: str, name: str) -> None:
        super().__init__(http)
        self.name, self.origin = name, origin
        self.address = origin + load(name).fhir

    async def register(self, house: House, *, scopes: tuple[str, ...] = ()) -> SandboxApp:
        """Registers an app at the EHR, and the registration with us. Without `scopes` the connector chooses them."""
        suffix = "-patients" if scopes else ""
        app = SandboxApp(f"{self.name}{suffix}", self.address, house.settings.public_url, scopes)
        there = {"name": "Riverside apps", "method": app.method, "secret": SECRET, "redirect_uris": [app.redirect_uri]}
        await self.lab(f"apps/{app.client_id}", there)
        keep(house, app)
        return app


def keep(house: House, app: AppRegistration) -> None:
    """What `cobalt registrations add` does. An address has one registration: a later one takes the place."""
    smart = house.deps.connectors["smart"]
    if not isinstance(smart.registrations, Registered):
        smart.registrations = Registered()
    smart.registrations.apps[app.address] = app


@asynccontextmanager
async def twins(folder: Path, *names: str) -> AsyncIterator[Mapping[str, SmartSandbox]]:
    """These twins, each a server of its own, by their names."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in names:
            origin = await stack.enter_async_context(running(data=folder / name, like=name))
            found[name] = await stack.enter_async_context(at(origin, name))
        yield found


@asynccontextmanager
async def at(origin: str, name: str = "plain") -> AsyncIterator[SmartSandbox]:
    """A sandbox EHR that runs already."""
    async with httpx2.AsyncClient(base_url=origin, trust_env=False, verify=False) as http:
        yield SmartSandbox(http, origin, name)
