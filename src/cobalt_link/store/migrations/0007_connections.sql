-- An attempt may also be a person's own way to their connections: it belongs to no client, its link token is random and
-- nobody's, and it ends `signed_in`, with the accounts that were found. What it held goes when it ends.
ALTER TABLE attempts
    ADD COLUMN purpose text NOT NULL DEFAULT 'link' CHECK (purpose IN ('link', 'connections')),
    ADD COLUMN accounts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN extended boolean NOT NULL DEFAULT false,    -- the person has kept it open once
    ADD CONSTRAINT attempts_of_nobody CHECK ((purpose = 'connections') = (client = '')),
    DROP CONSTRAINT attempts_state_check,
    ADD CONSTRAINT attempts_state_check CHECK
        (state IN ('ready', 'advancing', 'waiting', 'resting', 'granted', 'signed_in', 'left', 'expired'));
CREATE INDEX attempts_own ON attempts (expires_at) WHERE purpose = 'connections';

CREATE INDEX accounts_at_ehr ON accounts (connector, address, tenant) WHERE disconnected_at IS NULL;
