"""What is known of each vendor's servers beyond what they say of themselves: data, one file per vendor in vendors/."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from cobalt_link.connectors.smart.statement import Statement

FOLDER = Path(__file__).parent / "vendors"
OTHER = "other"


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vendor is told by the end of its servers' host names, else by what a CapabilityStatement calls its `software`
    or `publisher` (a part of it, in lower case). Servers for patients have hosts of their own at some.

    - `scopes` is the version of SMART scopes that it grants. None: as its discovery document says.
    - `offline` is the scope that asks for a refresh token.
    - `audience_slash`: its `aud` ends with a slash. `discovery_at_host`: its document stands at the host's root.
    - `page_size` and `count` ask for longer pages. `always` are parameters of every call, filled from the context that
      came with the tokens or stands in the registration: {"ah-practice" = "{ah-practice}"}. `claims` are what the
      claims of an access token add to this context.
    - `schedule` says by what a range of days is asked for: "days" alone, or one "practitioner" or location at a time.
      `days` is how it wants the ends of a range written.
    - `books_slots`: an appointment is made from a free slot, which has the practitioner and the location.
    - `note` is the media type that its notes are written in. `note_needs_visit`: a note belongs to an encounter.
    - `mrn` are texts of the identifier that people use, best first, where several look alike.
    - `without` are interactions that its statement names and that do not work, by resource type.
    """

    key: str = ""
    name: str
    hosts: tuple[str, ...] = ()
    patient_hosts: tuple[str, ...] = ()
    software: tuple[str, ...] = ()
    publisher: tuple[str, ...] = ()
    scopes: Literal["v1", "v2"] | None = None
    offline: Literal["offline_access", "online_access"] = "offline_access"
    audience_slash: bool = False
    discovery_at_host: bool = False
    page_size: int = 100
    count: str | None = "_count"
    always: Mapping[str, str] = {}
    claims: Mapping[str, str] = {}
    schedule: Literal["days", "practitioner"] = "days"
    days: Literal["day", "instant"] = "day"
    books_slots: bool = False
    note: str = "text/plain"
    note_needs_visit: bool = False
    mrn: tuple[str, ...] = ()
    without: Mapping[str, tuple[str, ...]] = {}

    def knows(self, host: str) -> bool:
        return any(host == each or host.endswith(f".{each}") for each in (*self.hosts, *self.patient_hosts))

    def is_for_patients(self, host: str) -> bool:
        return any(host == each or host.endswith(f".{each}") for each in self.patient_hosts)

    def corrected(self, statement: Statement) -> Statement:
        """The statement without what is known not to work."""
        types = {
            kind: msgspec.structs.replace(
                offered,
                interactions=tuple(each for each in offered.interactions if each not in self.without.get(kind, ())),
            )
            for kind, offered in statement.types.items()
        }
        return msgspec.structs.replace(statement, types=types)


@cache
def vendors() -> Mapping[str, Vendor]:
    """Every vendor by its key, which is the name of its file."""
    found = {}
    for file in sorted(FOLDER.glob("*.toml")):
        vendor = msgspec.toml.decode(file.read_bytes(), type=Vendor)
        found[file.stem] = msgspec.structs.replace(vendor, key=file.stem)
    return found


def vendor_of(address: str, statement: Statement | None = None, said: str = "") -> Vendor:
    """The vendor of a server: the one that the operator `said`, else by its host, else by its statement. One that
    nobody knows is treated by what it says of itself alone."""
    host, known = urlsplit(address).hostname or "", vendors()
    if said in known and said != OTHER:
        return known[said]
    for vendor in known.values():
        if vendor.knows(host):
            return vendor
    software = (statement.software or "").casefold() if statement else ""
    publisher = (statement.publisher or "").casefold() if statement else ""
    for vendor in known.values():
        if any(each in software for each in vendor.software) or any(each in publisher for each in vendor.publisher):
            return vendor
    return known[OTHER]


def named(key: str) -> Vendor:
    return vendors().get(key) or vendors()[OTHER]
