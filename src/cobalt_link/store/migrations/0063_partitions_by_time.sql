-- Large tables in partitions by time, which are dropped as a whole: link_sessions, journal, and link_events by day,
-- record_ids and audit by month.
--
-- A new database has them at once. In a database that is in use, the tables stay whole for a week, because the former
-- release cannot write into partitions. Then the upkeep makes the table the first partition of a new one with its name
-- (store/partitions.py). The statements of this release work in both forms.

-- The id of a link session begins with its day (kit/ids.py), and `session_day` is that beginning. In rows of the former release
-- `session_day` is '', and the id is random. Such ids may sort among those with a day, so the upkeep waits until they are gone.
ALTER TABLE link_events ADD COLUMN session_day text NOT NULL DEFAULT '';

-- Makes a table the first partition of a new table with its name. The first partition ends before `bound`, which is the
-- day `last`. The partition `…_other` takes rows that fit into no other, and is the model of new ones.
CREATE FUNCTION cobalt_partition_table(name text, key text, bound text, last date, primary_key text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part text := name || '_19700101_' || to_char(last, 'YYYYMMDD');
BEGIN
    EXECUTE format('ALTER TABLE %I RENAME TO %I', name, part);
    EXECUTE format('ALTER INDEX IF EXISTS %I RENAME TO %I', name || '_pkey', part || '_pkey');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE)'
                   ' PARTITION BY RANGE (%I)', name, part, key);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I', name, name || '_before');
    IF primary_key <> '' THEN
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (%s)', name, primary_key);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', name, part, bound);
    -- This check has saved the statement above from reading the whole table (store/partitions.py).
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I', part, name || '_before');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name || '_other', part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', name, name || '_other');
END $$;

-- How a day (UTC) begins the ids of its link sessions.
CREATE FUNCTION cobalt_day(day date) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'ff' || lpad(to_hex(day - date '1970-01-01'), 4, '0') $$;

-- The five tables, with partitions from these days on.
CREATE FUNCTION cobalt_partition_tables(first_day date, first_month date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    day text := cobalt_day(first_day);
    month text := first_month || ' 00:00:00+00';
BEGIN
    -- What belongs to a link session is deleted with it by the upkeep, or dropped with its day.
    ALTER TABLE journal DROP CONSTRAINT IF EXISTS journal_link_session_fkey;
    ALTER TABLE link_session_keys DROP CONSTRAINT IF EXISTS link_session_keys_link_session_fkey;
    ALTER TABLE public_tokens DROP CONSTRAINT IF EXISTS public_tokens_link_session_fkey;
    PERFORM cobalt_partition_table('link_sessions', 'id', day, first_day, 'id');
    PERFORM cobalt_partition_table('journal', 'link_session', day, first_day, 'link_session, n');
    PERFORM cobalt_partition_table('link_events', 'session_day', day, first_day, '');
    PERFORM cobalt_partition_table('record_ids', 'created_at', month, first_month, '');
    -- PostgreSQL 15 and 16 have no identity columns in partitioned tables.
    CREATE SEQUENCE audit_numbers;
    PERFORM setval('audit_numbers', (SELECT coalesce(max(id), 0) + 1 FROM audit), false);
    ALTER TABLE audit ALTER id DROP IDENTITY;
    ALTER TABLE audit ALTER id SET DEFAULT nextval('audit_numbers');
    PERFORM cobalt_partition_table('audit', 'at', month, first_month, '');
END $$;

-- Adds the partition for the days from `first` until before `last`. False if there is one, or if rows of these days are
-- in `…_other` already: then they stay there.
CREATE FUNCTION cobalt_add_partition(name text, first date, last date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    part text := format('%s_%s_%s', name, to_char(first, 'YYYYMMDD'), to_char(last, 'YYYYMMDD'));
    by_day boolean := name IN ('link_sessions', 'journal', 'link_events');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, name || '_other');
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, part,
                   CASE WHEN by_day THEN cobalt_day(first) ELSE first || ' 00:00:00+00' END,
                   CASE WHEN by_day THEN cobalt_day(last) ELSE last || ' 00:00:00+00' END);
    RETURN true;
EXCEPTION
    WHEN check_violation OR invalid_object_definition THEN
        RETURN false;
END $$;

CREATE FUNCTION cobalt_drop_partition(part text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', part);
END $$;

-- Reads of the audit go by account. The key and the other index cost a fifth of its size and serve nothing.
ALTER TABLE audit DROP CONSTRAINT audit_pkey;
DROP INDEX audit_of_client;

DO $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    month date := date_trunc('month', today)::date;
    name text;
BEGIN
    IF EXISTS (SELECT FROM clients) THEN
        RETURN;
    END IF;
    PERFORM cobalt_partition_tables(today, month);
    FOREACH name IN ARRAY ARRAY['link_sessions', 'journal', 'link_events'] LOOP
        FOR ahead IN 0..3 LOOP
            PERFORM cobalt_add_partition(name, today + ahead, today + ahead + 1);
        END LOOP;
    END LOOP;
    FOREACH name IN ARRAY ARRAY['record_ids', 'audit'] LOOP
        FOR ahead IN 0..2 LOOP
            PERFORM cobalt_add_partition(name, (month + make_interval(months => ahead))::date,
                                    (month + make_interval(months => ahead + 1))::date);
        END LOOP;
    END LOOP;
END $$;
