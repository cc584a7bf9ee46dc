-- The Idempotency-Keys of changes that went into a job which was still to create its record: the keyed hash of each key,
-- followed by that of its request.
ALTER TABLE write_jobs ADD COLUMN amended bytea[] NOT NULL DEFAULT '{}';
