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
    doc     TEXT NOT NULL,                   -- the patient as JSON
    client_ref TEXT NOT NULL
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
    doc        TEXT NOT NULL,                -- the other details as JSON
    provider   TEXT NOT NULL,
    second     TEXT NOT NULL,                -- the second provider, or ''
    set_status TEXT NOT NULL,                -- status that somebody set, or '' as long as it follows the clock
    client_ref TEXT NOT NULL,
    stage      INTEGER NOT NULL              -- how far its paperwork is, see clinic/paperwork.py
);
CREATE INDEX IF NOT EXISTS appointment_by_day ON appointment (clinic, day, starts_at, id);
CREATE INDEX IF NOT EXISTS appointment_by_stage ON appointment (clinic, stage, starts_at);
CREATE INDEX IF NOT EXISTS appointment_by_reference ON appointment (client_ref) WHERE client_ref <> '';

-- Times of a provider's schedule that are no visits: blocked ones, and open slots with a title.
CREATE TABLE IF NOT EXISTS schedule_slot (
    id          TEXT PRIMARY KEY,
    clinic      TEXT NOT NULL,
    kind        TEXT NOT NULL,               -- block | open
    provider_id TEXT NOT NULL,
    location_id TEXT NOT NULL,
    day         TEXT NOT NULL,
    starts_at   REAL NOT NULL,
    ends_at     REAL NOT NULL,
    title       TEXT NOT NULL,
    client_ref  TEXT NOT NULL,
    created_at  REAL NOT NULL,
    created_by  TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS schedule_slot_by_day ON schedule_slot (clinic, kind, day, starts_at);

-- Rows of the chart without a table of their own: notes, documents, claims, and so on. See clinic/records.py.
CREATE TABLE IF NOT EXISTS record (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    clinic     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    patient_id TEXT NOT NULL,                -- '' if the row is about no patient
    parent_id  TEXT NOT NULL,                -- the visit, task or call that the row belongs to, or ''
    day        TEXT NOT NULL,                -- the local day that the row is about, or ''
    client_ref TEXT NOT NULL,                -- the client's own reference, or ''
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    created_by TEXT NOT NULL,                -- id of a user
    doc        TEXT NOT NULL                 -- the members as JSON
);
CREATE INDEX IF NOT EXISTS record_by_kind ON record (clinic, kind, created_at, number);
CREATE INDEX IF NOT EXISTS record_by_parent ON record (kind, parent_id);
CREATE INDEX IF NOT EXISTS record_by_reference ON record (client_ref) WHERE client_ref <> '';

CREATE TABLE IF NOT EXISTS document_file (
    id      TEXT PRIMARY KEY REFERENCES record (id),
    content BLOB NOT NULL
);
