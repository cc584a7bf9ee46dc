"""Providers: who works at the practice, in the contract's shape (§4.3), with what the app has set over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Provider, ReadsProviders
from cobalt_link.connector.models.reading import listed
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids, RecordsEngine, Source
from cobalt_link.records.overlays import NOTHING, Overlay
from cobalt_link.records.resource import LIVE, ResourceRoute
from cobalt_link.records.resources import locations
from cobalt_link.records.working_hours import DayAsked, DayView, WorkingShift, of_ehr, of_request, shown
from cobalt_link.web import Rate
from cobalt_link.web.problems import InvalidRequest, MissingField, Problem

SOURCE: Source[list[Provider]] = Source("providers", lambda found: [("provider", each.ehr_id) for each in found])
MOST_DAYS = 50


class ProviderNotFound(Problem):
    """There is no such provider. Send an id of GET /v1/providers."""

    code = "provider_not_found"
    status = 404


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id. `hours` are empty if neither the EHR nor the app has any. `status`,
    `hide_in_availability`, and `hours` are what the app has set, else what the EHR says."""

    id: str
    ehr_id: str
    name: str
    npi: str | None
    timezone: str | None
    status: Literal["active", "inactive"]
    hide_in_availability: bool
    hours: list[DayView]


class ProvidersAnswer(msgspec.Struct, frozen=True):
    providers: list[ProviderView]
    success: bool = True


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True):
    """Any of them. They count for the whole org, and change nothing in the EHR."""

    status: Annotated[Literal["active", "inactive"] | None, Meta(description="Inactive: not in availability.")] = None
    hide_in_availability: Annotated[bool | None, Meta(description="Active, but not in availability.")] = None
    hours: Annotated[
        Annotated[list[DayAsked], Meta(max_length=MOST_DAYS)] | None,
        Meta(description="Takes the place of the EHR's hours. An empty list gives the EHR's back."),
    ] = None


class ProviderChanged(msgspec.Struct, frozen=True):
    message: str
    provider_id: str
    success: bool = True


async def found_providers(engine: RecordsEngine, account: Account) -> tuple[list[Provider], Ids, Mapping[str, Overlay]]:
    """The EHR's providers, our ids, and what the app has set for them, by our id."""

    async def step(connector: ReadsProviders, chart: Chart) -> list[Provider]:
        found = await listed(connector.providers(chart))
        return [msgspec.structs.replace(each, timezone=each.timezone or chart.zone) for each in found]

    found, ids = await engine.read(account, SOURCE, step)
    overlays = await engine.overlays.of(account, "provider", [ids["provider", each.ehr_id] for each in found])
    return found, ids, overlays


async def read(engine: RecordsEngine, account: Account, asked: NothingAsked) -> ProvidersAnswer:
    found, ids, overlays = await found_providers(engine, account)
    zone = (await engine.org_settings(account)).time_zone
    return ProvidersAnswer([view(each, ids["provider", each.ehr_id], overlays, zone) for each in found])


def view(provider: Provider, our_id: str, overlays: Mapping[str, Overlay], zone: str | None) -> ProviderView:
    overlay = overlays.get(our_id, NOTHING)
    return ProviderView(
        id=our_id,
        ehr_id=provider.ehr_id,
        name=provider.name,
        npi=provider.npi,
        timezone=zone or provider.timezone,
        status=status_of(provider, overlay),
        hide_in_availability=overlay.hide_in_availability or False,
        hours=shown(hours_of(provider, overlay)),
    )


def status_of(provider: Provider, overlay: Overlay) -> Literal["active", "inactive"]:
    return overlay.status or ("active" if provider.active else "inactive")


def hours_of(provider: Provider, overlay: Overlay) -> tuple[WorkingShift, ...]:
    return overlay.hours or of_ehr(provider.hours)


async def change(engine: RecordsEngine, account: Account, asked: ProviderChange, provider_id: str) -> ProviderChanged:
    """By our id. Raises ProviderNotFound for one that is not of this org and EHR."""
    ehr_id = await engine.ours(account, "provider", provider_id)
    if ehr_id is None:
        raise ProviderNotFound
    return await change_by_ehr_id(engine, account, asked, ehr_id)


async def change_by_ehr_id(
    engine: RecordsEngine, account: Account, asked: ProviderChange, ehr_id: str
) -> ProviderChanged:
    if asked == ProviderChange():
        raise MissingField("status")
    found, ids, _ = await found_providers(engine, account)
    if ehr_id not in {each.ehr_id for each in found}:
        raise ProviderNotFound
    hours = None if asked.hours is None else await _placed(engine, account, of_request(asked.hours))
    overlay = Overlay(status=asked.status, hide_in_availability=asked.hide_in_availability, hours=hours)
    await engine.overlays.set(account, "provider", ids["provider", ehr_id], overlay)
    what = "status" if hours is None else "status and hours"
    return ProviderChanged(f"Provider {what} updated successfully.", ids["provider", ehr_id])


async def _placed(
    engine: RecordsEngine, account: Account, shifts: tuple[WorkingShift, ...]
) -> tuple[WorkingShift, ...]:
    """The shifts with the names of their facilities. Raises InvalidRequest for one that is none of the org's."""
    if not any(each.facility_id for each in shifts):
        return shifts
    found, ids, _ = await locations.found_locations(engine, account)
    known = {key: each for each in found for key in (each.ehr_id, ids["location", each.ehr_id])}
    if unknown := sorted({each.facility_id for each in shifts if each.facility_id} - known.keys()):
        raise InvalidRequest(f"Invalid facility_id: {', '.join(unknown)}. Send the ehr_id of one of GET /v1/locations.")
    return tuple(_at(each, known[each.facility_id]) if each.facility_id else each for each in shifts)


def _at(shift: WorkingShift, location: Any) -> WorkingShift:
    return msgspec.structs.replace(shift, facility_id=location.ehr_id, facility_name=location.name)


CHANGE: Any = {
    "method": "PATCH",
    "asked": ProviderChange,
    "answer": ProviderChanged,
    "errors": (*LIVE, ProviderNotFound, InvalidRequest, MissingField),
    "rate": Rate.WRITE,
    "audit": "overlay_set",
}
ENDPOINTS = (
    ResourceRoute(
        name="list_providers",
        path="/v1/providers",
        run=read,
        asked=NothingAsked,
        answer=ProvidersAnswer,
        summary="List the practice's providers.",
    ),
    ResourceRoute(
        name="change_provider",
        path="/v1/providers/{provider_id}",
        run=change,
        summary="Set a provider's status, visibility, and hours for your org.",
        **CHANGE,
    ),
    ResourceRoute(
        name="change_provider_by_ehr_id",
        path="/v1/providers/ehr/{ehr_id}",
        run=change_by_ehr_id,
        summary="The same, by the EHR's own id of the provider.",
        **CHANGE,
    ),
)
