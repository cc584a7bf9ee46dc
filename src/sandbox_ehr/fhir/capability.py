"""The CapabilityStatement, computed from what this server does (FHIR R4, capabilitystatement.html)."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir.kinds import KINDS, Kind
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.parameters import parameters_of
from sandbox_ehr.fhir.writes.table import written_by
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.twins import Twin

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def statement(request: Request) -> Resource:
    ehr, places = ehr_of(request), places_of(request)
    uris = {"authorize": places.authorize, "token": places.token, "revoke": places.revoke}
    extension = {"url": OAUTH_URIS, "extension": [{"url": name, "valueUri": uri} for name, uri in uris.items()]}
    coding = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    rest: dict[str, Any] = {
        "mode": "server",
        "security": {"extension": [extension], "service": [{"coding": [coding]}]},
        "resource": [_resource(kind, ehr.twin) for kind in KINDS.values() if interactions_of(kind, ehr.twin)],
    }
    publisher = {"publisher": ehr.twin.publisher} if ehr.twin.publisher else {}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        **publisher,
        "date": datetime.fromtimestamp(ehr.clock.now(), UTC).isoformat(timespec="seconds"),
        "kind": "instance",
        "software": ehr.twin.software or {"name": "Sandbox EHR", "version": "1"},
        "implementation": {"description": ehr.twin.title, "url": places.fhir},
        "fhirVersion": "4.0.1",
        "format": list(ehr.twin.formats),
        "rest": [rest],
    }


def interactions_of(kind: Kind, twin: Twin) -> tuple[str, ...]:
    """What the server does with a type, as far as its twin offers it."""
    own = ("read", *(("search-type",) if kind.searchable else ()), *written_by(kind.name))
    return tuple(each for each in own if twin.offers(kind.name, each))


def _resource(kind: Kind, twin: Twin) -> Resource:
    offer, known = twin.resources.get(kind.name), parameters_of(kind.name)
    interactions = interactions_of(kind, twin)
    names = (offer.search if offer else ()) or tuple(known)
    found: Resource = {"type": kind.name, "interaction": [{"code": each} for each in interactions]}
    found["versioning"] = "versioned" if twin.writes.versions else "no-version"
    if "search-type" in interactions:
        found["searchParam"] = [{"name": name, "type": _type(kind, name, twin)} for name in names]
        references = [name for name, each in known.items() if each.kind == "reference"]
        includes = offer.include if offer else tuple(f"{kind.name}:{name}" for name in references)
        found |= {"searchInclude": list(includes)} if includes else {}
        if offer and offer.revinclude:
            found["searchRevInclude"] = list(offer.revinclude)
    return found


def _type(kind: Kind, name: str, twin: Twin) -> str:
    offer = twin.resources.get(kind.name)
    ours = offer.also.get(name, name) if offer else name
    parameter = parameters_of(kind.name).get(ours)
    return {"actor": "reference"}.get(parameter.kind, parameter.kind) if parameter else "string"
