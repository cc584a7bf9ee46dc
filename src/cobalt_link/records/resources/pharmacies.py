"""Pharmacies, in the contract's shape (§4.15)."""

from __future__ import annotations

from typing import Literal

import msgspec

from cobalt_link.connector.models import Pharmacy
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as


class PharmacyAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a pharmacy is."""

    address1: str | None
    city: str | None
    state: str | None
    zip: str | None


class PharmacyView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id: `pharmacy_id` of a new patient, `pharmacy_ehr_id` of a telephone encounter."""

    id: str
    ehr_id: str
    name: str
    address: PharmacyAddress
    phone: str | None
    fax: str | None
    email: str | None
    status: Literal["active", "inactive"]


def view(each: Pharmacy, ids: Ids) -> PharmacyView:
    status = "active" if each.active else "inactive"
    address = shown_as(PharmacyAddress, each)
    return shown_as(PharmacyView, each, id=ids["pharmacy", each.ehr_id], address=address, status=status)


RESOURCE: Resource[Pharmacy] = Resource(
    capability="pharmacies",
    kind="pharmacy",
    path="/v1/pharmacies",
    summary="List the pharmacies that the practice knows.",
    key="pharmacies",
    shown=PharmacyView,
    view=view,
    asked=NothingAsked,
)
ENDPOINTS = endpoints(RESOURCE)
