-- Data keys in 128 partitions by the hash of the owner. Upkeep rewrites only those from which a key was destroyed: at a
-- million accounts a partition has 8,000 rows, and rewriting it takes under 100 ms.
--
-- This copies the table, at about 100,000 keys per second. Calls wait meanwhile. The former release works with the
-- partitions as it did with the table.
ALTER TABLE data_keys RENAME TO data_keys_former;
ALTER INDEX data_keys_pkey RENAME TO data_keys_former_pkey;
CREATE TABLE data_keys (
    owner text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY HASH (owner);
-- All values are short. Without TOAST, a partition is one file and rewriting it is quicker.
ALTER TABLE data_keys ALTER owner SET STORAGE PLAIN, ALTER wrapped SET STORAGE PLAIN;
DO $$
BEGIN
    FOR number IN 0..127 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF data_keys FOR VALUES WITH (MODULUS 128, REMAINDER %s)',
                       'data_keys_' || lpad(number::text, 3, '0'), number);
    END LOOP;
END $$;
INSERT INTO data_keys SELECT owner, wrapped, created_at FROM data_keys_former;
ALTER TABLE data_keys ADD PRIMARY KEY (owner);
-- By the id of the master key. A rotation finds what is left to wrap again.
CREATE INDEX data_keys_by_master_key ON data_keys (substring(wrapped FROM 2 FOR 8), owner);
DROP TABLE data_keys_former;

-- From which partition a key was erased. Null in rows of the former release: then any partition may still hold it.
ALTER TABLE data_keys_erased ADD COLUMN partition text;
-- The file of the table that was dropped is gone, but not yet its log. An erased row makes the upkeep drop the log.
INSERT INTO data_keys_erased (owner, partition) SELECT NULL, 'data_keys_000' WHERE EXISTS (SELECT FROM data_keys);
