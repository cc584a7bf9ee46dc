"""Step 1: whether a FHIR R4 server is at the address and says how users sign in, and what it offers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from cobalt_link.net.http import AddressRefused, Http, HttpError, NotJson
from cobalt_link.oauth.discovery import SmartConfiguration, discover
from cobalt_link.oauth.errors import NotSmart
from cobalt_link.registrations.doctor.findings import Examined, Finding, fail, ok, warn

ACCEPT = "application/fhir+json, application/json"


class ServerOffer(msgspec.Struct, frozen=True):
    """What a CapabilityStatement names: interactions by resource type. Empty if the server shows none to strangers."""

    version: str = ""
    types: dict[str, frozenset[str]] = {}

    def offers(self, kind: str, *interactions: str) -> bool:
        return not self.types or any(each in self.types.get(kind, ()) for each in interactions)


class Server(msgspec.Struct, frozen=True):
    smart: SmartConfiguration
    offer: ServerOffer


async def look(http: Http, case: Examined) -> tuple[Server | None, Finding]:
    try:
        smart = await _discovered(http, case)
        offer = await _offer(http, case.address)
    except NotSmart as why:
        cure = (
            "Check that the address is the base of the FHIR server, without /metadata or another document at its end."
            " A browser at this address and /metadata shows a CapabilityStatement."
        )
        return None, fail(case, 1, f"{case.address} is no SMART on FHIR server: {why.reason}.", cure)
    except AddressRefused as why:
        return None, fail(case, 1, str(why), "Copy the address again from the vendor's list of endpoints.")
    except HttpError as why:
        return None, fail(case, 1, str(why), "Copy the address again, and check that this server may call out to it.")
    if offer.version and not offer.version.startswith("4."):
        text = f"{case.address} speaks FHIR {offer.version}, and this server needs R4 (4.0)."
        return None, fail(case, 1, text, "Use the address of the vendor's R4 server; mostly it has R4 in its path.")
    where = f"Users sign in at {urlsplit(smart.authorization_endpoint).netloc}."
    if smart.doubts:
        text = f"{where} What it publishes has mistakes, which do no harm here: {'; '.join(smart.doubts)}."
        return Server(smart, offer), warn(case, 1, text, "There is nothing to do on your side.")
    return Server(smart, offer), ok(1, where)


async def _discovered(http: Http, case: Examined) -> SmartConfiguration:
    try:
        return await discover(http, case.address)
    except NotSmart:
        if not case.guide.discovery_at_host:
            raise
    parts = urlsplit(case.address)
    return await discover(http, f"{parts.scheme}://{parts.netloc}")


async def _offer(http: Http, address: str) -> ServerOffer:
    response = await http.request("GET", f"{address}/metadata", headers={"accept": ACCEPT})
    try:
        body = response.json() if response.status == 200 else {}
    except NotJson:
        body = {}
    if not isinstance(body, dict):
        return ServerOffer()
    version = body.get("fhirVersion")
    return ServerOffer(version if isinstance(version, str) else "", _types(body))


def _types(statement: dict[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for rest in _dicts(statement.get("rest")):
        for resource in _dicts(rest.get("resource")):
            codes = (each.get("code") for each in _dicts(resource.get("interaction")))
            if isinstance(kind := resource.get("type"), str):
                found[kind] = frozenset(each for each in codes if isinstance(each, str))
    return found


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
