-- Indexes for lists, look-ups, and pruning, so that no statement reads more rows than it returns or deletes.

-- Pages of GET /v1/accounts: all, of an org, of a user. They are read backward, the last linked first.
CREATE INDEX accounts_by_time ON accounts (client, linked_at, id) WHERE disconnected_at IS NULL;
CREATE INDEX accounts_of_org ON accounts (client, org_id, linked_at, id) WHERE disconnected_at IS NULL;
CREATE INDEX accounts_of_user ON accounts (client, user_id, linked_at, id) WHERE disconnected_at IS NULL;
DROP INDEX accounts_of_client;

-- The addresses of one host, and the orgs at one address. `split_part` is the host with its port.
CREATE INDEX accounts_at_host ON accounts (connector, split_part(address, '/', 3), address, tenant, client, org)
    WHERE disconnected_at IS NULL;
DROP INDEX accounts_at_ehr;

CREATE INDEX accounts_ended ON accounts (disconnected_at) WHERE disconnected_at IS NOT NULL;

CREATE INDEX orgs_listed ON orgs (client, org_id) WHERE (settings ->> 'listed')::boolean;

CREATE INDEX link_sessions_settled ON link_sessions (settled_at) WHERE settled_at IS NOT NULL;
-- The first five bytes of the hash of the id are the reference that pages show (kit/ids.py).
CREATE INDEX link_sessions_by_reference ON link_sessions (substring(sha256(id::bytea) FROM 1 FOR 5));

CREATE INDEX exchanges_ending ON exchanges (expires_at);
CREATE INDEX public_tokens_ending ON public_tokens (expires_at);

CREATE INDEX ehr_requests_by_time ON ehr_requests (client, asked_at, link_session);
CREATE INDEX ehr_requests_asked ON ehr_requests (asked_at);
DROP INDEX ehr_requests_of_client;
