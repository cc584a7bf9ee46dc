"""The routes with which a client registers its webhooks, rotates their secrets, and tests them (contract §6.1)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cobalt_link.kit.ids import dated_id
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant, Verbatim
from cobalt_link.web.problems import InvalidRequest, Unavailable
from cobalt_link.webhooks import envelope, event_types, turns, views
from cobalt_link.webhooks.endpoints import LONGEST_URL, Endpoint, EndpointChoices, Endpoints, Payload, Timestamps
from cobalt_link.webhooks.problems import TooManyWebhooks, UnknownEventType, WebhookNotFound, WebhookUrlRefused
from cobalt_link.webhooks.schedule import Answer
from cobalt_link.webhooks.sender import WebhookSender
from cobalt_link.webhooks.turns import CallsAtOnce
from cobalt_link.webhooks.verification_keys import VerificationKeys
from cobalt_link.webhooks.views import RotatedAnswer, WebhookAnswer, WebhooksAnswer

routes = Routes("webhooks")


class WebhookApi(msgspec.Struct, frozen=True):
    """What the routes work with."""

    endpoints: Endpoints
    sender: WebhookSender
    keys: VerificationKeys
    checks: CallsAtOnce = msgspec.field(default_factory=lambda: CallsAtOnce(turns.CHECKS))
    tests: CallsAtOnce = msgspec.field(default_factory=lambda: CallsAtOnce(turns.TESTS))

    async def register(self, client: str, url: str, choices: EndpointChoices) -> Endpoint:
        """As `Endpoints.register`."""
        with self.checks.taken(client):
            return await self.endpoints.register(client, url, choices)

    async def test(self, endpoint: Endpoint) -> tuple[str, Answer]:
        """Sends an event of the type `webhook.test`, which is not recorded. Gives its id and what came of it."""
        now = self.sender.now
        parts = envelope.EnvelopeParts(
            id=dated_id(now), type=event_types.TEST, at=now, reference=None, job=None, user_id=None, live_fetch=False
        )
        body = envelope.body(parts, {"webhook_id": endpoint.id})
        with self.tests.taken(endpoint.client):
            answer = await self.sender.send(endpoint, parts.id, body, 1)
        if answer.delivered:
            await self.endpoints.worked(endpoint.id)
        return parts.id, answer


class NewWebhook(msgspec.Struct, frozen=True):
    url: Annotated[
        str,
        Alias("webhook_url"),
        Verbatim(),
        Meta(max_length=LONGEST_URL, description="Where to POST events: an https:// address. One webhook per URL."),
    ]
    event_types: Annotated[
        list[str] | None,
        Meta(description="Only these types, or groups such as appointment.*. All of them by default."),
    ] = None
    timestamps: Annotated[
        Timestamps | None,
        Meta(description="The form of webhook-timestamp: unix (seconds, as Standard Webhooks needs it) or iso."),
    ] = None
    payload: Annotated[
        Payload | None, Meta(description="full, or thin: only ids, codes, and times. full by default.")
    ] = None
    jwt: Annotated[
        bool | None,
        Meta(description="Send cobalt-verification-jwt as well, which a public key verifies. false by default."),
    ] = None


class WebhookRemoved(msgspec.Struct, frozen=True):
    message: str
    success: bool = True


class WebhookTested(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver answered to the test event. `error` says in a code why there is no status. The body of the
    response is not shown."""

    event_id: str
    webhook_id: str
    webhook_url: str
    delivered: bool
    response_status_code: int | None
    error: str | None
    duration_ms: int
    success: bool = True


class WebhookKeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517 §5). Each key also has `created_at` and `expired_at` in Unix seconds. `expired_at` is null as
    long as signatures of the key count."""

    keys: list[dict[str, Any]]


@routes.post(
    "/v1/webhook",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="webhook.registered",
    errors=(WebhookUrlRefused, TooManyWebhooks, UnknownEventType, InvalidRequest),
    summary="Register a URL for events. Registering it again changes its choices and enables it.",
)
async def register_webhook(room: WebhookApi, call: Call, body: NewWebhook) -> WebhookAnswer:
    choices = EndpointChoices(
        event_types=body.event_types, timestamps=body.timestamps, payload=body.payload, jwt=body.jwt
    )
    return views.registered(await room.register(call.caller.id, body.url, choices))


@routes.get(
    "/v1/webhook",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="List your webhooks with their secrets and their state.",
)
async def list_webhooks(room: WebhookApi, call: Call) -> WebhooksAnswer:
    return views.listed(await room.endpoints.all(call.caller.id))


@routes.delete(
    "/v1/webhook/{webhook_id}",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="webhook.removed",
    errors=(WebhookNotFound,),
    summary="Remove a webhook. What it has not got yet is not sent any more.",
)
async def remove_webhook(room: WebhookApi, call: Call, webhook_id: str) -> WebhookRemoved:
    await room.endpoints.remove(call.caller.id, webhook_id)
    return WebhookRemoved("Webhook URL removed successfully")


@routes.post(
    "/v1/webhook/rotate-secret",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="webhook.rotated",
    errors=(WebhookNotFound,),
    summary="Give all your webhooks one new secret. The previous one signs as well for 24 hours.",
)
async def rotate_all_secrets(room: WebhookApi, call: Call) -> RotatedAnswer:
    return views.rotated(await room.endpoints.rotate(call.caller.id))


@routes.post(
    "/v1/webhook/{webhook_id}/rotate-secret",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="webhook.rotated",
    errors=(WebhookNotFound,),
    summary="Give one webhook a new secret of its own. The previous one signs as well for 24 hours.",
)
async def rotate_secret(room: WebhookApi, call: Call, webhook_id: str) -> RotatedAnswer:
    return views.rotated(await room.endpoints.rotate(call.caller.id, webhook_id))


@routes.post(
    "/v1/webhook/{webhook_id}/test",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(WebhookNotFound,),
    summary="Send a test event now, and say what the receiver answered.",
)
async def test_webhook(room: WebhookApi, call: Call, webhook_id: str) -> WebhookTested:
    endpoint = await room.endpoints.find(call.caller.id, webhook_id)
    event_id, answer = await room.test(endpoint)
    return WebhookTested(
        event_id=event_id,
        webhook_id=endpoint.id,
        webhook_url=endpoint.url,
        delivered=answer.delivered,
        response_status_code=answer.status,
        error=answer.error,
        duration_ms=answer.milliseconds,
    )


@routes.get(
    "/.well-known/webhooks-jwks.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(Unavailable,),
    summary="The public keys that verify the JWT of a webhook.",
)
async def show_webhook_keys(room: WebhookApi, call: Call) -> WebhookKeySet:
    call.response_headers["Cache-Control"] = "public, max-age=300"
    return WebhookKeySet(await room.keys.published())
