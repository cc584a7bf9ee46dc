"""Where an EHR is: its base address, and the practice's name if known."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import msgspec


class OtherHost(Exception):
    """A link that the EHR sent leads to another host. It is not followed: the session's token goes with a request."""


class EhrInstance(msgspec.Struct, frozen=True, kw_only=True):
    """One EHR installation. `address` has a scheme and a host, no trailing slash: `https://ehr.example/path`."""

    address: str
    practice: str | None = None

    @property
    def host(self) -> str:
        """Host, and port unless it is the scheme's default. The sign-in page says that this host gets the password."""
        return urlsplit(self.address).netloc

    def at(self, path: str) -> str:
        """The URL of a path of this EHR."""
        return f"{self.address.rstrip('/')}/{path.lstrip('/')}"

    def join(self, link: str) -> str:
        """The URL of a link that this EHR sent, whole or relative. Raises OtherHost if it leads elsewhere."""
        url = urljoin(f"{self.address.rstrip('/')}/", link)
        if urlsplit(url)[:2] != urlsplit(self.address)[:2]:
            raise OtherHost
        return url
