-- The keys of the optional JWT of a delivery (ES256). A key is published when it is made and signs from `active_from` on.
-- After `expires_at` nothing that it signed counts, and its private part is erased.
CREATE TABLE webhook_keys (
    kid text PRIMARY KEY,
    public bytea NOT NULL,
    sealed_private bytea,
    created_at timestamptz NOT NULL,
    active_from timestamptz NOT NULL,
    expires_at timestamptz
);

ALTER TABLE webhook_endpoints ADD COLUMN jwt boolean NOT NULL DEFAULT false;
