"""The EHR vendors that the package knows: their names, how addresses of theirs look, and which are for tests."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

from cobalt_link.directory.entry import Audience

OTHER = "Other"


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`aliases` are names that lists and people use. `addresses`, `patients`, and `providers` are patterns of its FHIR
    addresses, the latter two of those for one audience only. `tests` are those of its sandboxes."""

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def known_addresses(self) -> tuple[str, ...]:
        return (*self.addresses, *self.patients, *self.providers)


class VendorFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vendor: tuple[Vendor, ...]


@cache
def vendors() -> tuple[Vendor, ...]:
    data = files("cobalt_link.directory").joinpath("vendors.toml").read_bytes()
    return msgspec.toml.decode(data, type=VendorFile).vendor


def vendor_named(name: str) -> str | None:
    """The vendor's name by its name or an alias, in any case."""
    return _names().get(_plain(name))


def vendor_at(address: str) -> str | None:
    """The vendor whose addresses look like this one."""
    return next((name for pattern, name in _patterns() if pattern.search(address)), None)


def audience_at(address: str) -> Audience:
    for kind, pattern in _audiences():
        if pattern.search(address):
            return kind
    return "unknown"


def is_test_address(address: str) -> bool:
    return any(pattern.search(address) for pattern in _tests())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


@cache
def _names() -> dict[str, str]:
    return {_plain(name): each.name for each in vendors() for name in (*each.aliases, each.name)}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(text), each.name) for each in vendors() for text in each.known_addresses)


@cache
def _audiences() -> tuple[tuple[Audience, re.Pattern[str]], ...]:
    provider: list[tuple[Audience, re.Pattern[str]]] = [
        ("provider", _pattern(text)) for each in vendors() for text in each.providers
    ]
    return (*provider, *(("patient", _pattern(text)) for each in vendors() for text in each.patients))


@cache
def _tests() -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(text) for each in vendors() for text in each.tests)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
