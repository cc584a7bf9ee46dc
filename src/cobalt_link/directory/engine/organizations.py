"""Puts the addresses of one organization together: for patients and for providers, and duplicates that nobody can tell
apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from urllib.parse import urlsplit

import msgspec

from cobalt_link.directory.engine.words import folded

_FHIR = re.compile(r"fhir|open", re.IGNORECASE)
_GENERAL = re.compile(r"(r|v|stu|dstu)?\d{1,2}(\.\d+)*|(us)?core|api|fhir|.{0,3}", re.IGNORECASE)
_AUDIENCES = {"provider": 0, "unknown": 1, "patient": 2}


class IndexedEntry(msgspec.Struct, array_like=True, frozen=True):
    """One entry of the directory as the index reads it. Every text is clean. `level` is org, brand, or location."""

    key: str
    name: str
    vendor: str
    address: str
    city: str
    state: str
    postal_code: str
    level: str
    audience: str
    pinned: bool
    aliases: tuple[str, ...]


class Organization(msgspec.Struct, array_like=True, frozen=True):
    """What the picker shows as one row. `address` is the one for providers where there is one. `other_addresses` are
    the rest. `host` is what tells it from others of the same name, vendor, and place: "" if nothing has to."""

    key: str
    name: str
    vendor: str
    address: str
    city: str = ""
    state: str = ""
    postal_code: str = ""
    is_site: bool = False
    pinned: bool = False
    aliases: tuple[str, ...] = ()
    other_addresses: tuple[str, ...] = ()
    host: str = ""

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.city, self.state) if part)


def organizations(entries: Iterable[IndexedEntry]) -> Iterator[Organization]:
    """The organizations of entries that come sorted by vendor and folded name."""
    for _, same in groupby(entries, lambda each: (each.vendor, folded(each.name))):
        found = [_organization(group) for group in _groups(list(same))]
        shown = [(each.city.lower(), each.state) for each in found]
        for each, place in zip(found, shown, strict=True):
            twin = shown.count(place) > 1
            yield msgspec.structs.replace(each, host=urlsplit(each.address).netloc) if twin else each


def _groups(same: list[IndexedEntry]) -> list[list[IndexedEntry]]:
    groups: dict[tuple[str, str, str], list[IndexedEntry]] = {}
    for each in same:
        groups.setdefault((_instance(each.address), each.city.lower(), each.state), []).append(each)
    found = list(groups.values())
    return _paired(found) if len(found) > 1 else found


def _paired(groups: list[list[IndexedEntry]]) -> list[list[IndexedEntry]]:
    """Joins one group of patients' addresses and one of providers' addresses that are at the same place."""
    by_place: dict[tuple[str, str], dict[str, list[list[IndexedEntry]]]] = {}
    for group in groups:
        audiences = {each.audience for each in group}
        kind = audiences.pop() if len(audiences) == 1 else "unknown"
        by_place.setdefault((group[0].city.lower(), group[0].state), {}).setdefault(kind, []).append(group)
    paired: list[list[IndexedEntry]] = []
    for kinds in by_place.values():
        patient, provider = kinds.get("patient", []), kinds.get("provider", [])
        if len(patient) == len(provider) == 1:
            paired.append(provider[0] + patient[0])
        else:
            paired += provider + patient
        paired += kinds.get("unknown", [])
    return paired


def _instance(address: str) -> str:
    """What two addresses of one EHR instance have in common: the vendor's id of it in the path, else the host."""
    parts = urlsplit(address)
    last = parts.path.rstrip("/").rpartition("/")[2]
    own = "" if _GENERAL.fullmatch(last) or _FHIR.match(last) else last
    return own.lower() or parts.netloc.lower() + _FHIR.sub("", parts.path).rstrip("/").lower()


def _organization(group: list[IndexedEntry]) -> Organization:
    group = sorted(group, key=lambda each: (_AUDIENCES.get(each.audience, 1), "/open" in each.address, each.address))
    first = group[0]
    others = dict.fromkeys(each.address for each in group if each.address != first.address)
    return Organization(
        key=first.key,
        name=first.name,
        vendor=first.vendor,
        address=first.address,
        city=first.city,
        state=first.state,
        postal_code=next((each.postal_code for each in group if each.postal_code), ""),
        is_site=all(each.level == "location" for each in group),
        pinned=any(each.pinned for each in group),
        aliases=tuple(dict.fromkeys(alias for each in group for alias in each.aliases)),
        other_addresses=tuple(others),
    )
