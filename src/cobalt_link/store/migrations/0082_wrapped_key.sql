-- One owner's data key, inside a statement that finds the owner. It is planned for that owner, so it opens one partition
-- of `data_keys`. A join would open and lock all 128 of them each time, which takes ten times as long.
CREATE FUNCTION cobalt_wrapped_key(wanted text) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN (SELECT k.wrapped FROM data_keys k WHERE k.owner = wanted);
END
$$;
