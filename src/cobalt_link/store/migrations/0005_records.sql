-- The ids that we give to records of an EHR. `id` is a keyed hash of (client, org, EHR, kind, the EHR's id) with the data
-- key of the org, so two accounts of one org at one EHR get the same id. `scope` is a keyed hash of the EHR alone. The
-- EHR's id is sealed with the same data key.
CREATE TABLE record_ids (
    org text NOT NULL,
    id text NOT NULL CHECK (id ~ '^[0-9a-f]{32}$'),
    client text NOT NULL,
    kind text NOT NULL,
    scope bytea NOT NULL,
    sealed_ehr_id bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org, id)
);
