-- Sign-ins that an operator makes to test a registration. The server keeps what the EHR sent back, sealed, until the
-- command that waits for it takes the row away.
CREATE TABLE registration_sign_ins (
    state bytea PRIMARY KEY,            -- keyed hash
    registration text NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
    sealed_answer bytea,
    at timestamptz NOT NULL
);
CREATE INDEX registration_sign_ins_at ON registration_sign_ins (at);
