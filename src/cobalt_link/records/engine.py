"""The engine of all reads: what the EHR does not offer is refused by name, the rest is read live and gets our ids.

No copy of the chart rests here; a resource says only what it asks for and how its records look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.connector import Chart, Connector
from cobalt_link.connector.manifest import Capability
from cobalt_link.developers.org_settings import OrgSettings
from cobalt_link.developers.orgs import Orgs
from cobalt_link.records.ids import Kind, Named, RecordIds

Found = TypeVar("Found")
Ids = Mapping[Named, str]


class Resource(msgspec.Struct, Generic[Found], frozen=True):
    """One kind of thing to read: what the manifest calls it, and which of its parts get an id of ours."""

    capability: Capability
    named: Callable[[Found], Iterable[Named]]


class RecordsEngine:
    """What the routes of this room work with."""

    def __init__(
        self,
        sessions: EhrSessions,
        accounts: AccountTable,
        orgs: Orgs,
        ids: RecordIds,
        connectors: Mapping[str, Connector],
    ) -> None:
        self.accounts = accounts
        self._sessions = sessions
        self._orgs = orgs
        self._connectors = connectors
        self._ids = ids

    async def read(
        self,
        account: Account,
        resource: Resource[Found],
        step: Callable[[Connector, Chart], Awaitable[Found]],
        filters: Iterable[str] = (),
    ) -> tuple[Found, Ids]:
        """What `step` reads, with our ids of what it named. Raises what `EhrSessions.read` raises, and NotSupported
        for a resource or a filter that the connector's manifest does not declare."""
        self._refuse_undeclared(account, resource.capability, filters)
        found = await self._sessions.read(account, step)
        return found, await self._ids.give(account, resource.named(found))

    async def resolve(self, account: Account, kind: Kind, either_id: str) -> str:
        """The EHR's id for one of ours; any other id is taken for the EHR's own."""
        return await self._ids.resolve(account, kind, either_id) or either_id

    async def org_settings(self, account: Account) -> OrgSettings:
        """What the app set for the account's org; it wins over what the EHR says."""
        org = await self._orgs.known(account.client, account.org_id)
        return org.settings if org else OrgSettings()

    def offers(self, account: Account, capability: Capability) -> bool:
        connector = self._connectors.get(account.connector)
        return connector is None or capability in connector.manifest.reads

    def _refuse_undeclared(self, account: Account, capability: Capability, filters: Iterable[str]) -> None:
        connector = self._connectors.get(account.connector)
        if connector is None:
            return  # `EhrSessions.read` says so
        name, declared = connector.manifest.name, connector.manifest.reads.get(capability)
        if declared is None:
            raise NotSupported(f"{name} does not offer {capability}. Leave this call out for {name}.")
        if missing := [each for each in filters if each not in declared]:
            raise NotSupported(
                f"{name} cannot filter {capability} by {', '.join(missing)}. Leave that out for {name} and filter the"
                " answer yourself."
            )


def our_id(ids: Ids, kind: Kind, ehr_id: str | None) -> str | None:
    """Our id of a record that may be absent."""
    return ids[kind, ehr_id] if ehr_id is not None else None
