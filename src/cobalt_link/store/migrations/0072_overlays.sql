-- What an app has set for a provider or a location of an org, over what the EHR says. `id` is our id of the record, which
-- tells nothing of the EHR's id. `hours` are working hours: records/working_hours.py has their form.
CREATE TABLE overlays (
    org text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    client text NOT NULL,
    status text CHECK (status IN ('active', 'inactive')),
    hide_in_availability boolean,
    hours jsonb,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org, kind, id)
);
