"""One entry of the directory: an organization as a list names it, with one address of its EHR."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from cobalt_link.directory.engine.words import folded

Level = Literal["org", "brand", "location"]
Audience = Literal["provider", "patient", "unknown"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Every text is clean. `address` is the FHIR base URL, with a scheme and a host in lower case. `state` is two
    letters where it is known. `tenant` tells the organizations of one address apart, "" if the list has none."""

    name: str
    vendor: str
    address: str
    tenant: str = ""
    product: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    level: Level = "org"
    audience: Audience = "unknown"
    aliases: tuple[str, ...] = ()

    @property
    def folded(self) -> str:
        return folded(self.name)

    @property
    def key(self) -> str:
        """The identity: vendor, address, and tenant, or the name where one address has many names and no tenants."""
        own = self.tenant or f"~{self.folded}"
        return sha256("\n".join((self.vendor, self.address.rstrip("/"), own)).encode()).hexdigest()[:32]


class Listed(msgspec.Struct, kw_only=True):
    """An entry as a list has it: nothing is checked, and every field may hold anything."""

    name: object = ""
    vendor: object = ""
    address: object = ""
    tenant: object = ""
    product: object = ""
    city: object = ""
    state: object = ""
    postal_code: object = ""
    level: object = ""
    audience: object = ""
    aliases: tuple[object, ...] = ()
