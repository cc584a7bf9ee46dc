-- App developers: the clients that may call, their secrets, and their clinics (orgs).
CREATE TABLE clients (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
    client_id text NOT NULL UNIQUE,
    name text NOT NULL,
    env text NOT NULL CHECK (env IN ('live', 'test')),
    callback_urls text[] NOT NULL DEFAULT '{}',
    origins text[] NOT NULL DEFAULT '{}',
    branding jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- Only a keyed hash of a secret is stored (S-046). `hint` is its last four characters, for people.
CREATE TABLE client_secrets (
    fingerprint bytea PRIMARY KEY,
    client text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    hint text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX client_secrets_of_client ON client_secrets (client);

-- `org_id` is the app's own id. `ehr` is the key of a connector, `emr_name` the name as the app sent it. Both are null
-- until somebody names the EHR. `address` is the canonical address of the EHR instance.
CREATE TABLE orgs (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
    client text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    org_id text NOT NULL,
    ehr text,
    emr_name text,
    address text,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    UNIQUE (client, org_id)
);
