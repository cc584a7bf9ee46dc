-- Webhooks: where clients want their events, the events, what is still to be delivered, and every try.

-- The URL and the secrets are sealed with the data key of the client. `event_types` is null for all types. Until
-- `former_until`, the secret before the last rotation signs as well.
CREATE TABLE webhook_endpoints (
    id text PRIMARY KEY,
    client text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    sealed_url bytea NOT NULL,
    sealed_secret bytea NOT NULL,
    sealed_former_secret bytea,
    former_until timestamptz,
    event_types text[],
    timestamps text NOT NULL CHECK (timestamps IN ('unix', 'iso')),
    payload text NOT NULL CHECK (payload IN ('full', 'thin')),
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
    disabled_reason text,
    disabled_at timestamptz,
    failing_since timestamptz,
    last_failed_at timestamptz,
    paused_until timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX webhook_endpoints_of_client ON webhook_endpoints (client, created_at, id);

-- `sealed_payload` is the body as it is sent, sealed with the data key of `owner`. It is null if that key was already
-- destroyed when the event was recorded. `number` orders the events as they were recorded.
CREATE SEQUENCE webhook_event_numbers;
CREATE TABLE webhook_events (
    id text NOT NULL,
    created_at timestamptz NOT NULL,
    number bigint NOT NULL DEFAULT nextval('webhook_event_numbers'),
    client text NOT NULL,
    account text,
    type text NOT NULL,
    job_id text,
    owner text NOT NULL,
    sealed_payload bytea,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX webhook_events_of_account ON webhook_events (account, created_at, number);
CREATE INDEX webhook_events_of_job ON webhook_events (account, job_id, created_at, number) WHERE job_id IS NOT NULL;
CREATE INDEX webhook_events_of_client ON webhook_events (client, created_at, number);
CREATE TABLE webhook_events_other PARTITION OF webhook_events DEFAULT;

-- What is still to be delivered, one row for an event and an endpoint (jobs/claims.py). `tries` were made in all. `waits`
-- of the schedule are over since the delivery was asked for. Rows `in_order` go out one after another, by their numbers.
CREATE TABLE webhook_outbox (
    endpoint text NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event text NOT NULL,
    event_at timestamptz NOT NULL,
    number bigint NOT NULL,
    tries int NOT NULL DEFAULT 0,
    waits int NOT NULL DEFAULT 0,
    in_order boolean NOT NULL DEFAULT false,
    due_at timestamptz NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    claim bigint,
    claimed_until timestamptz,
    PRIMARY KEY (endpoint, event)
);
CREATE INDEX webhook_outbox_due ON webhook_outbox (endpoint, due_at) WHERE NOT in_order;
CREATE INDEX webhook_outbox_in_order ON webhook_outbox (endpoint, number) WHERE in_order;
CREATE INDEX webhook_outbox_of_event ON webhook_outbox (event);
CREATE INDEX webhook_outbox_by_age ON webhook_outbox (event_at);

-- Every try. `number` is its `webhook-attempt`. `status` is the HTTP status, `error` a code if there was none.
CREATE TABLE webhook_tries (
    event text NOT NULL,
    event_at timestamptz NOT NULL,
    endpoint text NOT NULL,
    number int NOT NULL,
    at timestamptz NOT NULL,
    milliseconds int NOT NULL,
    status int,
    error text,
    delivered boolean NOT NULL,
    PRIMARY KEY (event, endpoint, number, event_at)
) PARTITION BY RANGE (event_at);
CREATE TABLE webhook_tries_other PARTITION OF webhook_tries DEFAULT;

-- Both logs have a partition for each day of their events, which is dropped as a whole (migration 0063).
DO $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['webhook_events', 'webhook_tries'] LOOP
        FOR ahead IN 0..3 LOOP
            PERFORM cobalt_add_partition(name, today + ahead, today + ahead + 1);
        END LOOP;
    END LOOP;
END $$;
