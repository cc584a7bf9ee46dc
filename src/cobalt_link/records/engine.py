"""The engine of all reads: reads live from the EHR, and gives its records our ids.

What the EHR does not offer is refused by name. No copy of the chart is kept. A resource only says what it asks for and
how its records look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported, not_offered
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.models import Capability
from cobalt_link.connector.topics import withheld
from cobalt_link.connector.validity import NotValid
from cobalt_link.developers.org_settings import OrgSettings
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit.ids import HEX, canonical
from cobalt_link.records.ids import Kind, Named, RecordIds
from cobalt_link.records.overlays import Overlays
from cobalt_link.records.pending import NoPromises, Pending, Promises

Found = TypeVar("Found")
Ids = Mapping[Named, str]


class Source(msgspec.Struct, Generic[Found], frozen=True):
    """One capability of connectors, and which parts of what it returns get an id of ours.

    `finishable` are the filters that the records themselves can answer, for an EHR that lacks them.
    """

    capability: Capability
    named: Callable[[Found], Iterable[Named]]
    finishable: frozenset[str] = frozenset()


class RecordsEngine:
    """What the routes of this package work with."""

    def __init__(
        self,
        sessions: EhrSessions,
        accounts: AccountTable,
        orgs: Orgs,
        ids: RecordIds,
        overlays: Overlays,
        connectors: Mapping[str, Connector],
    ) -> None:
        self.accounts = accounts
        self.overlays = overlays
        self.promises: Promises = NoPromises()
        self._sessions = sessions
        self._orgs = orgs
        self._connectors = connectors
        self._ids = ids

    async def read(
        self, account: Account, source: Source[Found], step: Callable[[Any, Chart], Awaitable[Found]]
    ) -> tuple[Found, Ids]:
        """What `step(connector, chart)` reads, with our ids of what it named. The connector has the capability's
        protocol. What the consent leaves out is left out here too. Raises what `EhrSessions.read` raises, and
        NotSupported for an undeclared capability."""
        self.declared(account, source.capability)
        connector = self._connectors.get(account.connector)
        without = frozenset(connector.manifest.offering(account.offers).without if connector else ())

        async def named(connector: Any, chart: Chart) -> tuple[Found, list[Named]]:
            # In here, so that an id that is none is an answer of the EHR that we do not understand.
            found = withheld(await step(connector, chart), without)
            return found, [_text(name) for name in source.named(found)]

        found, names = await self._sessions.read(account, named)
        return found, await self._ids.give(account, names)

    def left_to_us(self, account: Account, source: Source[Any], filters: Iterable[str]) -> frozenset[str]:
        """Those of the filters that the EHR lacks and the records can answer. Raises NotSupported for the others."""
        declared = self.declared(account, source.capability)
        missing = [each for each in filters if declared is not None and each not in declared]
        if refused := [each for each in missing if each not in source.finishable]:
            raise self.cannot_filter(account, source.capability, refused)
        return frozenset(missing)

    def cannot_filter(self, account: Account, capability: Capability, filters: Iterable[str]) -> NotSupported:
        name = self.ehr_name(account)
        return NotSupported(
            f"{name} cannot filter {_words(capability)} by {', '.join(sorted(filters))}. Leave that out for {name} and"
            " filter the answer yourself."
        )

    def ehr_name(self, account: Account) -> str:
        manifest = self.manifest(account)
        return manifest.name if manifest else account.connector

    def manifest(self, account: Account) -> Manifest | None:
        """As far as this account's EHR offers it. None if the connector is not installed here anymore."""
        connector = self._connectors.get(account.connector)
        return connector.manifest.offering(account.offers) if connector else None

    async def resolve(self, account: Account, kind: Kind, either_id: str) -> str:
        """The EHR's id for one of ours. Any other id is taken for the EHR's own."""
        return await self._ids.resolve(account, kind, either_id) or either_id

    async def ours(self, account: Account, kind: Kind, our_id: str) -> str | None:
        """The EHR's id for one of ours. None for any other id."""
        return await self._ids.resolve(account, kind, our_id)

    async def given_before(self, account: Account, our_ids: Collection[str], moment: datetime) -> frozenset[str]:
        """Those of our ids that were given out before then, by the database's clock."""
        return await self._ids.given_before(account, our_ids, moment) if our_ids else frozenset()

    async def pending(self, account: Account, kinds: Iterable[Kind], our_id: str) -> Pending | None:
        """A record that a write is to make. None for an id that is not ours."""
        ours = HEX.fullmatch(canonical(our_id))
        return await self.promises.pending(account, frozenset(kinds), our_id) if ours else None

    async def org_settings(self, account: Account) -> OrgSettings:
        """What the app has set for the account's org. It wins over what the EHR says."""
        org = await self._orgs.known(account.client, account.org_id)
        return org.settings if org else OrgSettings()

    def offers(self, account: Account, capability: Capability) -> bool:
        manifest = self.manifest(account)
        return manifest is None or capability in manifest.reads

    def declared(self, account: Account, capability: Capability) -> tuple[str, ...] | None:
        """The filters that the manifest declares. None if the connector is not installed: the read itself says so.
        Raises NotSupported for an undeclared capability."""
        manifest = self.manifest(account)
        if manifest is None:
            return None
        declared = manifest.reads.get(capability)
        if declared is None:
            raise not_offered(manifest.name, _words(capability), capability, account.offers)
        return declared


def _words(capability: Capability) -> str:
    return capability.replace("_", " ")


def _text(name: Named) -> Named:
    if not isinstance(name[1], str):
        raise NotValid
    return name


def our_id(ids: Ids, kind: Kind, ehr_id: str | None) -> str | None:
    """Our id of a record that may be absent."""
    return ids[kind, ehr_id] if ehr_id is not None else None
