"""Providers: who works at the practice, in the contract's shape (§4.3)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.capabilities import ReadsProviders, listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Provider
from cobalt_link.records.engine import Ids, RecordsEngine, Resource

RESOURCE: Resource[list[Provider]] = Resource("providers", lambda found: [("provider", each.ehr_id) for each in found])


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id. `hours` stay empty: they are read with availability."""

    id: str
    ehr_id: str
    name: str
    npi: str | None
    timezone: str | None
    status: Literal["active", "inactive"]
    hide_in_availability: bool = False
    hours: list[dict[str, Any]] = []


class ProvidersAnswer(msgspec.Struct, frozen=True):
    providers: list[ProviderView]
    success: bool = True


async def read(reads: RecordsEngine, account: Account) -> ProvidersAnswer:
    async def step(connector: ReadsProviders, chart: Chart) -> list[Provider]:
        found = await listed(connector.providers(chart))
        return [msgspec.structs.replace(each, timezone=each.timezone or chart.zone) for each in found]

    found, ids = await reads.read(account, RESOURCE, step)
    zone = (await reads.org_settings(account)).time_zone
    return ProvidersAnswer([view(each, ids, zone) for each in found])


def view(provider: Provider, ids: Ids, zone: str | None) -> ProviderView:
    return ProviderView(
        id=ids["provider", provider.ehr_id],
        ehr_id=provider.ehr_id,
        name=provider.name,
        npi=provider.npi,
        timezone=zone or provider.timezone,
        status="active" if provider.active else "inactive",
    )
