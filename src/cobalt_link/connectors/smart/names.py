"""Names and numbers of people: which of several names and identifiers is the one that counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from cobalt_link.connectors.smart.values import Resource, every, in_effect, text, texts

NPI = "http://hl7.org/fhir/sid/us-npi"
NPI_OID = "urn:oid:2.16.840.1.113883.4.6"
_NAME_USES = ("official", "usual", None, "nickname", "anonymous", "temp", "maiden", "old")
_IDENTIFIER_USES = ("usual", "official", None, "secondary", "temp", "old")
# Identifier types of v2-0203 that are not a record number of this practice.
_OTHERS = {"SS", "SSN", "DL", "PPN", "NI", "NPI", "MB", "MC", "MA", "TAX", "SB", "PN", "AN", "HC", "NNUSA", "DR", "JHN"}
_OTHER_SYSTEMS = ("us-ssn", "us-medicare", "us-driver", "113883.4.1", "passport", "us-npi", "113883.4.6")
_MRN_WORDS = ("mrn", "medical record", "record number", "chart number")


class Name(NamedTuple):
    first: str
    middle: str | None
    last: str

    @property
    def sorted(self) -> str:
        """ "Last, First", or what there is of it."""
        return ", ".join(filter(None, (self.last, " ".join(filter(None, (self.first, self.middle))))))


def name_of(resource: Any, today: date) -> Name:
    """The name of a person. One that has ended, or is only an old one, is taken if there is no other."""
    found = every(resource, "name")
    for each in sorted(found, key=lambda each: (not in_effect(_period(each), today), _rank(each, _NAME_USES))):
        given, family = texts(each, "given"), text(each, "family")
        if given or family:
            return Name(given[0] if given else "", " ".join(given[1:]) or None, family or "")
        if said := text(each, "text") or (each if isinstance(each, str) else None):
            return parted(said)
    return Name("", None, "")


def parted(said: str) -> Name:
    """A whole name in its parts: "Betz, Ana M" and "Ana M Betz"."""
    if "," in said:
        last, _, rest = said.partition(",")
        first, _, middle = rest.strip().partition(" ")
        return Name(first, middle.strip() or None, last.strip())
    parts = said.split()
    if len(parts) < 2:
        return Name("", None, said.strip())
    return Name(parts[0], " ".join(parts[1:-1]) or None, parts[-1])


def mrn_of(patient: Resource, preferred: Sequence[str], today: date) -> str:
    """The medical record number that people use; "" if no identifier can be one.

    A patient has several: those of type MR first (v2-0203), else those whose type says so in words, else the only one
    that is nothing else. `preferred` are texts of types, best first, for a vendor whose identifiers all look alike.
    """
    found = [each for each in every(patient, "identifier") if text(each, "value") and not _is_other(each)]
    found = [each for each in found if in_effect(_period(each), today)] or found
    ranked = sorted(found, key=lambda each: (_kind(each, preferred), _rank(each, _IDENTIFIER_USES)))
    return text(ranked[0], "value") or "" if ranked else ""


def npi_of(resource: Any) -> str | None:
    """A National Provider Identifier, by either spelling of its system, or by its type."""
    for each in every(resource, "identifier"):
        number = text(each, "value") or ""
        is_npi = text(each, "system") in (NPI, NPI_OID) or "NPI" in texts(each, "type.coding.code") + texts(
            each, "type.text"
        )
        if is_npi and len(number) == 10 and number.isdigit():
            return number
    return None


def _kind(identifier: Any, preferred: Sequence[str]) -> tuple[int, int]:
    kinds, words = texts(identifier, "type.coding.code"), (text(identifier, "type.text") or "").casefold()
    names = [each.casefold() for each in preferred]
    own = names.index(words) if words in names else len(names)
    if "MR" in kinds:
        return 0, own
    if any(each in words for each in _MRN_WORDS) or own < len(names):
        return 1, own
    return 2, own


def _is_other(identifier: Any) -> bool:
    kinds, system = {*texts(identifier, "type.coding.code")}, (text(identifier, "system") or "").casefold()
    return bool(kinds & _OTHERS and "MR" not in kinds) or any(each in system for each in _OTHER_SYSTEMS)


def _period(value: Any) -> Any:
    return next(iter(every(value, "period")), None)


def _rank(value: Any, order: Sequence[str | None]) -> int:
    use = text(value, "use")
    return order.index(use) if use in order else len(order)
