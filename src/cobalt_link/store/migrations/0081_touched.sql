-- Our ids of records that a write changes beside its own: a patient's, whose insurance it adds.
ALTER TABLE write_jobs ADD COLUMN touches text[] NOT NULL DEFAULT '{}';
