"""What the API answers about webhooks when something is wrong."""

from __future__ import annotations

from cobalt_link.web.problems import Problem


class WebhookNotFound(Problem):
    """You have no such webhook. Send GET /v1/webhook to list your webhooks."""

    code = "webhook_not_found"
    status = 404


class WebhookEventNotFound(Problem):
    """There is no such event. Check the id. Events are erased after the days that the operator has set."""

    code = "webhook_event_not_found"
    status = 404


class WebhookUrlRefused(Problem):
    """This URL cannot receive webhooks. Use an https:// address that the internet can reach."""

    code = "webhook_url_refused"
    status = 400


class TooManyWebhooks(Problem):
    """You have as many webhooks as a client may have. Remove one with DELETE /v1/webhook/{id}."""

    code = "too_many_webhooks"
    status = 409


class UnknownEventType(Problem):
    """There is no such event type. Use a type of the reference, or a group such as appointment.*."""

    code = "unknown_event_type"
    status = 400


class NoWebhookTakesIt(Problem):
    """None of your enabled webhooks takes this event, or its payload was erased. Check GET /v1/webhook."""

    code = "no_webhook_takes_it"
    status = 409
