"""What can be linked here, with what each EHR offers, before anybody signs in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts.instance_health import InstanceState
from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.topics import Topic
from cobalt_link.connector.writes import WriteCapability
from cobalt_link.developers.clients import Client
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.link_sign_in import offered
from cobalt_link.link.flow.organizations import LinkableOrganizations
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import InvalidRequest

routes = Routes("ehrs")


class EhrsQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(max_length=200, description="Also search the directory, as the picker does.")] = ""
    limit: Annotated[int, Meta(ge=1, le=50, description="Organizations at most.")] = 10


class EhrInstanceView(msgspec.Struct, frozen=True, kw_only=True):
    """An EHR at which your users have accounts: when it last worked for anybody, and when it last did not answer.
    `failing_since` is set while it answers nobody."""

    emr_instance_domain: str
    last_worked_at: datetime
    last_failed_at: datetime | None
    failing_since: datetime | None


class EhrView(msgspec.Struct, frozen=True, kw_only=True):
    """An EHR that your users can link. `emr_name` is what `POST /link/token/create` takes. `topics` are what an app
    learns from it, `reads` and `writes` what it offers at most: GET /v1/capabilities tells it for an account."""

    emr_name: str
    name: str
    aliases: list[str]
    reads: list[Capability]
    writes: list[WriteCapability]
    topics: list[Topic]
    instances: list[EhrInstanceView]


class OrganizationView(msgspec.Struct, frozen=True, kw_only=True):
    """An organization of the directory, and the EHR to link there."""

    name: str
    place: str
    vendor: str
    emr_name: str
    emr_instance_domain: str


class EhrsAnswer(msgspec.Struct, frozen=True):
    ehrs: list[EhrView]
    organizations: list[OrganizationView]
    success: bool = True


class LinkableEhrs:
    """What the route works with."""

    def __init__(self, deps: LinkDeps) -> None:
        self._deps = deps
        self._organizations = LinkableOrganizations(deps.directory)

    async def listed(self, client: Client, query: str, limit: int) -> EhrsAnswer:
        connectors = offered(self._deps.connectors, test=client.test)
        states = await self._deps.health.of_client(client.id)
        ehrs = [_ehr(each, [state for state in states if state.connector == key]) for key, each in connectors.items()]
        if not query.strip():
            return EhrsAnswer(ehrs, [])
        hits = await self._organizations.search(connectors, client.id, query, limit)
        return EhrsAnswer(ehrs, [_organization(each, key) for each, key in hits.shown])


def _ehr(connector: Connector, states: list[InstanceState]) -> EhrView:
    manifest = connector.manifest
    return EhrView(
        emr_name=manifest.key,
        name=manifest.name,
        aliases=list(manifest.aliases),
        reads=sorted(manifest.reads),
        writes=sorted(manifest.writes),
        topics=list(manifest.topics),
        instances=[_instance(each) for each in states],
    )


def _instance(state: InstanceState) -> EhrInstanceView:
    return EhrInstanceView(
        emr_instance_domain=state.address,
        last_worked_at=state.worked_at,
        last_failed_at=state.failed_at,
        failing_since=state.failing_since,
    )


def _organization(each: Organization, connector: str) -> OrganizationView:
    return OrganizationView(
        name=each.name,
        place=each.place,
        vendor=each.vendor,
        emr_name=connector,
        emr_instance_domain=each.address,
    )


@routes.get(
    "/v1/ehrs",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest,),
    summary="List the EHRs that can be linked here, with what each offers; with `q`, also organizations.",
)
async def ehrs(room: LinkableEhrs, call: Call, body: EhrsQuery) -> EhrsAnswer:
    return await room.listed(call.caller, body.q, body.limit)
