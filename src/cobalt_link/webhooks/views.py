"""A webhook as the API shows it: one object with the keys of each version of the contract (contract §6.1, §9)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from cobalt_link.webhooks.endpoints import Endpoint, Payload, Timestamps


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. `secret`, `webhook_secret`, and `webhook_secret_key` are the same. `public_key` verifies `v1a`
    signatures. Until `previous_secret_expires_at`, the secret before the last rotation signs as well.

    `event_types` is `*` alone for all of them. `state` is `disabled` after five days of failed deliveries (`failing`)
    or an answer 410 (`gone`), as `disabled_reason` says. Register the same URL to enable it again."""

    id: str
    webhook_id: str
    url: str
    webhook_url: str
    secret: str
    webhook_secret: str
    webhook_secret_key: str
    public_key: str
    previous_secret_expires_at: datetime | None
    event_types: list[str]
    timestamps: Timestamps
    payload: Payload
    jwt: bool
    state: Literal["enabled", "disabled"]
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook is under `webhook`, and its id, URL, and secret at the top too."""

    message: str
    webhook_id: str
    webhook_url: str
    webhook_secret: str
    webhook_secret_key: str
    webhook: WebhookView
    success: bool = True


class WebhooksAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`webhook_urls` and `webhooks` are the same list, the first registered first. `webhook_url` and
    `webhook_secret_key` are those of the first one, null if there is none."""

    webhook_url: str | None
    webhook_urls: list[WebhookView]
    webhooks: list[WebhookView]
    webhook_secret_key: str | None
    success: bool = True


class RotatedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The webhooks with the new secret. `webhook` is the first of them."""

    message: str
    webhook_id: str
    webhook_url: str
    webhook_secret: str
    webhook_secret_key: str
    webhook: WebhookView
    webhooks: list[WebhookView]
    success: bool = True


def view(endpoint: Endpoint) -> WebhookView:
    secret = endpoint.secret.text
    return WebhookView(
        id=endpoint.id,
        webhook_id=endpoint.id,
        url=endpoint.url,
        webhook_url=endpoint.url,
        secret=secret,
        webhook_secret=secret,
        webhook_secret_key=secret,
        public_key=endpoint.secret.public_key,
        previous_secret_expires_at=endpoint.former_until,
        event_types=endpoint.event_types or ["*"],
        timestamps=endpoint.timestamps,
        payload=endpoint.payload,
        jwt=endpoint.jwt,
        state=endpoint.state,
        disabled_reason=endpoint.disabled_reason,
        disabled_at=endpoint.disabled_at,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def registered(endpoint: Endpoint) -> WebhookAnswer:
    shown = view(endpoint)
    return WebhookAnswer(
        message="Webhook registered successfully",
        webhook_id=shown.id,
        webhook_url=shown.url,
        webhook_secret=shown.secret,
        webhook_secret_key=shown.secret,
        webhook=shown,
    )


def listed(endpoints: list[Endpoint]) -> WebhooksAnswer:
    shown = [view(each) for each in endpoints]
    return WebhooksAnswer(
        webhook_url=shown[0].url if shown else None,
        webhook_urls=shown,
        webhooks=shown,
        webhook_secret_key=shown[0].secret if shown else None,
    )


def rotated(endpoints: list[Endpoint]) -> RotatedAnswer:
    shown = [view(each) for each in endpoints]
    return RotatedAnswer(
        message="Webhook secret rotated successfully. The previous secret works for 24 hours.",
        webhook_id=shown[0].id,
        webhook_url=shown[0].url,
        webhook_secret=shown[0].secret,
        webhook_secret_key=shown[0].secret,
        webhook=shown[0],
        webhooks=shown,
    )
