-- Link: tokens, link sessions and their journal. Everything that a person typed, and the result of every step, is sealed
-- to the key of the link session. Its private key is in link_session_keys and is deleted when the link session settles.

CREATE TABLE link_tokens (
    hash bytea PRIMARY KEY,
    client text NOT NULL,
    org text,
    user_id text,
    account text,                       -- update mode: the account to repair
    sealed_access_token bytea,          -- update mode: returned by the exchange, then erased
    callback_url text,
    state text,
    locale text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_tokens_expiry ON link_tokens (expires_at);

CREATE TABLE link_sessions (
    id text PRIMARY KEY,
    purpose text NOT NULL DEFAULT 'link' CHECK (purpose IN ('link', 'connections')),
    link_token bytea NOT NULL UNIQUE,   -- random for the purpose `connections`, which needs no link token
    client text,                        -- with org and user_id: who asked; null where no app did
    org text,
    user_id text,
    account text,                       -- update mode: the account to repair
    browser bytea NOT NULL,             -- keyed hash of the secret in the browser's cookie
    answered boolean NOT NULL DEFAULT false,
    state text NOT NULL CHECK
        (state IN ('due', 'running', 'waiting', 'polling', 'granted', 'signed_in', 'left', 'expired')),
    version integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,    -- how many claims there were: the last fencing number
    claim bigint,                       -- the number of the worker that has it; null while nobody does
    claimed_until timestamptz,          -- by the database's clock, which all workers share
    wake_at timestamptz,
    public_key bytea NOT NULL,
    pane jsonb,
    pane_n integer,
    consented_n integer,                -- the entries after this one belong to the connector's sign-in
    connector text,
    address text,
    practice text,
    username text,                      -- from an earlier run, to fill in the field again; erased on settling
    notice text,                        -- why the sign-in started over, for the next pane
    ehr_user_name text,                 -- the EHR user, for the last page; erased with the link session
    granted text,                       -- the account
    accounts text[] NOT NULL DEFAULT '{}',  -- purpose `connections`: the accounts that were found
    extended boolean NOT NULL DEFAULT false,    -- the user has extended the time once
    locale text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    exchanged_at timestamptz,
    CONSTRAINT link_sessions_asker CHECK ((purpose = 'connections') = (client IS NULL))
);
CREATE INDEX link_sessions_due ON link_sessions (state, wake_at, claimed_until) WHERE state IN ('due', 'running', 'polling');
CREATE INDEX link_sessions_open ON link_sessions (expires_at) WHERE settled_at IS NULL;
CREATE INDEX link_sessions_of_connections ON link_sessions (expires_at) WHERE purpose = 'connections';

CREATE TABLE link_session_keys (
    link_session text PRIMARY KEY REFERENCES link_sessions ON DELETE CASCADE,
    sealed bytea NOT NULL
);

-- Keys that were deleted and may still be in the table's file or in the log (WAL), as in data_keys_erased (S-064).
CREATE TABLE link_session_keys_erased (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE journal (
    link_session text NOT NULL REFERENCES link_sessions ON DELETE CASCADE,
    n integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ask', 'step', 'wait', 'forget')),
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'done', 'refused')),
    sealed bytea,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (link_session, n)
);

CREATE TABLE public_tokens (
    hash bytea PRIMARY KEY,
    link_session text NOT NULL REFERENCES link_sessions ON DELETE CASCADE,
    client text NOT NULL,
    via text NOT NULL CHECK (via IN ('browser', 'server')),
    expires_at timestamptz NOT NULL,
    UNIQUE (link_session, via)
);

CREATE TABLE exchanges (
    client text NOT NULL,
    key_hash bytea NOT NULL,            -- of the Idempotency-Key
    token_hash bytea NOT NULL,          -- of the public token that came with it
    sealed_answer bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client, key_hash)
);

CREATE TABLE link_events (
    link_token bytea NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    pane text,
    code text,
    at timestamptz NOT NULL,
    PRIMARY KEY (link_token, seq)
);

-- The EHRs that people asked the app for in Link, because they could not connect them. Each once per link session.
CREATE TABLE ehr_requests (
    link_session text NOT NULL,
    client text NOT NULL,
    org_id text NOT NULL,               -- the app's own id of the org
    practice text,
    ehr text,
    what text,
    address text,
    asked_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ehr_requests_of_link_session ON ehr_requests (link_session, coalesce(ehr, ''), coalesce(address, ''));
CREATE INDEX ehr_requests_of_client ON ehr_requests (client, asked_at DESC, link_session);
