"""Insurance companies that the practice knows, in the contract's shape (§4.8)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import InsuranceProvider
from cobalt_link.records.asked import HundredMost, PartOfIt
from cobalt_link.records.engine import Ids
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as
from cobalt_link.web.paging import Page, Pagination


class InsuranceProvidersAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional."""

    name: PartOfIt = None
    active: Annotated[bool | None, Meta(description="Only active or only inactive ones.")] = None
    page: Page = 1
    page_size: HundredMost = 100


class InsuranceProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """`payer_id` is the payer's number in electronic claims."""

    id: str
    ehr_id: str
    name: str
    payer_id: str | None
    active: bool
    created_at: datetime | None


def view(each: InsuranceProvider, ids: Ids) -> InsuranceProviderView:
    return shown_as(InsuranceProviderView, each, id=ids["insurance_provider", each.ehr_id])


RESOURCE: Resource[InsuranceProvider] = Resource(
    capability="insurance_providers",
    kind="insurance_provider",
    path="/v1/insurance-providers",
    summary="List the insurance companies that the practice knows.",
    key="insurance_providers",
    shown=InsuranceProviderView,
    view=view,
    asked=InsuranceProvidersAsked,
    pages=Pagination,
)
ENDPOINTS = endpoints(RESOURCE)
