"""The routes with which a client manages its orgs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cobalt_link.developers.org_settings import OrgChange, VisitType
from cobalt_link.developers.orgs import Org, OrgNotFound, Orgs, UnknownEmr
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.paging import Pagination
from cobalt_link.web.problems import InvalidRequest

routes = Routes("developers")


class OrgView(msgspec.Struct, frozen=True):
    """An org. `emr_name` and `emr_instance_domain` are null until somebody names the EHR."""

    id: str
    org_id: str
    emr_name: str | None
    emr_instance_domain: str | None
    time_zone: str | None
    visit_types: tuple[VisitType, ...]
    allowed_ehr_domains: tuple[str, ...]
    branding_name: str | None
    place: str | None
    listed: bool
    created_at: datetime


class OrgAnswer(msgspec.Struct, frozen=True):
    org: OrgView
    success: bool = True


class OrgsAnswer(msgspec.Struct, frozen=True):
    orgs: list[OrgView]
    pagination: Pagination
    success: bool = True


class OrgsQuery(msgspec.Struct, frozen=True):
    page: Annotated[int, Meta(ge=1, le=1_000_000, description="The page, from 1.")] = 1
    page_size: Annotated[int, Meta(ge=1, le=500, description="How many on one page.")] = 100


class OrgPatch(OrgChange, frozen=True):
    """The changes. A field that is left out stays as it is. null clears it."""

    time_zone: Annotated[
        str | UnsetType | None, Alias("timezone"), Meta(description="IANA name, such as America/Phoenix.")
    ] = UNSET
    emr_name: Annotated[
        str | None, Meta(description="Another EHR, by name. null and an empty text change nothing.")
    ] = None
    emr_instance_domain: Annotated[
        str | None, Meta(description="Another address. null and an empty text change nothing.")
    ] = None


@routes.get(
    "/v1/orgs",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest,),
    summary="List your orgs by org_id.",
)
async def list_orgs(room: Orgs, call: Call, body: OrgsQuery) -> OrgsAnswer:
    orgs, total = await room.page(call.caller, body.page, body.page_size)
    return OrgsAnswer([view(org) for org in orgs], Pagination.of(body.page, body.page_size, total))


@routes.get(
    "/v1/orgs/{org_id}",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(OrgNotFound,),
    summary="Show an org with its EHR and settings.",
)
async def show_org(room: Orgs, call: Call, org_id: str) -> OrgAnswer:
    return OrgAnswer(view(await room.find(call.caller, org_id)))


@routes.patch(
    "/v1/orgs/{org_id}",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="org.changed",
    errors=(OrgNotFound, UnknownEmr, InvalidRequest),
    summary="Change the settings or the EHR of an org.",
)
async def change_org(room: Orgs, call: Call, body: OrgPatch, org_id: str) -> OrgAnswer:
    return OrgAnswer(view(await room.change(call.caller, org_id, body, body.emr_name, body.emr_instance_domain)))


def view(org: Org) -> OrgView:
    """The org as the API and the command line show it: its settings are fields beside the others."""
    settings = msgspec.structs.asdict(org.settings)
    return OrgView(org.id, org.org_id, org.emr_name, org.address, created_at=org.created_at, **settings)
