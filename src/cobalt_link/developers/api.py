"""The routes with which a client manages its orgs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed
from cobalt_link.developers.org_settings import OrgChange, OrgView
from cobalt_link.developers.orgs import EmrNotOffered, Org, OrgNotFound, Orgs, UnknownEmr
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.paging import After, Continuation, OnlyPage, decoded
from cobalt_link.web.problems import InvalidRequest

routes = Routes("developers")


class OrgAnswer(msgspec.Struct, frozen=True):
    org: OrgView
    success: bool = True


class OrgsAnswer(msgspec.Struct, frozen=True):
    orgs: list[OrgView]
    pagination: Continuation
    success: bool = True


class OrgsQuery(msgspec.Struct, frozen=True):
    after: After = None
    page: OnlyPage = 1
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
    (after,) = decoded(body.after, tuple[str]) or ("",)
    orgs = await room.page(call.caller, after, body.page_size + 1)
    pagination = Continuation.of(body.page_size, orgs, lambda last: (last.org_id,))
    return OrgsAnswer([view(org) for org in orgs], pagination)


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
    errors=(OrgNotFound, UnknownEmr, EmrNotOffered, EhrDomainNotAllowed, InvalidRequest),
    summary="Change the settings or the EHR of an org.",
)
async def change_org(room: Orgs, call: Call, body: OrgPatch, org_id: str) -> OrgAnswer:
    return OrgAnswer(view(await room.change(call.caller, org_id, body, body.emr_name, body.emr_instance_domain)))


def view(org: Org) -> OrgView:
    """The org as the API and the command line show it: its settings are fields beside the others."""
    settings = msgspec.structs.asdict(org.settings)
    return OrgView(org.id, org.org_id, org.emr_name, org.address, created_at=org.created_at, **settings)
