-- The directory: organizations that users can find in the picker, from published lists and from the operator. It is the
-- same for every client.
CREATE TABLE directory_entries (
    key text PRIMARY KEY,  -- the identity: vendor, address, and tenant (directory/entry.py)
    source text NOT NULL,  -- the list that has it; 'operator' for what was added by hand
    seen bigint NOT NULL,  -- the import that last had it
    also text[] NOT NULL DEFAULT '{}',  -- further lists that have it
    name text NOT NULL,
    folded text NOT NULL,  -- the name in one spelling
    vendor text NOT NULL,
    address text NOT NULL,
    tenant text NOT NULL,
    product text NOT NULL,
    city text NOT NULL,
    state text NOT NULL,
    postal_code text NOT NULL,
    level text NOT NULL,
    audience text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    hidden boolean NOT NULL DEFAULT false,
    pinned boolean NOT NULL DEFAULT false
);
CREATE INDEX directory_entries_source ON directory_entries (source, seen);
CREATE INDEX directory_entries_folded ON directory_entries (folded);

CREATE SEQUENCE directory_imports;

-- A list that was imported. `etag` and `modified` are the validators of its last answer (RFC 9110 §8.8).
CREATE TABLE directory_sources (
    source text PRIMARY KEY,
    etag text,
    modified text,
    imported_at timestamptz NOT NULL,
    entries int NOT NULL,
    refused jsonb NOT NULL
);

-- Further names of organizations: nicknames, acronyms, and former names. `target` is a folded name.
CREATE TABLE directory_aliases (
    target text NOT NULL,
    alias text NOT NULL,
    PRIMARY KEY (target, alias)
);

-- At most one row. `version` changes with the directory, so that every machine builds its index again.
CREATE TABLE directory_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Which organizations of the directory users of a client have linked, to show them first to this client's users alone.
CREATE TABLE directory_uses (
    client text NOT NULL REFERENCES clients (id),
    address text NOT NULL,
    name text NOT NULL,  -- folded
    used_at timestamptz NOT NULL,
    PRIMARY KEY (client, address, name)
);
