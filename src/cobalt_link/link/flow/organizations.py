"""The organizations of the directory that can be linked here, each with the connector that reaches its EHR."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cobalt_link.connector.connector import Connector
from cobalt_link.directory.directory import Directory
from cobalt_link.directory.engine.organizations import Organization

ANY_VENDOR = "smart"
"""The connector for the FHIR address of any vendor that has no connector of its own."""


class OrganizationHits(msgspec.Struct, frozen=True):
    """Organizations, each with the key of its connector, and how many were found, as far as they were counted."""

    shown: list[tuple[Organization, str]]
    total: int


NONE = OrganizationHits([], 0)


class LinkableOrganizations:
    """The directory as seen with some connectors."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._linkable: dict[tuple[str, ...], tuple[frozenset[str], dict[str, str]]] = {}

    async def search(
        self, connectors: Mapping[str, Connector], client: str, query: str, limit: int
    ) -> OrganizationHits:
        """What a user has typed so far. Those that the client's users linked come first."""
        linkable = self._by_vendor(connectors)
        if not linkable:
            return NONE
        hits = await self._directory.search(query, limit, vendors=linkable, client=client)
        return OrganizationHits([(each, linkable[each.vendor]) for each in hits.shown], hits.total)

    def _by_vendor(self, connectors: Mapping[str, Connector]) -> dict[str, str]:
        """The connector's key for each vendor that can be linked. It is kept: this runs at every keystroke."""
        vendors, kept = self._directory.vendors(), self._linkable.get(tuple(connectors))
        if kept is None or kept[0] is not vendors:
            by_vendor = {vendor: connector_of(vendor, connectors) for vendor in vendors}
            kept = vendors, {vendor: key for vendor, key in by_vendor.items() if key}
            self._linkable[tuple(connectors)] = kept
        return kept[1]

    async def find(self, connectors: Mapping[str, Connector], key: str) -> tuple[Organization, str] | None:
        """None if it is hidden, gone, or cannot be linked."""
        found = await self._directory.find(key)
        connector = connector_of(found.vendor, connectors) if found else None
        return (found, connector) if found and connector else None


def connector_of(vendor: str, connectors: Mapping[str, Connector]) -> str | None:
    """The vendor's own connector, else the one for any vendor, if it is there."""
    own = next((key for key, each in connectors.items() if each.manifest.answers_to(vendor)), None)
    return own or (ANY_VENDOR if ANY_VENDOR in connectors else None)
