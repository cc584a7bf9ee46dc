-- Writes to EHRs. A row is the job of one write, from the request until its result is pruned.
CREATE TABLE write_jobs (
    id bigint PRIMARY KEY,
    client text NOT NULL REFERENCES clients (id),
    org text NOT NULL,
    account text NOT NULL,
    lane text NOT NULL,  -- the address of the EHR instance
    operation text NOT NULL,  -- what to do, as in `records/writes`
    record_id text NOT NULL,  -- the id that the answer gave to the record
    state text NOT NULL DEFAULT 'queued',
    code text,  -- why it failed or waits
    sealed_request bytea,  -- sealed with the account's key; erased after the retention
    sealed_result bytea,
    steps jsonb NOT NULL DEFAULT '[]',
    tries int NOT NULL DEFAULT 0,
    broken int NOT NULL DEFAULT 0,  -- workers that died or failed at it since it last got on
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,  -- until when it may begin
    due_at timestamptz,  -- NULL: settled, or waits for a person
    intent_at timestamptz,  -- from here on the EHR may have it
    settled_at timestamptz,
    key_hash bytea,  -- of the Idempotency-Key
    request_hash bytea,
    fence bigint NOT NULL DEFAULT 0,
    claim bigint,
    claimed_until timestamptz
);

-- The queue, in which the clients come in turn.
CREATE INDEX write_jobs_due ON write_jobs (client, due_at) WHERE due_at IS NOT NULL;
-- Jobs on one record run one after another.
CREATE INDEX write_jobs_of_record ON write_jobs (record_id, id);
CREATE INDEX write_jobs_waiting ON write_jobs (account) WHERE state = 'waiting_for_sign_in';
CREATE UNIQUE INDEX write_jobs_key ON write_jobs (account, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX write_jobs_settled ON write_jobs (settled_at) WHERE settled_at IS NOT NULL;

-- The id of a record that was given out before the EHR had the record, and the keyed hash that it would have had.
CREATE TABLE record_bindings (
    org text NOT NULL,
    hash_id text NOT NULL,
    id text NOT NULL,
    bound_at timestamptz NOT NULL,
    PRIMARY KEY (org, hash_id)
);
CREATE INDEX record_bindings_id ON record_bindings (org, id);
CREATE INDEX record_bindings_bound ON record_bindings (bound_at);

-- The keys that sign receipts. Only the newest signs; the others still verify.
CREATE TABLE receipt_keys (
    kid text PRIMARY KEY,
    public bytea NOT NULL,
    sealed_private bytea NOT NULL,
    created_at timestamptz NOT NULL
);
