"""The JSON routes of Link (contract §3), in every form that clients send (contract §9)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts.api import AccountView
from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed
from cobalt_link.developers.orgs import EmrNotOffered, OrgMismatch, UnknownEmr
from cobalt_link.link.api.link_tokens import (
    CallbackNotRegistered,
    CreateLinkToken,
    Id,
    InvalidAccessToken,
    InvalidLinkToken,
    LinkTokenApi,
)
from cobalt_link.link.session.ehr_requests import EhrRequest, Position
from cobalt_link.link.session.events import LinkEvent
from cobalt_link.link.session.exchange import InvalidPublicToken, KeyReused
from cobalt_link.link.session.states import SessionState, StateMachine, machine
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.paging import After, Continuation, OnlyPage, decoded
from cobalt_link.web.problems import InvalidRequest, MissingField

routes = Routes("link")


class LinkTokenCreated(msgspec.Struct, frozen=True):
    """`token` and `link_token` are the same."""

    token: str
    link_token: str
    expires_at: datetime
    success: bool = True


class ExchangePublicToken(msgspec.Struct, frozen=True):
    public_token: Annotated[Id, Alias("token"), Meta(description="The public token that the callback received.")]


class AccessTokenGranted(msgspec.Struct, frozen=True):
    """`token` and `access_token` are the same. `account` says who and what was linked, as in GET /v1/accounts. It is
    null if the account was disconnected meanwhile."""

    token: str
    access_token: str
    account_id: str | None
    account: AccountView | None
    success: bool = True


class GetLinkToken(msgspec.Struct, frozen=True):
    link_token: Annotated[Id, Alias("token"), Meta(description="A link token in any state.")]


class LinkTokenStatus(msgspec.Struct, frozen=True):
    """`public_token` is set from when the user has finished until the exchange."""

    state: SessionState
    events: list[LinkEvent]
    expires_at: datetime
    public_token: str | None
    account_id: str | None
    success: bool = True


class EhrRequestsQuery(msgspec.Struct, frozen=True):
    after: After = None
    page: OnlyPage = 1
    page_size: Annotated[int, Meta(ge=1, le=500, description="Requests on one page.")] = 100


class EhrRequestsAnswer(msgspec.Struct, frozen=True):
    ehr_requests: list[EhrRequest]
    pagination: Continuation
    success: bool = True


CREATE_ERRORS = (
    InvalidRequest,
    MissingField,
    OrgMismatch,
    UnknownEmr,
    EhrDomainNotAllowed,
    EmrNotOffered,
    CallbackNotRegistered,
    InvalidAccessToken,
)


@routes.post(
    "/link/token/create",
    also=("/v1/link/token/create",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.TOKEN,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=CREATE_ERRORS,
    summary="Create a link token that opens Link for one user.",
)
async def create(room: LinkTokenApi, call: Call, body: CreateLinkToken) -> LinkTokenCreated:
    token, expires_at = await room.create(call.caller, body)
    return LinkTokenCreated(token, token, expires_at)


EXCHANGE_ERRORS = (InvalidRequest, MissingField, InvalidPublicToken, KeyReused)


@routes.get(
    "/link/token/exchange",
    also=("/v1/link/token/exchange",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.TOKEN,
    idempotency=Idempotency.KEY,
    audit="link.exchange",
    errors=EXCHANGE_ERRORS,
    summary="Exchange a public token for the permanent access token.",
    changes=True,
)
async def exchange(room: LinkTokenApi, call: Call, body: ExchangePublicToken) -> AccessTokenGranted:
    token, account = await room.exchange(call.caller, body.public_token, call.idempotency_key)
    return AccessTokenGranted(token, token, account.id if account else None, account)


@routes.post(
    "/link/token/exchange",
    also=("/v1/link/token/exchange",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.TOKEN,
    idempotency=Idempotency.KEY,
    audit="link.exchange",
    errors=EXCHANGE_ERRORS,
    summary="Exchange a public token for the permanent access token.",
)
async def exchange_by_post(room: LinkTokenApi, call: Call, body: ExchangePublicToken) -> AccessTokenGranted:
    return await exchange(room, call, body)


@routes.get(
    "/link/token/get",
    also=("/v1/link/token/get",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest, MissingField, InvalidLinkToken),
    summary="Get the state and the events of a link token, and the public token if the user has finished.",
    changes=True,
)
async def get(room: LinkTokenApi, call: Call, body: GetLinkToken) -> LinkTokenStatus:
    session = await room.status(call.caller, body.link_token)
    return LinkTokenStatus(session.state, session.events, session.expires_at, session.public_token, session.account_id)


@routes.get(
    "/v1/ehr-requests",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest,),
    summary="List the EHRs that your users requested in Link because they cannot be connected, the latest first.",
)
async def ehr_requests(room: LinkTokenApi, call: Call, body: EhrRequestsQuery) -> EhrRequestsAnswer:
    after = decoded(body.after, Position)
    found = await room.requests.listed(call.caller.id, limit=body.page_size + 1, after=after)
    pagination = Continuation.of(body.page_size, found, lambda last: (last[0].asked_at, last[1]))
    return EhrRequestsAnswer([request for request, _ in found], pagination)


@routes.get(
    "/link/states.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Get the states of a link session and the events between them.",
)
async def states(room: LinkTokenApi, call: Call) -> StateMachine:
    return machine()
