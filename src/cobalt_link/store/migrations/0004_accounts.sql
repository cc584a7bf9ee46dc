-- Linked accounts: the EHR user, the sealed grant, and the claim of the one process that may renew it.
-- `ehr_user_fingerprint` is a keyed hash of (client, org, connector, address, tenant, the EHR's user id), so that the
-- same EHR user is one account. `grant_number` counts stored grants.
CREATE TABLE accounts (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
    client text NOT NULL,
    org text NOT NULL,                  -- our id of the org; org_id is the app's
    org_id text NOT NULL,
    user_id text NOT NULL,
    connector text NOT NULL,
    address text NOT NULL,
    practice text,
    tenant text NOT NULL,
    ehr_user_fingerprint bytea,
    reference text NOT NULL,
    health text NOT NULL CHECK (health IN ('active', 'login_required')),
    health_reason text,
    linked_at timestamptz NOT NULL,
    last_used_at timestamptz,
    disconnected_at timestamptz,
    sealed_grant bytea,
    sealed_answers bytea,
    grant_number bigint NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,    -- how many claims there were: the last fencing number
    claim bigint,                       -- the number of the renewal that is running; null while there is none
    claimed_until timestamptz,          -- by the database's clock, which all processes share
    renewals_begun int NOT NULL DEFAULT 0,  -- begun, end unknown: the intent, written before the password is sent
    renewals_failed int NOT NULL DEFAULT 0, -- in a row, because the EHR did not answer as it should
    back_off_until timestamptz,         -- no renewal before then
    back_off_code text,                 -- why: the code of the refusal
    back_off_details jsonb              -- and its details, which contain nothing that a person typed
);
CREATE UNIQUE INDEX accounts_of_ehr_user ON accounts (ehr_user_fingerprint) WHERE disconnected_at IS NULL;
CREATE INDEX accounts_of_client ON accounts (client, linked_at DESC, id) WHERE disconnected_at IS NULL;
CREATE INDEX accounts_at_ehr ON accounts (connector, address, tenant) WHERE disconnected_at IS NULL;
CREATE INDEX accounts_in_renewal ON accounts (claimed_until) WHERE claimed_until IS NOT NULL;

-- Only a keyed hash of an access token is stored (S-046). `expires_at` is null until the token is rotated.
CREATE TABLE access_tokens (
    hash bytea PRIMARY KEY,
    account text NOT NULL,
    client text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX access_tokens_of_account ON access_tokens (account);
CREATE INDEX access_tokens_ending ON access_tokens (expires_at) WHERE expires_at IS NOT NULL;

-- One row per use of a credential, written before the use. It contains only ids, so it can outlive the account.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    client text NOT NULL,
    account text,
    what text NOT NULL,
    request_id text,
    detail text
);
CREATE INDEX audit_of_account ON audit (account, id);
CREATE INDEX audit_of_client ON audit (client, id);

-- When an EHR instance last worked for any account. Pages show it to a user if the EHR does not answer.
CREATE TABLE ehr_instances (
    connector text NOT NULL,
    address text NOT NULL,
    worked_at timestamptz NOT NULL,
    PRIMARY KEY (connector, address)
);
