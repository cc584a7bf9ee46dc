"""All SQL on `webhook_events`, `webhook_outbox`, and `webhook_tries`."""

from __future__ import annotations

from typing import LiteralString

from cobalt_link.jobs.claims import CLAIM, FREE, RELEASE

# WHERE: the endpoint `e` takes events of the type of `v` (event_types.py decides the same in Python).
_TAKES: LiteralString = """e.client = v.client AND e.state = 'enabled' AND (e.event_types IS NULL OR EXISTS (
    SELECT FROM unnest(e.event_types) AS p
    WHERE p = v.type OR (right(p, 1) = '*' AND starts_with(v.type, left(p, -1)))))"""

# The event, and one row to deliver for each endpoint that takes it.
RECORD: LiteralString = f"""
WITH recorded AS (
    INSERT INTO webhook_events (id, created_at, client, account, type, job_id, owner, sealed_payload)
    VALUES (%(id)s, %(now)s, %(client)s, %(account)s, %(type)s, %(job_id)s, %(owner)s, %(payload)s)
    RETURNING id, created_at, number, client, type, sealed_payload
)
INSERT INTO webhook_outbox (endpoint, event, event_at, number, due_at)
SELECT e.id, v.id, v.created_at, v.number, v.created_at
FROM recorded v JOIN webhook_endpoints e ON {_TAKES} WHERE v.sealed_payload IS NOT NULL"""

# Takes due rows of up to `lanes` endpoints after the endpoint `after`, of each at most as many as it has room for.
# `known` and `rooms` are the endpoints that this process delivers to, `room` is that of every other one. A failing
# endpoint gets one at a time, and none if `failing` is false. `busy` are clients that have their share already.
# One row at least: `last_lane` is where the next claim continues, '' if no endpoint is left.
CLAIM_DUE: LiteralString = f"""
WITH RECURSIVE lanes AS (
    (SELECT endpoint, 1 AS n FROM webhook_outbox WHERE endpoint > %(after)s ORDER BY endpoint LIMIT 1)
    UNION ALL
    SELECT (SELECT o.endpoint FROM webhook_outbox o WHERE o.endpoint > l.endpoint ORDER BY o.endpoint LIMIT 1), l.n + 1
    FROM lanes l WHERE l.endpoint IS NOT NULL AND l.n < %(lanes)s
), open_lanes AS (
    SELECT e.id, CASE WHEN e.failing_since IS NULL THEN coalesce(r.room, %(room)s)
                      ELSE least(coalesce(r.room, 1), 1) END AS room
    FROM lanes l JOIN webhook_endpoints e ON e.id = l.endpoint
    LEFT JOIN unnest(%(known)s::text[], %(rooms)s::int[]) AS r (endpoint, room) ON r.endpoint = e.id
    WHERE e.state = 'enabled' AND (e.paused_until IS NULL OR e.paused_until <= %(now)s)
      AND (e.failing_since IS NULL OR %(failing)s) AND e.client <> ALL (%(busy)s::text[])
), ready AS (
    SELECT d.endpoint, d.event FROM (SELECT * FROM open_lanes ORDER BY id) l CROSS JOIN LATERAL (
        SELECT endpoint, event FROM webhook_outbox
        WHERE endpoint = l.id AND NOT in_order AND due_at <= %(now)s AND {FREE}
        ORDER BY due_at LIMIT l.room FOR UPDATE SKIP LOCKED
    ) d LIMIT %(most)s
), heads AS (
    SELECT h.endpoint, h.event FROM open_lanes l CROSS JOIN LATERAL (
        SELECT endpoint, event, due_at, claimed_until FROM webhook_outbox
        WHERE endpoint = l.id AND in_order ORDER BY number LIMIT 1
    ) h WHERE l.room > 0 AND due_at <= %(now)s AND {FREE}
), claimed AS (
    UPDATE webhook_outbox o SET {CLAIM} FROM (
        SELECT * FROM heads UNION ALL SELECT * FROM ready LIMIT %(most)s
    ) t
    WHERE o.endpoint = t.endpoint AND o.event = t.event AND {FREE} RETURNING o.*
)
SELECT l.last_lane, c.event, c.event_at, c.claim, c.tries, c.waits, c.in_order, e.* FROM (
    SELECT CASE WHEN bool_and(endpoint IS NOT NULL) THEN max(endpoint) ELSE '' END AS last_lane FROM lanes
) l LEFT JOIN (claimed c JOIN webhook_endpoints e ON e.id = c.endpoint) ON true"""

PAYLOADS: LiteralString = """
SELECT v.* FROM unnest(%(ids)s::text[], %(ats)s::timestamptz[]) AS w (id, at) CROSS JOIN LATERAL (
    SELECT id, owner, type, sealed_payload FROM webhook_events WHERE id = w.id AND created_at = w.at LIMIT 1) v"""

# The outcomes of a group of tries. A row whose claim another worker has taken over stays as that one leaves it.
SETTLE: LiteralString = f"""
WITH o AS (
    SELECT * FROM unnest(%(endpoint)s::text[], %(event)s::text[], %(claim)s::bigint[], %(at)s::timestamptz[],
        %(milliseconds)s::int[], %(status)s::int[], %(error)s::text[], %(delivered)s::boolean[],
        %(due_at)s::timestamptz[])
    AS o (endpoint, event, claim, at, milliseconds, status, error, delivered, due_at)
), gone AS (
    DELETE FROM webhook_outbox d USING o
    WHERE d.endpoint = o.endpoint AND d.event = o.event AND d.claim = o.claim AND o.due_at IS NULL
    RETURNING d.endpoint, d.event, d.event_at, d.tries + 1 AS number
), later AS (
    UPDATE webhook_outbox d SET tries = d.tries + 1, waits = d.waits + 1, due_at = o.due_at, {RELEASE} FROM o
    WHERE d.endpoint = o.endpoint AND d.event = o.event AND d.claim = o.claim AND o.due_at IS NOT NULL
    RETURNING d.endpoint, d.event, d.event_at, d.tries AS number
)
INSERT INTO webhook_tries (event, event_at, endpoint, number, at, milliseconds, status, error, delivered)
SELECT a.event, a.event_at, a.endpoint, a.number, o.at, o.milliseconds, o.status, o.error, o.delivered
FROM (SELECT * FROM gone UNION ALL SELECT * FROM later) a JOIN o USING (endpoint, event)"""

# Ends what an endpoint still had to get. The log says why.
DROP_ALL: LiteralString = """
WITH gone AS (DELETE FROM webhook_outbox WHERE endpoint = %(endpoint)s RETURNING *)
INSERT INTO webhook_tries (event, event_at, endpoint, number, at, milliseconds, error, delivered)
SELECT event, event_at, endpoint, tries + 1, %(now)s, 0, %(error)s, false FROM gone"""

_AGAIN: LiteralString = """
SELECT e.id, v.id, v.created_at, v.number, %(now)s::timestamptz, %(in_order)s::boolean, coalesce((
    SELECT max(a.number) FROM webhook_tries a
    WHERE a.event = v.id AND a.event_at = v.created_at AND a.endpoint = e.id), 0)"""
_INTO: LiteralString = "INSERT INTO webhook_outbox (endpoint, event, event_at, number, due_at, in_order, tries)"
_OR_SOONER: LiteralString = """
ON CONFLICT (endpoint, event) DO UPDATE SET waits = 0, in_order = excluded.in_order,
    due_at = least(webhook_outbox.due_at, excluded.due_at)"""

FIND: LiteralString = """
SELECT id, created_at, number FROM webhook_events WHERE id = %(id)s AND client = %(client)s LIMIT 1"""
REDELIVER: LiteralString = f"""
{_INTO} {_AGAIN}
FROM webhook_events v JOIN webhook_endpoints e ON {_TAKES}
WHERE v.id = %(id)s AND v.created_at = %(at)s AND v.client = %(client)s AND v.sealed_payload IS NOT NULL
  AND (%(endpoint)s::text IS NULL OR e.id = %(endpoint)s) {_OR_SOONER}"""
REPLAY: LiteralString = f"""
{_INTO} {_AGAIN}
FROM (
    SELECT * FROM webhook_events
    WHERE client = %(client)s AND created_at >= %(start)s AND created_at < %(end)s AND sealed_payload IS NOT NULL
    ORDER BY created_at, number LIMIT %(most)s
) v JOIN webhook_endpoints e ON {_TAKES}
WHERE (%(endpoint)s::text IS NULL OR e.id = %(endpoint)s) AND (NOT %(undelivered)s::boolean OR NOT EXISTS (
    SELECT FROM webhook_tries a
    WHERE a.event = v.id AND a.event_at = v.created_at AND a.endpoint = e.id AND a.delivered)) {_OR_SOONER}"""
# The first event that a replay of `most` leaves out.
REST: LiteralString = """
SELECT created_at FROM webhook_events
WHERE client = %(client)s AND created_at >= %(start)s AND created_at < %(end)s AND sealed_payload IS NOT NULL
ORDER BY created_at, number OFFSET %(most)s LIMIT 1"""

# The log of an account. An event is delivered if each endpoint that it was sent to has got it.
_STATUS: LiteralString = """CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT FROM webhook_outbox o WHERE o.event = v.id) THEN 'pending' ELSE (
        SELECT CASE WHEN bool_and(l.delivered) THEN 'success' WHEN count(*) > 0 THEN 'failed' END FROM (
            SELECT bool_or(a.delivered) AS delivered FROM webhook_tries a
            WHERE a.event = v.id AND a.event_at = v.created_at GROUP BY a.endpoint
        ) l) END AS status) s"""
_WHERE: LiteralString = f"""FROM webhook_events v {_STATUS} WHERE v.account = %(account)s AND v.client = %(client)s
  AND v.created_at >= %(start)s AND v.created_at < %(end)s AND (%(type)s::text IS NULL OR v.type = %(type)s)
  AND (%(status)s::text IS NULL OR s.status = %(status)s)"""
_COLUMNS: LiteralString = "SELECT v.id, v.created_at, v.type, v.job_id, v.owner, v.sealed_payload, s.status"
_PAGE: LiteralString = "LIMIT %(limit)s OFFSET %(offset)s"
NEWEST: LiteralString = f"{_COLUMNS} {_WHERE} ORDER BY v.created_at DESC, v.number DESC {_PAGE}"
OLDEST: LiteralString = f"{_COLUMNS} {_WHERE} ORDER BY v.created_at, v.number {_PAGE}"
COUNT: LiteralString = f"SELECT count(*) AS count {_WHERE}"
# Statements of their own: apps ask for the events of a job every second.
_JOB: LiteralString = "AND v.job_id = %(job_id)s"
NEWEST_OF_JOB: LiteralString = f"{_COLUMNS} {_WHERE} {_JOB} ORDER BY v.created_at DESC, v.number DESC {_PAGE}"
OLDEST_OF_JOB: LiteralString = f"{_COLUMNS} {_WHERE} {_JOB} ORDER BY v.created_at, v.number {_PAGE}"
COUNT_OF_JOB: LiteralString = f"SELECT count(*) AS count {_WHERE} {_JOB}"
TRIES: LiteralString = """
SELECT a.* FROM unnest(%(ids)s::text[], %(ats)s::timestamptz[]) AS w (id, at) CROSS JOIN LATERAL (
    SELECT event, endpoint, number, at, milliseconds, status, error, delivered FROM webhook_tries
    WHERE event = w.id AND event_at = w.at ORDER BY at, number LIMIT 200) a"""
WAITING: LiteralString = """
SELECT event, endpoint FROM webhook_outbox WHERE event = ANY (%(ids)s)"""

PRUNE_EVENTS: LiteralString = """
DELETE FROM webhook_events_other WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM webhook_events_other WHERE created_at < %(before)s LIMIT %(most)s))"""
PRUNE_TRIES: LiteralString = """
DELETE FROM webhook_tries_other WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM webhook_tries_other WHERE event_at < %(before)s LIMIT %(most)s))"""
PRUNE_OUTBOX: LiteralString = """
DELETE FROM webhook_outbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM webhook_outbox WHERE event_at < %(before)s ORDER BY event_at LIMIT %(most)s))"""
