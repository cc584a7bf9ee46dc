-- Accounts whose schedule is read again and again, to tell their apps what staff changed in the EHR.
CREATE TABLE sync_accounts (
    account text PRIMARY KEY,
    client text NOT NULL REFERENCES clients (id),
    org text NOT NULL,
    lane text NOT NULL,  -- the address of the EHR instance
    asked boolean NOT NULL DEFAULT false,  -- by the app, for this account
    due_at timestamptz NOT NULL,
    read_at timestamptz,  -- when the last complete read began
    failures int NOT NULL DEFAULT 0,
    sealed_digests bytea,  -- keyed digests of what the EHR had then, sealed with the account's key
    fence bigint NOT NULL DEFAULT 0,
    claim bigint,
    claimed_until timestamptz
);
CREATE INDEX sync_accounts_due ON sync_accounts (due_at);

-- Up to where the accounts of a client were enrolled, the last linked first.
CREATE TABLE sync_clients (
    client text PRIMARY KEY REFERENCES clients (id),
    linked_at timestamptz NOT NULL,
    account text NOT NULL
);

-- What we wrote lately is not reported as a change of the staff.
CREATE INDEX write_jobs_sent ON write_jobs (org, intent_at) WHERE intent_at IS NOT NULL;
