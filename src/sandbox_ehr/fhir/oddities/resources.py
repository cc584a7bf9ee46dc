"""Oddities of single resources: fields that are missing, local, unreliable or elsewhere (15 to 28)."""

from collections.abc import Callable
from typing import Any

from sandbox_ehr.fhir.outcome import Resource

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
LOCAL = "urn:oid:1.2.840.114350.1.13.0.1.7.10.698084.13260"
MERGED, SURVIVOR = "10009", "10010"


class Seen:
    """What a change may look at: the address of the server, its time, and a number that differs between resources."""

    def __init__(self, fhir: str, now: str, number: int) -> None:
        self.fhir = fhir
        self.now = now
        self.number = number


def references_of_every_kind(resource: Resource, seen: Seen) -> Resource:
    """15: absolute, relative, contained and by URN, in one answer."""
    if resource["resourceType"] not in ("Appointment", "Encounter", "DocumentReference"):
        return resource
    changed = _absolute(resource, seen.fhir)
    contained = {"resourceType": "Practitioner", "id": "1", "name": [{"text": "Contained Person"}]}
    reference = {"reference": ("#1", "urn:uuid:6f1b0a52-0d6c-4d2c-9a53-3b1a4f8f7a10")[seen.number % 2]}
    more = {"Appointment": "participant", "Encounter": "participant", "DocumentReference": "author"}
    name = more[resource["resourceType"]]
    extra = {"participant": {"individual": reference}, "author": reference}[name]
    if resource["resourceType"] == "Appointment":
        extra = {"actor": reference, "status": "accepted"}
    return changed | {"contained": [contained], name: [*changed.get(name, []), extra]}


def merged(resource: Resource, _seen: Seen) -> Resource:
    """17: a patient who was merged is inactive, and links to the survivor."""
    if resource["resourceType"] != "Patient" or resource["id"] != MERGED:
        return resource
    link = [{"other": {"reference": f"Patient/{SURVIVOR}"}, "type": "replaced-by"}]
    return resource | {"active": False, "link": link}


def local_class(resource: Resource, _seen: Seen) -> Resource:
    """19: a class of the vendor's own, and types of four kinds with nothing to tell them apart."""
    if resource["resourceType"] != "Encounter":
        return resource
    kinds = [{"text": text} for text in ("Outpatient", "Hospital Outpatient Visit", "Level 3")]
    local = {"system": LOCAL, "code": "7", "display": "HOV"}
    return resource | {"class": local, "type": [*kinds, *resource["type"]]}


def odd_codings(resource: Resource, seen: Seen) -> Resource:
    """20: text without coding, coding without display, or several codings, from one record to the next."""
    code = resource.get("code")
    if not isinstance(code, dict) or not code.get("coding"):
        return resource
    coding = code["coding"][0]
    choices: tuple[Resource, ...] = (
        {"text": code.get("text", "Something")},
        {"coding": [{name: value for name, value in coding.items() if name != "display"}]},
        {
            "coding": [{"system": LOCAL, "code": f"L{seen.number}", "display": "Local name"}, coding],
            "text": code.get("text", ""),
        },
    )
    return resource | {"code": choices[seen.number % 3]}


def same_title(resource: Resource, _seen: Seen) -> Resource:
    """21: every document is called the same, and its name is elsewhere."""
    if resource["resourceType"] != "DocumentReference":
        return resource
    title = resource["content"][0]["attachment"]["title"]
    return resource | {"type": {"text": "Document"}, "description": title}


def attachments(resource: Resource, seen: Seen) -> Resource:
    """22: an absolute address, a relative one that is not there, the data itself, or only why there is none."""
    if resource["resourceType"] != "DocumentReference":
        return resource
    attachment: dict[str, Any] = dict(resource["content"][0]["attachment"])
    address = attachment.pop("url")
    absent = [{"url": ABSENT, "valueCode": "unknown"}]
    shapes: tuple[Resource, ...] = (
        attachment | {"url": f"{seen.fhir}/{address}"},
        attachment | {"url": "./x.txt"},
        {"contentType": "text/plain", "data": "SW5saW5lIHRleHQu"},
        {"extension": absent},
    )
    return resource | {"content": [{"attachment": shapes[seen.number % 4]}]}


def unreliable(resource: Resource, seen: Seen) -> Resource:
    """27: changed just now, on every read; and no status of the document."""
    shown = {name: value for name, value in resource.items() if name not in ("docStatus", "date")}
    return shown | {"meta": {**resource.get("meta", {}), "lastUpdated": seen.now}}


def bare_appointments(resource: Resource, seen: Seen) -> Resource:
    """28: without an end, without a place, without a practitioner, or only proposed for some day."""
    if resource["resourceType"] != "Appointment":
        return resource
    people = resource["participant"]
    drops = ("Location/", "Practitioner/")
    which = seen.number % 4
    if which == 0:
        return {name: value for name, value in resource.items() if name not in ("end", "minutesDuration")}
    if which < 3:
        kept = [each for each in people if drops[which - 1] not in each["actor"]["reference"]]
        return resource | {"participant": kept}
    period = {"start": resource["start"], "end": resource["end"]}
    shown = {name: value for name, value in resource.items() if name not in ("start", "end", "minutesDuration")}
    return shown | {"status": "proposed", "requestedPeriod": [period]}


CHANGES: dict[str, Callable[[Resource, Seen], Resource]] = {
    "fhir_17": merged,
    "fhir_19": local_class,
    "fhir_20": odd_codings,
    "fhir_21": same_title,
    "fhir_22": attachments,
    "fhir_27": unreliable,
    "fhir_28": bare_appointments,
    "fhir_15": references_of_every_kind,
}


def _absolute(value: Any, fhir: str) -> Any:
    """Every other reference is absolute."""
    if isinstance(value, list):
        return [_absolute(each, fhir) if place % 2 else each for place, each in enumerate(value)]
    if isinstance(value, dict):
        found = {name: _absolute(each, fhir) if isinstance(each, dict | list) else each for name, each in value.items()}
        if isinstance(found.get("reference"), str) and "://" not in found["reference"]:
            found["reference"] = f"{fhir}/{found['reference']}"
        return found
    return value
