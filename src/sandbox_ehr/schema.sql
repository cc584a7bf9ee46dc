-- The Sandbox EHR's file. Times are seconds since 1970 by the EHR's own clock, days are the clinic's local YYYY-MM-DD.

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
    codes_until   REAL NOT NULL DEFAULT 0,   -- no codes are taken until then
    push_plan     TEXT NOT NULL DEFAULT 'approve',  -- approve | deny | ignore
    push_after    REAL NOT NULL DEFAULT 3
);

CREATE TABLE IF NOT EXISTS sign_in (
    id         TEXT PRIMARY KEY,             -- SHA-256 of the challenge id
    username   TEXT NOT NULL,
    kind       TEXT NOT NULL,                -- way | code | push | clinic | smart_card
    fate       TEXT NOT NULL,                -- '' or the refusal that this sign-in must end in
    way        TEXT NOT NULL DEFAULT '',
    number     TEXT NOT NULL DEFAULT '',
    tries_left INTEGER NOT NULL,
    sends      INTEGER NOT NULL DEFAULT 0,
    sent_at    REAL NOT NULL DEFAULT 0,
    answer     TEXT NOT NULL DEFAULT '',     -- of a push, once somebody gave one
    ends_at    REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS session (
    id        TEXT PRIMARY KEY,              -- SHA-256 of the session
    username  TEXT NOT NULL,
    clinic    TEXT NOT NULL,
    rights    TEXT NOT NULL,
    last_seen REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS patient (
    id      TEXT PRIMARY KEY,
    clinic  TEXT NOT NULL,
    mrn     TEXT NOT NULL UNIQUE,
    dob     TEXT NOT NULL,
    first   TEXT NOT NULL,                   -- folded for search: no accents, no case
    last    TEXT NOT NULL,
    names   TEXT NOT NULL,                   -- every way to say the whole name, one a line
    phones  TEXT NOT NULL,                   -- digits only, with a bar between
    doc     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS patient_by_name ON patient (clinic, last, first, id);

CREATE TABLE IF NOT EXISTS planned (
    clinic TEXT NOT NULL,
    day    TEXT NOT NULL,
    PRIMARY KEY (clinic, day)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS appointment (
    id         TEXT PRIMARY KEY,
    clinic     TEXT NOT NULL,
    day        TEXT NOT NULL,
    starts_at  REAL NOT NULL,
    ends_at    REAL NOT NULL,
    patient_id TEXT NOT NULL REFERENCES patient (id),
    mode       TEXT NOT NULL,                -- office | video
    plan       TEXT NOT NULL,                -- status until the visit
    outcome    TEXT NOT NULL,                -- status once it is over
    doc        TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS appointment_by_day ON appointment (clinic, day, starts_at, id);

CREATE TABLE IF NOT EXISTS lab (
    name  TEXT PRIMARY KEY,                  -- clock | faults
    value TEXT NOT NULL
);
