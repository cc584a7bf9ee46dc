"""Locations: where the practice works, in the contract's shape (§4.4)."""

from __future__ import annotations

from typing import Literal

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.capabilities import ReadsLocations, listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Location
from cobalt_link.records.engine import Ids, RecordsEngine, Resource

RESOURCE: Resource[list[Location]] = Resource("locations", lambda found: [("location", each.ehr_id) for each in found])


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """`address2` is an empty text if there is none."""

    address1: str | None
    address2: str
    city: str | None
    state: str | None
    zip: str | None


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id."""

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


async def read(reads: RecordsEngine, account: Account) -> LocationsAnswer:
    async def step(connector: ReadsLocations, chart: Chart) -> list[Location]:
        return await listed(connector.locations(chart))

    found, ids = await reads.read(account, RESOURCE, step)
    return LocationsAnswer([view(each, ids) for each in found])


def view(location: Location, ids: Ids) -> LocationView:
    return LocationView(
        id=ids["location", location.ehr_id],
        ehr_id=location.ehr_id,
        name=location.name,
        status="active" if location.active else "inactive",
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
