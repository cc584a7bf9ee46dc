"""Where an EHR is: a base address, and the practice's name where known."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class EhrInstance(msgspec.Struct, frozen=True, kw_only=True):
    """One EHR installation. `address` has a scheme and a host, no trailing slash: `https://ehr.example/path`."""

    address: str
    practice: str | None = None

    @property
    def host(self) -> str:
        """Host and, where it is not the scheme's own, port: what a person is told gets the password."""
        return urlsplit(self.address).netloc

    def at(self, path: str) -> str:
        """The URL of a path of this EHR."""
        return f"{self.address.rstrip('/')}/{path.lstrip('/')}"
