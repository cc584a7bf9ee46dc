-- EHR launches: a user opens the app inside their EHR, which sends the browser here.

-- For which app and clinic a launch is, by the address of the FHIR server that launches. The operator says it.
CREATE TABLE ehr_launches (
    address text PRIMARY KEY,
    client text NOT NULL,
    org text NOT NULL,
    callback_url text NOT NULL,         -- one of the client's own
    created_at timestamptz NOT NULL
);

-- The launches that have opened a link session. Each opens one only.
CREATE TABLE link_launches (
    launch bytea PRIMARY KEY,           -- keyed hash of the address and of what the EHR sent
    link_session text NOT NULL,
    connector text NOT NULL,
    address text NOT NULL,
    sealed_launch bytea,                -- it goes back to the EHR with the browser; erased when the session settles
    at timestamptz NOT NULL
);
CREATE INDEX link_launches_of_session ON link_launches (link_session);
CREATE INDEX link_launches_at ON link_launches (at);

-- Which purposes there are is up to the code: another one must not take a check of every row.
ALTER TABLE link_sessions DROP CONSTRAINT link_sessions_purpose_check;
