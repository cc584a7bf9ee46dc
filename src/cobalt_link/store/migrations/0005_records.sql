-- The ids that we give out for what stands in an EHR. `id` is a keyed hash of (client, org, EHR, kind, the EHR's id) under
-- the org's data key, so two accounts of one org at one EHR get the same; `scope` is one of the EHR alone. The EHR's id
-- rests sealed by the same key.
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
