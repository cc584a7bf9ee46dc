"""S-052: what the schema calls a secret rests sealed or hashed, never as text."""

import re

from cobalt_link.kit.logs import is_secret_name
from cobalt_link.store.database import Database

COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT LIKE 'procrastinate%'
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = quote_ident(table_name)::regclass) ORDER BY 1, 2"""

ERROR_CODES = {("accounts", "back_off_code"), ("link_events", "code"), ("write_jobs", "code")}
# An id of ours, as in record_ids: a keyed hash, from which nobody gets the EHR's id back.
OUR_IDS = {("record_bindings", "hash_id")}
SEALED = re.compile(r"sealed|wrapped|fingerprint|hash|private_key", re.ASCII)


async def test_every_column_with_a_secret_is_bytes(db: Database) -> None:
    rows = await db.rows(COLUMNS)
    rows = [row for row in rows if (row["table_name"], row["column_name"]) not in ERROR_CODES | OUR_IDS]
    secret = [row for row in rows if SEALED.search(row["column_name"]) or is_secret_name(row["column_name"])]
    assert {row["table_name"] for row in secret} >= {"access_tokens", "accounts", "client_secrets", "data_keys"}
    assert [row for row in secret if row["data_type"] != "bytea"] == []
