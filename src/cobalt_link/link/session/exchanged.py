"""What the exchange does with link sessions, as parts of its statements: finds, locks, and marks them."""

from typing import LiteralString

from cobalt_link.accounts.access import CONNECTED

# CTEs of the exchange's statement: the sessions that were requested, and those that it marks as exchanged. If several
# requests name one session, the first gets it. LIMIT makes the planner use the index: it assumes a hundred rows for any
# JSON, and would scan the whole table.
REQUESTED: LiteralString = """
requested AS (
    SELECT DISTINCT ON (p.link_session) p.link_session, t.n, decode(t.access, 'base64') AS access
    FROM json_to_recordset(%(requested)s::json) AS t (n int, client text, hash text, access text), LATERAL (
        SELECT * FROM public_tokens
        WHERE hash = decode(t.hash, 'base64') AND client = t.client AND expires_at > %(now)s LIMIT 1
    ) p ORDER BY p.link_session, t.n
)"""
EXCHANGED: LiteralString = f"""
{REQUESTED}, locked AS (
    SELECT a.id, n, access, sealed_access_token
    FROM requested JOIN link_sessions a ON a.id = link_session LEFT JOIN link_tokens l ON l.hash = a.link_token
    ORDER BY a.id FOR UPDATE OF a
), exchanged AS (
    UPDATE link_sessions a SET exchanged_at = %(now)s FROM locked
    WHERE a.id = locked.id AND a.exchanged_at IS NULL AND {CONNECTED}
    RETURNING a.id, n, a.granted, a.client, a.link_token, a.account, access, sealed_access_token
)"""
LOCK: LiteralString = (
    f"WITH {REQUESTED} SELECT FROM requested JOIN link_sessions a ON a.id = link_session ORDER BY a.id FOR UPDATE OF a"
)
