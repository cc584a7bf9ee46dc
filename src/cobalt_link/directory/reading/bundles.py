"""Reads the JSON lists: FHIR Bundles of Organization and Endpoint, User-access Brands (SMART App Launch 2.2), and those
of Lantern.

A Bundle is read twice, first its Endpoints, because an Organization may come before them. Only addresses are kept in
memory in between.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from cobalt_link.directory.cleaning import Reason
from cobalt_link.directory.entry import Listed
from cobalt_link.directory.reading.json_stream import array_items
from cobalt_link.directory.reading.limits import MOST_ENTRIES, ListUnreadable

KEYS = ("entry", "Endpoints", "Entries")
VERSION = "/endpoint-fhir-version"
PORTAL = "/organization-portal"
MOST_ENDPOINTS = 500_000  # they are kept in memory
OLD = ("0.", "1.", "3.")  # DSTU1, DSTU2, STU3

Open = Callable[[], AbstractContextManager[io.BufferedReader]]


class EndpointFacts(msgspec.Struct, frozen=True):
    """Of an Endpoint resource. `refused` is the reason why it is of no use."""

    address: str
    name: str = ""
    owner: str = ""
    refused: Reason | None = None


class Bundle:
    """What the first reading of a Bundle tells. References are kept by their last part, which is the id."""

    def __init__(self) -> None:
        self.endpoints: dict[str, EndpointFacts] = {}
        self.of_parent: dict[str, tuple[str, ...]] = {}
        self.is_bundle = False
        self.named: set[str] = set()

    def note(self, item: Any) -> None:
        resource = _resource(item)
        if resource is None:
            return
        self.is_bundle = True
        names = {_id(resource.get("id")), _id(item.get("fullUrl"))} - {""}
        if resource.get("resourceType") == "Endpoint":
            facts = _endpoint(resource)
            for name in names:
                self.endpoints.setdefault(name, facts)
            if len(self.endpoints) > MOST_ENDPOINTS:
                raise ListUnreadable(f"The Bundle has more than {MOST_ENDPOINTS} Endpoints. Import it in parts.")
        elif resource.get("resourceType") == "Organization" and (own := _references(resource)):
            for name in names:
                self.of_parent.setdefault(name, own)


def json_rows(open_file: Open) -> Iterator[Listed | Reason | None]:
    """Each entry, the reason for one that is refused, None for one that cannot be read. Raises `ListUnreadable`."""
    bundle = Bundle()
    with open_file() as file:
        for count, item in enumerate(array_items(file, KEYS)):
            if count > MOST_ENTRIES:
                raise ListUnreadable(f"The list has more than {MOST_ENTRIES} entries. Import it in parts.")
            bundle.note(item)
    with open_file() as file:
        for item in array_items(file, KEYS):
            resource = _resource(item)
            if resource is not None:
                yield from _of_organization(resource, item, bundle)
            elif not bundle.is_bundle:
                yield _of_lantern(item)
    yield from _unnamed(bundle)


def _of_organization(
    resource: dict[str, Any], item: dict[str, Any], bundle: Bundle
) -> Iterator[Listed | Reason | None]:
    if resource.get("resourceType") != "Organization":
        return
    if resource.get("active") is False:
        yield "inactive"
        return
    own = _references(resource)
    parent = _id(_part(resource, "partOf").get("reference"))
    references = own or bundle.of_parent.get(parent, ())
    found = {name: bundle.endpoints[name] for name in references if name in bundle.endpoints}
    found |= {_id(each.get("id")): _endpoint(each) for each in _contained(resource)} if not found else {}
    if not found:
        yield "no_address"
    for name, facts in found.items():
        bundle.named.add(name)
        yield facts.refused or _listed(resource, facts, is_site=bool(parent))


def _listed(resource: dict[str, Any], facts: EndpointFacts, *, is_site: bool) -> Listed:
    places = [each for each in _list(resource, "address") if isinstance(each, dict)]
    place = places[0] if len(places) == 1 else {}
    state = place.get("state") or next(iter({each.get("state") for each in places} if len(places) > 1 else ()), "")
    alike = len({str(each.get("state")) for each in places}) == 1
    return Listed(
        name=resource.get("name"),
        address=facts.address,
        city=place.get("city"),
        state=state if alike else "",
        postal_code=place.get("postalCode"),
        level="location" if is_site else "org",
        aliases=tuple(_list(resource, "alias")),
    )


def _of_lantern(item: Any) -> Listed | None:
    if not isinstance(item, dict):
        return None
    address = item.get("URL") or item.get("FHIRPatientFacingURI") or item.get("fhir_base_url") or item.get("url")
    name = item.get("OrganizationName") or item.get("name")
    return Listed(
        name=name,
        address=address,
        postal_code=item.get("OrganizationZipCode") or item.get("postal_code"),
        vendor=item.get("vendor"),
        city=item.get("city"),
        state=item.get("state"),
    )


def _unnamed(bundle: Bundle) -> Iterator[Listed | Reason]:
    """Endpoints that no Organization refers to, if they have a name of their own."""
    seen: set[int] = {id(bundle.endpoints[name]) for name in bundle.named if name in bundle.endpoints}
    for facts in bundle.endpoints.values():
        if id(facts) not in seen:
            seen.add(id(facts))
            yield facts.refused or Listed(name=facts.owner or facts.name, address=facts.address)


def _endpoint(resource: dict[str, Any]) -> EndpointFacts:
    address = resource.get("address")
    kind = _part(resource, "connectionType").get("code")
    status = resource.get("status")
    versions = [str(each.get("valueCode", "")) for each in _list(resource, "extension") if _is(each, VERSION)]
    refused: Reason | None = None
    is_old = bool(versions) and all(version.startswith(OLD) for version in versions)
    if is_old or (isinstance(kind, str) and not kind.startswith("hl7-fhir")):
        refused = "not_fhir"
    elif status in ("suspended", "error", "off", "entered-in-error", "test"):
        refused = "inactive" if status != "test" else "test_address"
    name = resource.get("name")
    owner = _part(resource, "managingOrganization").get("display")
    return EndpointFacts(
        address if isinstance(address, str) else "",
        name if isinstance(name, str) else "",
        owner if isinstance(owner, str) else "",
        refused,
    )


def _references(resource: dict[str, Any]) -> tuple[str, ...]:
    """The ids of the Endpoints of an Organization, also of those that only its portal names."""
    direct = [each.get("reference") for each in _list(resource, "endpoint") if isinstance(each, dict)]
    portals = [each for each in _list(resource, "extension") if _is(each, PORTAL)]
    inner = [part for portal in portals for part in _list(portal, "extension") if isinstance(part, dict)]
    direct += [_part(part, "valueReference").get("reference") for part in inner if part.get("url") == "portalEndpoint"]
    return tuple(dict.fromkeys(name for name in map(_id, direct) if name))


def _contained(resource: dict[str, Any]) -> list[dict[str, Any]]:
    found = [each for each in _list(resource, "contained") if isinstance(each, dict)]
    return [each for each in found if each.get("resourceType") == "Endpoint"]


def _resource(item: Any) -> dict[str, Any] | None:
    resource = item.get("resource") if isinstance(item, dict) else None
    return resource if isinstance(resource, dict) else None


def _is(extension: Any, ending: str) -> bool:
    return isinstance(extension, dict) and str(extension.get("url", "")).endswith(ending)


def _part(resource: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = resource.get(name)
    return value if isinstance(value, dict) else {}


def _list(resource: Mapping[str, Any], name: str) -> list[Any]:
    value = resource.get(name)
    return value if isinstance(value, list) else []


def _id(reference: object) -> str:
    """The id in `Endpoint/7`, `https://ehr.example/Endpoint/7`, `urn:uuid:7`, and `#7`."""
    if not isinstance(reference, str) or len(reference) > 500:
        return ""
    return reference.rstrip("/").rpartition("/")[2].rpartition(":")[2].lstrip("#")
