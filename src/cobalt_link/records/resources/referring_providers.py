"""Clinicians outside of the practice who refer patients to it, in the contract's shape (§4.14)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import ReferringProvider
from cobalt_link.records.asked import PartOfIt, Phone, Text
from cobalt_link.records.engine import Ids
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as


class ReferringProvidersAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional; several all have to match."""

    first_name: PartOfIt = None
    last_name: PartOfIt = None
    phone: Phone = None
    fax: Phone = None
    npi: Annotated[Text, Meta(description="The whole number.")] = None


class ReferringProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """`speciality` is spelled as in the contract."""

    id: str
    ehr_id: str
    name: str
    first_name: str | None
    last_name: str | None
    middle_initial: str | None
    speciality: str | None
    phone: str | None
    fax: str | None
    email: str | None
    npi: str | None
    address_street: str | None
    address_city: str | None
    address_state: str | None
    address_zip: str | None


def view(each: ReferringProvider, ids: Ids) -> ReferringProviderView:
    our_id = ids["referring_provider", each.ehr_id]
    return shown_as(ReferringProviderView, each, id=our_id, speciality=each.specialty)


RESOURCE: Resource[ReferringProvider] = Resource(
    capability="referring_providers",
    kind="referring_provider",
    path="/v1/referring-providers",
    summary="List who refers patients to the practice.",
    key="referring_providers",
    shown=ReferringProviderView,
    view=view,
    asked=ReferringProvidersAsked,
)
ENDPOINTS = endpoints(RESOURCE)
