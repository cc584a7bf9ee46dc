-- What the EHR of an account offers, where accounts of one connector differ: the server's own statement, what the user
-- granted, and facts about the vendor. Null: all that the connector declares. It holds nothing secret and no chart data.
ALTER TABLE accounts ADD COLUMN offers jsonb;
