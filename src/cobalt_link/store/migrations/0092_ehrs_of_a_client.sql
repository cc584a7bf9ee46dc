-- For GET /v1/ehrs: the EHR instances at which a client has accounts.
CREATE INDEX accounts_of_client_at_ehr ON accounts (client, connector, address) WHERE disconnected_at IS NULL;
