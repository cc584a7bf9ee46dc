-- What happened to an account and was not reported to its app yet: login_required, repaired, disconnected. `labels` are those
-- of the access tokens that a disconnect deleted.
ALTER TABLE accounts ADD COLUMN unreported text[] NOT NULL DEFAULT '{}', ADD COLUMN labels text[];
CREATE INDEX accounts_unreported ON accounts (id) WHERE unreported <> '{}';
