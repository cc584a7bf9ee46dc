"""What a FHIR server says that it can do: its CapabilityStatement, as far as this connector uses it.

It informs and does not forbid: a server whose statement cannot be read is taken to offer what its vendor is known for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cobalt_link.connectors.smart.values import every, text, texts

USED = (
    "Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Appointment", "Schedule", "Slot",
    "Encounter", "DocumentReference", "Binary", "ServiceRequest", "MedicationRequest", "DiagnosticReport",
    "Observation", "Task", "Communication", "Coverage",
)  # fmt: skip
_LETTERS = {"read": "r", "search-type": "s", "create": "C", "update": "U", "patch": "U"}


class Offered(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource type: interactions by their FHIR names, search parameters, and what a search can include."""

    interactions: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()

    @property
    def letters(self) -> str:
        """As in the table of vendors: r read, s search, C create, U update or patch."""
        found = {_LETTERS[each] for each in self.interactions if each in _LETTERS}
        return "".join(letter for letter in "rsCU" if letter in found)

    def can(self, *interactions: str) -> bool:
        return any(each in self.interactions for each in interactions)

    def takes(self, *parameters: str) -> str | None:
        """The first of the parameters that it declares."""
        return next((each for each in parameters if each in self.parameters), None)


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """The resource types that are used here. `software` and `publisher` help to tell the vendor."""

    types: dict[str, Offered] = {}
    software: str | None = None
    version: str | None = None
    publisher: str | None = None
    fhir_version: str | None = None

    def of(self, kind: str) -> Offered:
        return self.types.get(kind, Offered())


def statement_of(document: Any) -> Statement:
    """A CapabilityStatement, read. A document of another kind gives an empty one."""
    if not isinstance(document, Mapping) or document.get("resourceType") not in ("CapabilityStatement", "Conformance"):
        return Statement()
    found: dict[str, Offered] = {}
    for resource in every(document, "rest.resource"):
        kind = text(resource, "type")
        if kind in USED:
            found[kind] = _joined(found.get(kind, Offered()), _offered(resource))
    return Statement(
        types=found,
        software=text(document, "software.name"),
        version=text(document, "software.version"),
        publisher=text(document, "publisher"),
        fhir_version=text(document, "fhirVersion"),
    )


def _offered(resource: Any) -> Offered:
    return Offered(
        interactions=tuple(dict.fromkeys(texts(resource, "interaction.code"))),
        parameters=tuple(dict.fromkeys(texts(resource, "searchParam.name"))),
        includes=tuple(dict.fromkeys(texts(resource, "searchInclude"))),
    )


def _joined(one: Offered, other: Offered) -> Offered:
    """Some servers list a type twice."""
    return Offered(
        interactions=tuple(dict.fromkeys((*one.interactions, *other.interactions))),
        parameters=tuple(dict.fromkeys((*one.parameters, *other.parameters))),
        includes=tuple(dict.fromkeys((*one.includes, *other.includes))),
    )
