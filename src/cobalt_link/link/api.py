"""The JSON routes of Link: contract §3, with every form of §9."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.developers.orgs import OrgMismatch, UnknownEmr
from cobalt_link.kit.problems import InvalidRequest, MissingField
from cobalt_link.kit.routes import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.link.events import Event
from cobalt_link.link.exchange import InvalidPublicToken, KeyReused
from cobalt_link.link.sessions import (
    CallbackNotRegistered,
    EmrNotOffered,
    InvalidAccessToken,
    InvalidLinkToken,
    LinkSessions,
    Wanted,
)
from cobalt_link.link.states import SessionState, StateMachine, machine

routes = Routes("link")


class CreateLinkToken(Wanted, frozen=True, kw_only=True):
    """`user_id` and `org_id` are needed, unless `access_token` says which account to repair. No PII in `user_id`."""

    user_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    org_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    emr_name: Annotated[Annotated[str, Meta(max_length=200)] | None, Alias("emr")] = None
    emr_instance_domain: Annotated[Annotated[str, Meta(max_length=2000)] | None, Alias("emr_domain")] = None
    callback_url: Annotated[Annotated[str, Meta(max_length=2000)] | None, Alias("redirect_uri")] = None
    state: Annotated[str, Meta(max_length=1000)] | None = None
    locale: Annotated[str, Meta(max_length=35)] | None = None


class LinkTokenCreated(msgspec.Struct, frozen=True):
    """`token` and `link_token` are the same."""

    token: str
    link_token: str
    expires_at: datetime
    success: bool = True


class ExchangePublicToken(msgspec.Struct, frozen=True):
    public_token: Annotated[str, Meta(min_length=1, max_length=200), Alias("token")]


class AccessTokenGranted(msgspec.Struct, frozen=True):
    """`token` and `access_token` are the same."""

    token: str
    access_token: str
    success: bool = True


class GetLinkToken(msgspec.Struct, frozen=True):
    link_token: Annotated[str, Meta(min_length=1, max_length=200), Alias("token")]


class LinkSession(msgspec.Struct, frozen=True):
    """`public_token` is there when the user has finished and nobody has exchanged yet."""

    state: SessionState
    events: list[Event]
    expires_at: datetime
    public_token: str | None
    account_id: str | None
    success: bool = True


CREATE_ERRORS = (
    InvalidRequest,
    MissingField,
    OrgMismatch,
    UnknownEmr,
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
    summary="Create a link token for one user, to open Link with.",
)
async def create(room: LinkSessions, call: Call, body: CreateLinkToken) -> LinkTokenCreated:
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
)
async def exchange(room: LinkSessions, call: Call, body: ExchangePublicToken) -> AccessTokenGranted:
    token = await room.exchange(call.caller, body.public_token, call.idempotency_key)
    return AccessTokenGranted(token, token)


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
async def exchange_by_post(room: LinkSessions, call: Call, body: ExchangePublicToken) -> AccessTokenGranted:
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
    summary="What became of a link token: its state, its events, and the public token if the user has finished.",
)
async def get(room: LinkSessions, call: Call, body: GetLinkToken) -> LinkSession:
    session = await room.status(call.caller, body.link_token)
    return LinkSession(session.state, session.events, session.expires_at, session.public_token, session.account_id)


@routes.get(
    "/link/states.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="The states of a link session and the events between them.",
)
async def states(room: LinkSessions, call: Call) -> StateMachine:
    return machine()
