"""The values that resources are made of, and how to reach into a resource by a path."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from sandbox_ehr.fhir.outcome import Resource

SYSTEM = "https://sandbox-ehr.example/fhir"
NPI = "http://hl7.org/fhir/sid/us-npi"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
CPT = "http://www.ama-assn.org/go/cpt"
UCUM = "http://unitsofmeasure.org"
CLIENT_REF = f"{SYSTEM}/client-ref"


def filled(resource: Resource) -> Resource:
    """Without empty members: FHIR has no empty text and no empty list (json.html)."""
    return {name: value for name, value in resource.items() if value not in ("", None, [], {}, ())}


def reference(kind: str, row_id: str, display: str = "") -> Resource:
    return filled({"reference": f"{kind}/{row_id}", "display": display})


def concept(system: str, code: str, text: str = "") -> Resource:
    return filled({"coding": [filled({"system": system, "code": code, "display": text})], "text": text})


def terminology(name: str) -> str:
    return f"http://terminology.hl7.org/CodeSystem/{name}"


def client_identifier(client_ref: str) -> list[Resource]:
    return [{"system": CLIENT_REF, "value": client_ref}] if client_ref else []


def meta(updated: str, profile: str = "") -> Resource:
    url = f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{profile}"
    return filled({"lastUpdated": updated, "profile": [url] if profile else []})


def versioned(resource: Resource) -> Resource:
    """With a version that follows from the content, so that whatever changes has another one."""
    digest = hashlib.sha256(msgspec.json.encode(resource, order="sorted")).hexdigest()[:12]
    return resource | {"meta": {**resource.get("meta", {}), "versionId": digest}}


def at(value: Any, path: str) -> Iterator[Any]:
    """Every value at a path such as `name.family`, through lists."""
    name, _, rest = path.partition(".")
    if isinstance(value, list):
        for each in value:
            yield from at(each, path)
    elif isinstance(value, dict) and name in value:
        found = value[name]
        if rest:
            yield from at(found, rest)
        elif isinstance(found, list):
            yield from found
        else:
            yield found
