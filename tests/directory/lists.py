"""Lists as vendors publish them, in each form that an import reads."""

import json
from collections.abc import Iterable
from typing import Any

BRANDS_URL = "http://hl7.org/fhir/StructureDefinition"


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"https://lists.example.org/{each['resourceType']}/{each['id']}", "resource": each}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def endpoint(own_id: str, address: Any, **more: Any) -> dict[str, Any]:
    known = {"status": "active", "connectionType": {"code": "hl7-fhir-rest"}, "address": address}
    return {"resourceType": "Endpoint", "id": own_id} | known | more


def organization(
    name: str, title: Any, *endpoints: str, city: str = "", state: str = "", **more: Any
) -> dict[str, Any]:
    known: dict[str, Any] = {"resourceType": "Organization", "id": name, "active": True, "name": title}
    if endpoints:
        known["endpoint"] = [{"reference": f"Endpoint/{each}"} for each in endpoints]
    if city:
        known["address"] = [{"city": city, "state": state, "postalCode": "60601"}]
    return known | more


def brand(name: str, title: str, endpoint_id: str, **more: Any) -> dict[str, Any]:
    """An Organization of a User-access Brands bundle whose Endpoint only its portal names."""
    inner = [
        {"url": "portalEndpoint", "valueReference": {"reference": f"https://b.example.org/Endpoint/{endpoint_id}"}}
    ]
    portal = {"url": f"{BRANDS_URL}/organization-portal", "extension": inner}
    return organization(name, title, extension=[portal], **more)


def tsv(rows: Iterable[tuple[str, ...]], head: str = "name fhir_base_url vendor city state level audience") -> str:
    return "\n".join(["\t".join(head.split()), *("\t".join(row) for row in rows)]) + "\n"


def fhir(host: str) -> str:
    return f"https://{host}/api/FHIR/R4/"


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
