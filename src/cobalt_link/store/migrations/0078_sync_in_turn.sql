-- The accounts of each client at each EHR are looked at one after the other, however many others there are.
CREATE INDEX sync_accounts_in_turn ON sync_accounts (client, lane, due_at);
DROP INDEX sync_accounts_due;
