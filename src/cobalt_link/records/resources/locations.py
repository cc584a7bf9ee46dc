"""Locations: where the practice works, in the contract's shape (§4.4), with the status that the app has set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Location, ReadsLocations
from cobalt_link.connector.models.reading import listed
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids, RecordsEngine, Source
from cobalt_link.records.overlays import NOTHING, Overlay
from cobalt_link.records.resource import LIVE, ResourceRoute
from cobalt_link.web import Rate
from cobalt_link.web.problems import InvalidRequest, MissingField, Problem

SOURCE: Source[list[Location]] = Source("locations", lambda found: [("location", each.ehr_id) for each in found])


class LocationNotFound(Problem):
    """There is no such location. Send an id of GET /v1/locations."""

    code = "location_not_found"
    status = 404


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """`address2` is an empty text if there is none."""

    address1: str | None
    address2: str
    city: str | None
    state: str | None
    zip: str | None


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id. `status` is what the app has set, else what the EHR says."""

    id: str
    ehr_id: str
    name: str
    status: Literal["active", "inactive"]
    address: Address
    phone: str | None
    fax: str | None


class LocationsAnswer(msgspec.Struct, frozen=True):
    locations: list[LocationView]
    success: bool = True


class LocationChange(msgspec.Struct, frozen=True):
    """Counts for the whole org, and changes nothing in the EHR."""

    status: Annotated[Literal["active", "inactive"], Meta(description="In any case.")]


class LocationChanged(msgspec.Struct, frozen=True):
    message: str
    location_id: str
    success: bool = True


async def found_locations(engine: RecordsEngine, account: Account) -> tuple[list[Location], Ids, Mapping[str, Overlay]]:
    """The EHR's locations, our ids, and what the app has set for them, by our id."""

    async def step(connector: ReadsLocations, chart: Chart) -> list[Location]:
        return await listed(connector.locations(chart))

    found, ids = await engine.read(account, SOURCE, step)
    overlays = await engine.overlays.of(account, "location", [ids["location", each.ehr_id] for each in found])
    return found, ids, overlays


async def read(engine: RecordsEngine, account: Account, asked: NothingAsked) -> LocationsAnswer:
    found, ids, overlays = await found_locations(engine, account)
    return LocationsAnswer([view(each, ids["location", each.ehr_id], overlays) for each in found])


def view(location: Location, our_id: str, overlays: Mapping[str, Overlay]) -> LocationView:
    return LocationView(
        id=our_id,
        ehr_id=location.ehr_id,
        name=location.name,
        status=overlays.get(our_id, NOTHING).status or ("active" if location.active else "inactive"),
        address=Address(
            address1=location.address1,
            address2=location.address2 or "",  # contract §9 row 42
            city=location.city,
            state=location.state,
            zip=location.zip,
        ),
        phone=location.phone,
        fax=location.fax,
    )


async def change(engine: RecordsEngine, account: Account, asked: LocationChange, location_id: str) -> LocationChanged:
    """By our id. Raises LocationNotFound for one that is not of this org and EHR."""
    ehr_id = await engine.ours(account, "location", location_id)
    found, ids, _ = await found_locations(engine, account)
    if ehr_id is None or ehr_id not in {each.ehr_id for each in found}:
        raise LocationNotFound
    await engine.overlays.set(account, "location", ids["location", ehr_id], Overlay(status=asked.status))
    return LocationChanged("Location status updated successfully.", ids["location", ehr_id])


ENDPOINTS = (
    ResourceRoute(
        name="list_locations",
        path="/v1/locations",
        run=read,
        asked=NothingAsked,
        answer=LocationsAnswer,
        summary="List the practice's locations.",
    ),
    ResourceRoute(
        name="change_location",
        path="/v1/locations/{location_id}",
        run=change,
        method="PATCH",
        asked=LocationChange,
        answer=LocationChanged,
        errors=(*LIVE, LocationNotFound, InvalidRequest, MissingField),
        rate=Rate.WRITE,
        audit="overlay_set",
        summary="Set a location's status for your org.",
    ),
)
