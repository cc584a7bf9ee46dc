-- Times are seconds since 1970 by the EHR's own clock. Codes, tokens and ids of requests are kept as SHA-256.

CREATE TABLE IF NOT EXISTS app (
    client_id TEXT PRIMARY KEY,
    doc       TEXT NOT NULL                  -- the registration as JSON
);

-- A request at the authorization endpoint that waits for the user, and a launch from the EHR that waits for its app.
CREATE TABLE IF NOT EXISTS waiting (
    id      TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,                   -- request | launch
    doc     TEXT NOT NULL,
    ends_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS app_grant (
    id        INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    username  TEXT NOT NULL,
    doc       TEXT NOT NULL,
    revoked   INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS app_token (
    id       TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,                  -- code | access | refresh
    grant_id INTEGER NOT NULL REFERENCES app_grant (id),
    scopes   TEXT NOT NULL,                  -- with blanks between them
    ends_at  REAL NOT NULL,
    used_at  REAL NOT NULL DEFAULT 0         -- of a code, or of a refresh token that was replaced
);
CREATE INDEX IF NOT EXISTS app_token_by_grant ON app_token (grant_id);

-- The `jti` of client assertions: each works once (RFC 7523, section 3). Times are real ones.
CREATE TABLE IF NOT EXISTS used_assertion (
    id      TEXT PRIMARY KEY,
    ends_at REAL NOT NULL
);
