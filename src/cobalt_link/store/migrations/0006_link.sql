-- Link: tokens, attempts and their journal. Everything that a person typed, and every deed's result, is sealed to the
-- attempt's own key; the private half rests in attempt_keys and is deleted when the attempt settles.

CREATE TABLE link_tokens (
    hash bytea PRIMARY KEY,
    client text NOT NULL,
    org text,
    user_id text,
    account text,                       -- update mode: the account to repair
    sealed_access_token bytea,          -- update mode: answered by the exchange, then erased
    callback_url text,
    state text,
    locale text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_tokens_expiry ON link_tokens (expires_at);

CREATE TABLE attempts (
    id text PRIMARY KEY,
    link_token bytea NOT NULL UNIQUE,
    client text NOT NULL,
    org text NOT NULL,
    user_id text NOT NULL,
    account text,                       -- update mode: the account to repair
    browser bytea NOT NULL,             -- keyed hash of the secret in the browser's cookie
    answered boolean NOT NULL DEFAULT false,
    state text NOT NULL CHECK (state IN ('ready', 'advancing', 'waiting', 'resting', 'granted', 'left', 'expired')),
    version integer NOT NULL DEFAULT 0,
    claim uuid,
    claimed_until timestamptz,
    wake_at timestamptz,
    public_key bytea NOT NULL,
    pane jsonb,
    pane_n integer,
    consented_n integer,                -- entries after this one are the connector's own story
    connector text,
    address text,
    practice text,
    username text,                      -- typed in an earlier run, to be filled in again; erased on settling
    notice text,                        -- why the story was told anew, for the next pane
    person text,                        -- who signed in, for the last page; erased with the attempt
    granted text,                       -- the account
    locale text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    exchanged_at timestamptz
);
CREATE INDEX attempts_due ON attempts (state, wake_at, claimed_until) WHERE state IN ('ready', 'advancing', 'resting');
CREATE INDEX attempts_open ON attempts (expires_at) WHERE settled_at IS NULL;

CREATE TABLE attempt_keys (
    attempt text PRIMARY KEY REFERENCES attempts ON DELETE CASCADE,
    sealed bytea NOT NULL
);

-- Keys that were deleted and may still lie in the table's file or in the log (WAL), as in data_keys_erased (S-064).
CREATE TABLE attempt_keys_erased (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE journal (
    attempt text NOT NULL REFERENCES attempts ON DELETE CASCADE,
    n integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ask', 'deed', 'wait', 'forget')),
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'done', 'refused')),
    sealed bytea,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (attempt, n)
);

CREATE TABLE public_tokens (
    hash bytea PRIMARY KEY,
    attempt text NOT NULL REFERENCES attempts ON DELETE CASCADE,
    client text NOT NULL,
    via text NOT NULL CHECK (via IN ('browser', 'server')),
    expires_at timestamptz NOT NULL,
    UNIQUE (attempt, via)
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
