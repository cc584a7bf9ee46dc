-- When an EHR last did what it was asked, whoever asked: what people are told when it does not answer.
CREATE TABLE ehr_places (
    connector text NOT NULL,
    address text NOT NULL,
    worked_at timestamptz NOT NULL,
    PRIMARY KEY (connector, address)
);

-- What people asked the app for in Link, where their EHR could not be connected: each EHR once in an attempt.
CREATE TABLE ehr_requests (
    attempt text NOT NULL,
    client text NOT NULL,
    org_id text NOT NULL,               -- the app's own id of the org
    practice text,
    ehr text,
    what text,
    address text,
    asked_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ehr_requests_of_attempt ON ehr_requests (attempt, coalesce(ehr, ''), coalesce(address, ''));
CREATE INDEX ehr_requests_of_client ON ehr_requests (client, asked_at DESC, attempt);
