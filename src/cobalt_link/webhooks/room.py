"""Opens the room of webhooks: endpoints, events, and their delivery."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.jobs.room import JobsRoom
from cobalt_link.mail.room import MailRoom
from cobalt_link.net.http import Http
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.webhooks import api, event_api
from cobalt_link.webhooks.api import WebhookApi
from cobalt_link.webhooks.deliveries import Deliveries
from cobalt_link.webhooks.disabling import Disabling
from cobalt_link.webhooks.endpoints import Endpoints
from cobalt_link.webhooks.event_api import EventApi
from cobalt_link.webhooks.event_log import EventLog
from cobalt_link.webhooks.events import DELIVER, Events
from cobalt_link.webhooks.outbox import Outbox
from cobalt_link.webhooks.sender import MOST_BYTES, TIMEOUT, WebhookSender
from cobalt_link.webhooks.upkeep import WebhookUpkeep
from cobalt_link.webhooks.verification_keys import VerificationKeys

ROUTES = (api.routes, event_api.routes)
PRUNING = "pruning of webhook events"


class WebhooksRoom(Room, frozen=True, kw_only=True):
    """`events` is what other rooms record events with. `wants(client, types)` says whether an enabled endpoint of the
    client takes any of these types, `wanting(types)` which clients have one. `deliveries` is for tests."""

    events: Events
    wants: Callable[[str, Iterable[str]], Awaitable[bool]]
    wanting: Callable[[Iterable[str]], Awaitable[list[str]]]
    deliveries: Deliveries


def open(deps: Deps, jobs: JobsRoom, developers: DevelopersRoom, mail: MailRoom) -> WebhooksRoom:  # noqa: A001 - as every room
    """Registers with the queue what workers do for webhooks."""
    db, clock, keys = deps.db, deps.clock, DataKeys(deps.db, deps.vault)
    private = deps.settings.allow_private_networks
    # A client of its own: receivers share no connections with EHRs.
    http = Http(
        allow_private=private,
        timeout=TIMEOUT,
        max_body=MOST_BYTES,
        proxy=deps.settings.outbound_proxy,
        tls=deps.trust,
    )
    verification = VerificationKeys(db, keys, clock)
    endpoints, sender = Endpoints(db, keys, clock, http, private=private), WebhookSender(http, clock, verification.sign)
    outbox, events = Outbox(db, keys, clock), Events(db, keys, clock, jobs.queue)
    disabling = Disabling(db, endpoints, outbox, events, mail.mail)
    deliveries = Deliveries(jobs.queue, developers.clients, outbox, endpoints, sender, disabling)
    jobs.queue.task(DELIVER, deliveries.sweep)
    jobs.queue.at_end(deliveries.close)
    upkeep = WebhookUpkeep(db, clock, timedelta(days=deps.settings.retention_days))
    return WebhooksRoom(
        routes=(
            (api.routes, WebhookApi(endpoints, sender, verification)),
            (event_api.routes, EventApi(EventLog(db, keys, endpoints), outbox, endpoints, events)),
        ),
        chores=(
            # The shortest wait between two attempts is 5 s.
            Chore("deliveries", 1.0, deliveries.sweep),
            Chore(PRUNING, 600.0, one_at_a_time(db, PRUNING, upkeep.prune)),
            Chore("webhook keys", 600.0, verification.upkeep),
        ),
        close=http.close,
        events=events,
        wants=endpoints.wants,
        wanting=endpoints.wanting,
        deliveries=deliveries,
    )
