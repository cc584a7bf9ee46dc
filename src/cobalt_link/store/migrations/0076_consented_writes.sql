-- What the user allowed the app to write when they linked. Accounts of earlier releases were linked for reading only.
ALTER TABLE accounts ADD COLUMN writes text[] NOT NULL DEFAULT '{}';
