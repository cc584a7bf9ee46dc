-- The operator's app registrations at EHRs. What is sealed is sealed with the data key of the registration, which its
-- removal destroys.
CREATE TABLE registrations (
    id text PRIMARY KEY,                -- the operator's name for it; it is part of its callback address
    vendor text NOT NULL,
    method text NOT NULL
        CHECK (method IN ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    client_id text,                     -- null until the vendor has given one out
    sealed_secret bytea,
    scopes text[] NOT NULL DEFAULT '{}',
    schedules text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);

-- The FHIR servers that each registration is approved for. An address that is not here has none.
CREATE TABLE registration_addresses (
    address text PRIMARY KEY,
    registration text NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
    approved_at timestamptz NOT NULL
);
CREATE INDEX registration_addresses_of ON registration_addresses (registration, approved_at, address);

-- What was done with each registration, and every use of its secret or key. It stays when the registration is removed.
CREATE TABLE registration_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    registration text NOT NULL,
    what text NOT NULL,
    detail text
);
CREATE INDEX registration_audit_at ON registration_audit (at);
CREATE INDEX registration_audit_of ON registration_audit (registration, at);
