"""Oddities of searches: what is refused, ignored, or means something else (7 to 12, 29, 30)."""

import re

from starlette.requests import Request

from sandbox_ehr.fhir.matching import prefixed
from sandbox_ehr.fhir.oddities.ids import inward
from sandbox_ehr.fhir.outcome import FhirRefused
from sandbox_ehr.oauth.oddities import active

Pairs = list[tuple[str, str]]
PEOPLE = ("patient", "practitioner", "location")
RANGES = {"Appointment": ("date",), "DocumentReference": ("period",), "Slot": ("start",)}
SSN = "http://hl7.org/fhir/sid/us-ssn|"
REFUSED_TYPE = "Coverage"


def asked(request: Request, kind: str, pairs: Pairs, clinic: str) -> Pairs:
    """The parameters as this server understands them. Raises FhirRefused for what it does not take."""
    on, names = active(request), [name.partition(":")[0] for name, _ in pairs]
    if "fhir_07" in on:
        _bounded(kind, names)
    if "fhir_08" in on:
        _closed(kind, pairs)
    if "fhir_09" in on and kind == "Appointment" and "_id" not in names:
        raise FhirRefused(400, "not-supported", "An appointment is found by its id only.")
    if "fhir_11" in on and (kind == REFUSED_TYPE or (kind == "Patient" and "patient" in names)):
        raise FhirRefused(403, "forbidden", f"{kind} cannot be searched like this.")
    if "fhir_29" in on and any(name == "birthdate" and "T" in value for name, value in pairs):
        raise FhirRefused(400, "invalid", "birthdate takes no time.")
    if "fhir_10" in on and request.method == "POST":
        pairs = [pair for pair in pairs if pair not in request.query_params.multi_items() or pair[0] == "_format"]
    if "fhir_10" in on:
        # A filter that runs after the search, on another server: here it filters nothing.
        pairs = [pair for pair in pairs if pair[0] not in ("status", "status:not")]
    if "fhir_12" in on:
        pairs = [(name, _facility(value) if name == "location" else value) for name, value in pairs]
        pairs = [pair for pair in pairs if pair[0] != "_lastUpdated" or prefixed(pair[1])[0] != "eq"]
    if "fhir_30" in on and kind == "Patient":
        pairs = [_by_ssn(name, value, clinic) for name, value in pairs]
    return [(name, inward(on, value, kind if name == "_id" else "", clinic)) for name, value in pairs]


def _bounded(kind: str, names: list[str]) -> None:
    people = [name for name in names if name in PEOPLE]
    filters = [name for name in names if name != "_id" and not name.startswith("_")]
    is_bounded = "_id" in names or (bool(people) and "date" in names if kind == "Appointment" else bool(filters))
    if not is_bounded:
        raise FhirRefused(400, "required", "No supported search parameters provided.")
    if kind == "Appointment" and len(people) > 1:
        raise FhirRefused(400, "invalid", "Only one of patient, practitioner and location may be given, and once.")


def _closed(kind: str, pairs: Pairs) -> None:
    for wanted in RANGES.get(kind, ()):
        prefixes = sorted(prefixed(value)[0] for name, value in pairs if name == wanted)
        if prefixes and prefixes != ["ge", "lt"]:
            raise FhirRefused(400, "invalid", f"{wanted} must be given as a range of ge and lt.")


def _facility(value: str) -> str:
    """12: a location is a facility here, with another id, and only with its type."""
    found = re.fullmatch(r"(?:.*/)?Location/FAC-(\w+)", value)
    return f"Location/{found[1]}" if found else "Location/none"


def _by_ssn(name: str, value: str, clinic: str) -> tuple[str, str]:
    """30: it matches, and is in no answer. The last four digits are the patient's here."""
    if name != "identifier" or not value.startswith(SSN):
        return name, value
    return "_id", f"{clinic}{value[-4:]}"
