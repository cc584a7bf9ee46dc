-- Times are seconds since 1970, days are the clinic's local YYYY-MM-DD.

CREATE TABLE IF NOT EXISTS patient (
    id      TEXT PRIMARY KEY,
    clinic  TEXT NOT NULL,
    mrn     TEXT NOT NULL UNIQUE,
    dob     TEXT NOT NULL,
    first   TEXT NOT NULL,                   -- folded for search: no accents, no case
    last    TEXT NOT NULL,
    names   TEXT NOT NULL,                   -- every way to write the whole name, folded, one per line
    phones  TEXT NOT NULL,                   -- digits only, with a bar between the numbers
    doc     TEXT NOT NULL                    -- the patient as JSON
);
CREATE INDEX IF NOT EXISTS patient_by_name ON patient (clinic, last, first, id);

-- The days whose visits are in the table appointment. A day may have none.
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
    plan       TEXT NOT NULL,                -- status until the visit starts
    outcome    TEXT NOT NULL,                -- status once it is over
    doc        TEXT NOT NULL                 -- the other details as JSON
);
CREATE INDEX IF NOT EXISTS appointment_by_day ON appointment (clinic, day, starts_at, id);
