-- `ehr_person_fingerprint` is the keyed hash of an EHR user within a client, whatever the org. By it, /connections finds the
-- accounts of whoever has signed in. Accounts of former releases have none: the upkeep adds it (accounts/ehr_people.py), and so
-- does each new grant. Making the indexes takes some seconds for a million accounts, in which links and renewals wait.
ALTER TABLE accounts ADD COLUMN ehr_person_fingerprint bytea;
CREATE INDEX accounts_of_ehr_person ON accounts (ehr_person_fingerprint) WHERE disconnected_at IS NULL;
-- What the upkeep has still to do, and until then the orgs at one address. It is empty once the upkeep is through.
CREATE INDEX accounts_without_ehr_person ON accounts (connector, address, tenant, client, org, id)
    WHERE disconnected_at IS NULL AND ehr_person_fingerprint IS NULL;
