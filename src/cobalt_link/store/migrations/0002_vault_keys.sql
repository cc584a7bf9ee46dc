-- Data keys, wrapped by a master key. They have a table of their own that is small enough to be rewritten, so that a
-- destroyed key leaves the disk (S-064). Bytes 2 to 9 of `wrapped` are the id of the master key.
CREATE TABLE data_keys (
    owner text PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What was deleted or replaced in data_keys and may still be in its file or in the log (WAL). The upkeep rewrites both
-- and then empties this table. `owner` is null if old wrapped forms were replaced.
CREATE TABLE data_keys_erased (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text,
    at timestamptz NOT NULL DEFAULT now()
);
