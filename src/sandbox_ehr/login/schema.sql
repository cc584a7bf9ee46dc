-- Times are seconds since 1970 by the EHR's own clock.

CREATE TABLE IF NOT EXISTS account (
    username      TEXT PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,
    password      TEXT NOT NULL,             -- scrypt, salted
    mfa           TEXT NOT NULL,             -- none | code | choice | push
    clinics       TEXT NOT NULL,             -- JSON list of clinic ids
    rights        TEXT NOT NULL,             -- JSON list of rights
    must_change   INTEGER NOT NULL DEFAULT 0,
    failures      INTEGER NOT NULL DEFAULT 0,
    locked_until  REAL NOT NULL DEFAULT 0,
    code_failures INTEGER NOT NULL DEFAULT 0,
    codes_until   REAL NOT NULL DEFAULT 0,   -- no code is accepted before then
    push_plan     TEXT NOT NULL DEFAULT 'approve',  -- approve | deny | ignore
    push_after    REAL NOT NULL DEFAULT 3,
    patient_id    TEXT NOT NULL DEFAULT ''   -- the user's own chart, if the user is a patient
);

CREATE TABLE IF NOT EXISTS pending_sign_in (
    id           TEXT PRIMARY KEY,           -- SHA-256 of the challenge id
    username     TEXT NOT NULL,
    kind         TEXT NOT NULL,              -- way | code | push | clinic | smart_card
    forced_error TEXT NOT NULL,              -- '' or the error that this sign-in must end in
    way          TEXT NOT NULL DEFAULT '',
    number       TEXT NOT NULL DEFAULT '',
    tries_left   INTEGER NOT NULL,
    sends        INTEGER NOT NULL DEFAULT 0,
    sent_at      REAL NOT NULL DEFAULT 0,
    answer       TEXT NOT NULL DEFAULT '',   -- to a push, once somebody gave one
    ends_at      REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS session (
    id        TEXT PRIMARY KEY,              -- SHA-256 of the session
    username  TEXT NOT NULL,
    clinic    TEXT NOT NULL,
    rights    TEXT NOT NULL,
    last_seen REAL NOT NULL
);
