"""The routes about a client's linked accounts: list, disconnect, and a new access token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.account import Account, Health
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountDetails, AccountTable, Position
from cobalt_link.connector.connector import Connector
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant, Verbatim
from cobalt_link.web.paging import After, Continuation, OnlyPage, decoded
from cobalt_link.web.problems import InvalidRequest

routes = Routes("accounts")
UNKNOWN = AccountDetails(None, ())


class AccountApi(msgspec.Struct, frozen=True):
    """What the routes work with."""

    accounts: AccountTable
    access: AccessTokens
    sessions: EhrSessions
    connectors: Mapping[str, Connector]

    async def views(self, accounts: Sequence[Account]) -> list[AccountView]:
        return await views(self.accounts, self.connectors, accounts)


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """A linked account: your user, and the EHR user that they signed in as. `emr_name` is the EHR's own name. `tenant`
    is the database or clinic inside the EHR, null if it has only one. `practice` is the practice's name as the EHR
    knows it, or as you named the org. `access_token_reference_ids` are the labels of its access tokens, the newest
    token's first. `access_token_reference_id` is the first of them.

    `health` is `login_required` when its user has to go through Link again. `health_reason` then says why, by a
    refusal's code. `last_used_at` is exact to a minute. `not_granted` are the capabilities that the EHR has and this
    user's grant there leaves out, as in GET /v1/capabilities."""

    id: str
    user_id: str
    org_id: str
    emr_name: str
    emr_instance_domain: str
    practice: str | None
    tenant: str | None
    ehr_user_name: str | None
    access_token_reference_id: str
    access_token_reference_ids: list[str]
    health: Health
    health_reason: str | None
    linked_at: datetime
    last_used_at: datetime | None
    not_granted: list[str]


class AccountsQuery(msgspec.Struct, frozen=True):
    org_id: Annotated[str | None, Verbatim(), Meta(description="Only accounts of this org, by your own id.")] = None
    user_id: Annotated[str | None, Verbatim(), Meta(description="Only accounts of this user, by your own id.")] = None
    after: After = None
    page: OnlyPage = 1
    page_size: Annotated[int, Meta(ge=1, le=500, description="How many on one page.")] = 100


class AccountsAnswer(msgspec.Struct, frozen=True):
    accounts: list[AccountView]
    pagination: Continuation
    success: bool = True


class Disconnected(msgspec.Struct, frozen=True):
    account_id: str
    message: str
    success: bool = True


class Rotation(msgspec.Struct, frozen=True):
    overlap_seconds: Annotated[
        int,
        Meta(ge=0, le=86400, description="How long earlier tokens continue to work. 0 ends them immediately."),
        Alias("overlap"),
    ] = 0


class Rotated(msgspec.Struct, frozen=True):
    """`token` and `access_token` are the same new token. It cannot be shown again."""

    token: str
    access_token: str
    account_id: str
    success: bool = True


@routes.get(
    "/v1/accounts",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest,),
    summary="List your linked accounts with their health. The last linked comes first.",
)
async def list_accounts(room: AccountApi, call: Call, body: AccountsQuery) -> AccountsAnswer:
    after = decoded(body.after, Position)
    accounts = await room.accounts.of_client(
        call.caller.id, org_id=body.org_id, user_id=body.user_id, limit=body.page_size + 1, after=after
    )
    pagination = Continuation.of(body.page_size, accounts, lambda last: (last.linked_at, last.id))
    return AccountsAnswer(await room.views(accounts), pagination)


@routes.delete(
    "/v1/accounts/{account_id}",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="disconnected",
    errors=(AccountGone,),
    summary="Disconnect an account. Its access tokens end immediately, and its stored data can never be opened again.",
)
async def disconnect(room: AccountApi, call: Call, account_id: str) -> Disconnected:
    account = await room.accounts.find(call.caller.id, account_id)
    await room.sessions.disconnect(account)
    return Disconnected(account.id, "Account disconnected.")


@routes.post(
    "/v1/accounts/{account_id}/rotate-token",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.TOKEN,
    idempotency=Idempotency.NONE,
    audit="token_rotated",
    errors=(AccountGone, InvalidRequest),
    summary="Give an account a new access token. All earlier ones end after the overlap.",
)
async def rotate_token(room: AccountApi, call: Call, body: Rotation, account_id: str) -> Rotated:
    account = await room.accounts.find(call.caller.id, account_id)
    token = await room.access.rotate(account, call.caller.env, timedelta(seconds=body.overlap_seconds))
    return Rotated(token, token, account.id)


async def views(
    table: AccountTable, connectors: Mapping[str, Connector], accounts: Sequence[Account]
) -> list[AccountView]:
    """The accounts as the API shows them."""
    details = await table.details(accounts)
    return [_view(each, details.get(each.id, UNKNOWN), connectors.get(each.connector)) for each in accounts]


def _view(account: Account, details: AccountDetails, connector: Connector | None) -> AccountView:
    labels = details.labels or (account.reference,)
    return AccountView(
        id=account.id,
        user_id=account.user_id,
        org_id=account.org_id,
        emr_name=connector.manifest.name if connector else account.connector,
        emr_instance_domain=account.address,
        practice=account.practice,
        tenant=account.tenant or None,
        ehr_user_name=details.ehr_user_name,
        access_token_reference_id=labels[0],
        access_token_reference_ids=list(labels),
        health=account.health,
        health_reason=account.health_reason,
        linked_at=account.linked_at,
        last_used_at=account.last_used_at,
        not_granted=sorted(account.offers.not_granted) if account.offers else [],
    )
