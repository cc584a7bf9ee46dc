-- An account belongs to one end user of the app, and several end users may share an EHR login.
--
-- `ehr_user_fingerprint` stays unique. From here on it also covers the `user_id`: it is the key of the account. Rows
-- from before this migration get the new value when their end user links again.
-- `ehr_login_fingerprint` is the keyed hash of the EHR login alone, by which accounts that share it are found. Until a
-- row has one, its `ehr_user_fingerprint` is that hash.
-- `session_fingerprint` and `answers_fingerprint` are keyed hashes of the session at the EHR and of the saved passwords.
-- `sealed_ehr_user` is what lists show of the EHR user. It opens without the session and the answers.
ALTER TABLE accounts
    ADD COLUMN ehr_login_fingerprint bytea,
    ADD COLUMN session_fingerprint bytea,
    ADD COLUMN answers_fingerprint bytea,
    ADD COLUMN sealed_ehr_user bytea;
-- Not a partial index: the planner uses the statistics of its expression. A disconnected account has neither hash.
CREATE INDEX accounts_on_ehr_login ON accounts (coalesce(ehr_login_fingerprint, ehr_user_fingerprint));

-- The app's own label of one access token. Null means the account's first label, in `accounts.reference`.
ALTER TABLE access_tokens ADD COLUMN reference text;
