-- The brake against lock-outs (S-141): what was typed for a login at an EHR, and what the EHR said. `login` is a keyed
-- hash of (connector, host, username) and `typed` one of (login, password), so that a login is counted over all link
-- sessions, clients, and processes, and a wrong password is known again without being stored.
CREATE TABLE login_tries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login bytea NOT NULL,
    kind text NOT NULL CHECK (kind IN ('password', 'code')),
    typed bytea,                        -- null for a code
    source text NOT NULL,               -- the link session, or the account that is renewed
    who text NOT NULL CHECK (who IN ('stranger', 'known', 'renewal')),
    anyway text,                        -- the warning after which it was sent
    outcome text NOT NULL CHECK (outcome IN ('begun', 'unknown', 'wrong', 'locked', 'right', 'unsent')),
    tries_left integer,                 -- as the EHR said
    at timestamptz NOT NULL
);
CREATE INDEX login_tries_of_login ON login_tries (login, at);
CREATE INDEX login_tries_of_source ON login_tries (source, login);
CREATE INDEX login_tries_at ON login_tries (at);

-- The login that the account was linked with, as in login_tries. Whoever has an account on a login is no stranger to it.
ALTER TABLE accounts ADD COLUMN login bytea;
CREATE INDEX accounts_of_login ON accounts (login) WHERE login IS NOT NULL AND disconnected_at IS NULL;
