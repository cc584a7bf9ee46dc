"""Ids as other servers have them: with a prefix (16), or the same in every clinic (13)."""

import re
from typing import Any

# How athenahealth's ids begin.
PREFIXES = {
    "Patient": "a-1.E-",
    "Encounter": "a-1.encounter-",
    "Organization": "a-1.Practice-",
    "Practitioner": "a-1.Provider-",
    "Location": "a-1.Department-",
    "Appointment": "a-1.appointment-",
}
_REFERENCE = re.compile(rf"(?:^|/)({'|'.join(PREFIXES)})/([A-Za-z0-9.-]+)")
_PREFIX = re.compile("|".join(map(re.escape, PREFIXES.values())))


def outward(on: frozenset[str], value: Any, kind: str = "") -> Any:
    """A resource with the ids of the outside, in its own id and in every reference."""
    if not on & {"fhir_13", "fhir_16"}:
        return value
    if isinstance(value, list):
        return [outward(on, each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("resourceType", "")
    found = {name: outward(on, each) for name, each in value.items()}
    if kind in PREFIXES and "id" in found:
        found["id"] = _out(on, kind, found["id"])
    if isinstance(found.get("reference"), str):
        found["reference"] = _REFERENCE.sub(
            lambda each: each[0].removesuffix(each[2]) + _out(on, each[1], each[2]), found["reference"]
        )
    return found


def inward(on: frozenset[str], text: str, kind: str, clinic: str) -> str:
    """The EHR's own id, or a value of a parameter that names some."""
    if "fhir_16" in on:
        text = _PREFIX.sub("", text).replace("Organization/1", "Organization/clinic-1")
        text = f"clinic-{text}" if kind == "Organization" and text.isdigit() else text
    if "fhir_13" in on:
        text = re.sub(r"\b0(\d{3})\b", rf"{clinic}0\1", text)
    return text


def inward_references(on: frozenset[str], value: Any, clinic: str) -> Any:
    """A resource that somebody sent, with the EHR's own ids in its references."""
    if isinstance(value, list):
        return [inward_references(on, each, clinic) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: inward_references(on, each, clinic) for name, each in value.items()}
    for name in {"reference", "id"} & found.keys():
        if isinstance(found[name], str):
            found[name] = inward(on, found[name], value.get("resourceType", ""), clinic)
    return found


def _out(on: frozenset[str], kind: str, row_id: str) -> str:
    if "fhir_13" in on and kind == "Patient":
        row_id = row_id[1:] if len(row_id) == 5 else row_id
    if "fhir_16" in on and not row_id.startswith("a-1."):
        return PREFIXES[kind] + row_id.removeprefix("clinic-")
    return row_id
