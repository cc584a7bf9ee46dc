-- E-mail to the owner of a client, through the SMTP server of the settings.
ALTER TABLE clients ADD COLUMN contact_email text;

-- What is to be sent, or was sent within the last day (jobs/claims.py). `data` holds ids, times, and codes: nothing of a
-- chart, and no secret. `done_at` is when the server took it, or when it was given up.
CREATE TABLE mails (
    id text PRIMARY KEY,
    client text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    kind text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    done_at timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    claim bigint,
    claimed_until timestamptz
);
CREATE INDEX mails_due ON mails (due_at) WHERE done_at IS NULL;
CREATE INDEX mails_done ON mails (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX mails_of_client ON mails (client, created_at);
