-- Data keys, wrapped by a master key, apart from what they seal: small enough to be written anew, so that a destroyed
-- key leaves the disk (S-064). The id of the master key stands in bytes 2 to 9 of `wrapped`.
CREATE TABLE data_keys (
    owner text PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What was deleted or replaced in data_keys and may still lie in its file or in the log (WAL): emptied by the upkeep
-- that writes both anew. `owner` is null when old wrapped forms were replaced.
CREATE TABLE data_keys_erased (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text,
    at timestamptz NOT NULL DEFAULT now()
);
