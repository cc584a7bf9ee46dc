-- The signing keys of registrations. A key is published from `created_at`, and signs from `used_from` until the next
-- one does.
CREATE TABLE registration_keys (
    kid text PRIMARY KEY,
    registration text NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
    algorithm text NOT NULL CHECK (algorithm IN ('RS384', 'ES384', 'ES256')),
    public jsonb NOT NULL,
    sealed_private bytea NOT NULL,
    created_at timestamptz NOT NULL,
    used_from timestamptz NOT NULL
);
CREATE INDEX registration_keys_of ON registration_keys (registration, used_from);
