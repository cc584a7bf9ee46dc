"""Fills a migrated, empty database by SQL, as a system of some age would have filled it: for plans and for figures.

One client has nine tenths of the accounts, and one EHR address most of them, because that is where plans go wrong. No
sealed value opens, since none was sealed.
"""

from typing import LiteralString, cast

import msgspec
from psycopg import sql

from cobalt_link.store.database import Database

DAYS = 30


class Size(msgspec.Struct, frozen=True):
    """How many rows. `entries` are those of the journal and of the events, each: of the latest link sessions."""

    accounts: int
    sessions: int
    link_tokens: int
    entries: int


MILLION = Size(1_000_000, 3_000_000, 5_000_000, 3_000_000)

# The first parts are empty and cover the past, which gets parts of its own here.
PAST: LiteralString = """
DO $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    month date := date_trunc('month', today)::date;
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relname ~ '_19700101_\\d+$' AND relkind = 'r' LOOP
        PERFORM cobalt_drop_partition(name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['link_sessions', 'journal', 'link_events', 'webhook_events', 'webhook_tries'] LOOP
        FOR ago IN 1..31 LOOP
            PERFORM cobalt_add_partition(name, today - ago, today - ago + 1);
        END LOOP;
    END LOOP;
    FOREACH name IN ARRAY ARRAY['record_ids', 'audit'] LOOP
        FOR ago IN 1..13 LOOP
            PERFORM cobalt_add_partition(name, (month - make_interval(months => ago))::date,
                                    (month - make_interval(months => ago - 1))::date);
        END LOOP;
    END LOOP;
END $$
"""

STEPS: tuple[tuple[str, LiteralString], ...] = (
    (
        "clients",
        """INSERT INTO clients (id, client_id, name, env, created_at)
           SELECT md5('client ' || n), 'ci_live_' || n, 'App ' || n, 'live', now() FROM generate_series(0, 19) n""",
    ),
    (
        "orgs",
        """INSERT INTO orgs (id, client, org_id, ehr, emr_name, address, settings, created_at)
           SELECT md5('org ' || n), md5('client ' || CASE WHEN n % 10 = 0 THEN n / 10 % 20 ELSE 1 END), 'org-' || n,
                  'sandbox', 'Sandbox EHR', 'https://ehr.example',
                  CASE WHEN n % 100 = 0 THEN '{"listed": true}' ELSE '{}' END::jsonb, now()
           FROM generate_series(1, %(accounts)s / 50) n""",
    ),
    (
        "accounts",
        """INSERT INTO accounts (id, client, org, org_id, user_id, connector, address, tenant, ehr_user_fingerprint,
                                 ehr_person_fingerprint, reference, health, linked_at, disconnected_at,
                                 sealed_grant, sealed_answers)
           SELECT md5('account ' || n), o.client, o.id, o.org_id, 'user-' || n, 'sandbox',
                  CASE WHEN n % 5 = 0 THEN 'https://ehr-' || n % 1000 || '.example' ELSE 'https://ehr.example' END, '',
                  CASE WHEN n % 100 > 0 THEN sha256(('account ' || n)::bytea) END,
                  CASE WHEN n % 100 > 0 THEN sha256(('person ' || n)::bytea) END, 'user-' || n, 'active',
                  now() - n * interval '10 seconds', CASE WHEN n % 100 = 0 THEN now() - n % 30 * interval '1 day' END,
                  decode(repeat(md5(n::text), 10), 'hex'), decode(repeat(md5(n::text), 8), 'hex')
           FROM generate_series(1, %(accounts)s) n JOIN orgs o ON o.id = md5('org ' || n % (%(accounts)s / 50) + 1)""",
    ),
    (
        "data_keys",
        """INSERT INTO data_keys (owner, wrapped)
           SELECT 'account:' || md5('account ' || n),
                  decode('01' || left(md5('key'), 16) || repeat(md5(n::text), 4) || left(md5(n::text), 12), 'hex')
           FROM generate_series(1, %(accounts)s) n WHERE n % 100 > 0""",
    ),
    (
        "access_tokens",
        """INSERT INTO access_tokens (hash, account, client, created_at, expires_at)
           SELECT sha256(('access ' || id)::bytea), id, client, linked_at,
                  CASE WHEN random() < 0.001 THEN now() - interval '1 minute' END
           FROM accounts WHERE disconnected_at IS NULL""",
    ),
    (
        "audit",
        """INSERT INTO audit (at, client, account, what, request_id)
           SELECT now() - (random() * 365) * interval '1 day', client, id, 'read', md5(id) FROM accounts""",
    ),
    (
        "record_ids",
        """INSERT INTO record_ids (org, id, client, kind, scope, sealed_ehr_id, created_at)
           SELECT org, md5('record ' || id), client, 'patient', decode(md5(org), 'hex'), sha256(id::bytea),
                  now() - (random() * 365) * interval '1 day'
           FROM accounts""",
    ),
    (
        "link_tokens",
        """INSERT INTO link_tokens (hash, client, org, user_id, callback_url, created_at, expires_at)
           SELECT sha256(('token ' || n)::bytea), md5('client ' || CASE WHEN n % 10 = 0 THEN n / 10 % 20 ELSE 1 END),
                  md5('org ' || n % 1000), 'user-' || n,
                  'https://app.example/linked', at, at + interval '30 minutes'
           FROM generate_series(1, %(link_tokens)s) n,
                LATERAL (SELECT now() - 30.0 * n / %(link_tokens)s * interval '1 day' AS at) t""",
    ),
    (
        # The first two hundred are open, a tenth of the others was not finished in time.
        "link_sessions",
        """INSERT INTO link_sessions (id, link_token, client, org, user_id, browser, answered, state, public_key,
                                      connector, address, granted, created_at, expires_at, settled_at, exchanged_at)
           SELECT cobalt_day((at AT TIME ZONE 'UTC')::date) || substr(md5('session ' || n), 7),
                  sha256(('token ' || n)::bytea), md5('client ' || CASE WHEN n % 10 = 0 THEN n / 10 % 20 ELSE 1 END),
                  md5('org ' || n % 1000), 'user-' || n, sha256(n::text::bytea), true,
                  CASE WHEN n <= 200 THEN 'waiting' WHEN n % 10 = 0 THEN 'expired' ELSE 'granted' END,
                  sha256(('key ' || n)::bytea), 'sandbox', 'https://ehr.example',
                  CASE WHEN n > 200 AND n % 10 > 0 THEN md5('account ' || n % %(accounts)s) END,
                  at, at + interval '30 minutes', CASE WHEN n > 200 THEN at + interval '2 minutes' END,
                  CASE WHEN n > 200 AND n % 10 > 0 THEN at + interval '3 minutes' END
           FROM generate_series(1, %(sessions)s) n,
                LATERAL (SELECT now() - 30.0 * n / %(sessions)s * interval '1 day' AS at) t""",
    ),
    (
        "journal",
        """INSERT INTO journal (link_session, n, kind, name, state, sealed, began_at, ended_at)
           SELECT id, n, 'step', 'log_in', 'done', decode(repeat(md5(id), 8), 'hex'), created_at, created_at
           FROM (SELECT id, created_at FROM link_sessions ORDER BY id DESC LIMIT %(entries)s / 6) s,
                generate_series(1, 6) n""",
    ),
    (
        "link_events",
        """INSERT INTO link_events (link_token, session_day, seq, name, pane, at)
           SELECT link_token, left(id, 6), n, 'pane', 'credentials', created_at
           FROM (SELECT id, link_token, created_at FROM link_sessions ORDER BY id DESC LIMIT %(entries)s / 8) s,
                generate_series(1, 8) n""",
    ),
    (
        "link_session_keys",
        """INSERT INTO link_session_keys (link_session, sealed)
           SELECT id, decode(repeat(md5(id), 5), 'hex') FROM link_sessions WHERE settled_at IS NULL""",
    ),
    (
        "public_tokens",
        """INSERT INTO public_tokens (hash, link_session, client, via, expires_at)
           SELECT sha256(('public ' || id)::bytea), id, client, 'browser', created_at + interval '30 minutes'
           FROM (SELECT * FROM link_sessions ORDER BY id DESC LIMIT %(sessions)s / 30) s WHERE client IS NOT NULL""",
    ),
    (
        "exchanges",
        """INSERT INTO exchanges (client, key_hash, token_hash, sealed_answer, expires_at)
           SELECT client, sha256(('key ' || id)::bytea), link_token, decode(repeat(md5(id), 8), 'hex'),
                  created_at + interval '1 day'
           FROM (SELECT * FROM link_sessions ORDER BY id DESC LIMIT %(sessions)s / 30) s WHERE client IS NOT NULL""",
    ),
    (
        "login_tries",
        """INSERT INTO login_tries (login, kind, typed, source, who, outcome, at)
           SELECT sha256(('login ' || n / 2)::bytea), 'password', sha256(n::text::bytea), md5('session ' || n),
                  'stranger', CASE WHEN n % 500 = 0 THEN 'right' ELSE 'wrong' END,
                  now() - 30.0 * n / %(sessions)s * interval '1 day'
           FROM generate_series(1, %(sessions)s) n""",
    ),
    (
        "link_display_names",
        """INSERT INTO link_display_names (link_token, sealed, expires_at)
           SELECT hash, decode(repeat(md5(user_id), 4), 'hex'), expires_at
           FROM (SELECT * FROM link_tokens LIMIT %(sessions)s / 5) t""",
    ),
    (
        "ehr_requests",
        """INSERT INTO ehr_requests (link_session, client, org_id, ehr, asked_at)
           SELECT id, client, 'org-1', 'other', created_at
           FROM (SELECT * FROM link_sessions ORDER BY id DESC LIMIT %(sessions)s / 10) s
           ORDER BY md5(id)  -- as rows lie once others were pruned between them""",
    ),
    (
        # Ten of a large client, and half of what waits is for the first of them.
        "webhook_endpoints",
        """INSERT INTO webhook_endpoints (id, client, sealed_url, sealed_secret, timestamps, payload, created_at)
           SELECT 'wh_' || md5('hook ' || n), md5('client ' || CASE WHEN n <= 10 THEN 1 ELSE n % 20 END),
                  sha256(n::text::bytea), sha256(n::text::bytea), 'unix', 'full', now()
           FROM generate_series(1, 200) n""",
    ),
    (
        "webhook_events",
        """INSERT INTO webhook_events (id, created_at, client, account, type, job_id, owner, sealed_payload)
           SELECT cobalt_day((at AT TIME ZONE 'UTC')::date) || substr(md5('event ' || id), 7), at, client, id,
                  'appointment.created', n, 'account:' || id, decode(repeat(md5(id), 8), 'hex')
           FROM (SELECT id, client, row_number() OVER (ORDER BY id) AS n FROM accounts) a,
                LATERAL (SELECT now() - 30.0 * n / %(accounts)s * interval '1 day' AS at) t""",
    ),
    (
        "webhook_tries",
        """INSERT INTO webhook_tries (event, event_at, endpoint, number, at, milliseconds, status, delivered)
           SELECT id, created_at, 'wh_' || md5('hook 1'), 1, created_at, 20, 200, true FROM webhook_events""",
    ),
    (
        "webhook_outbox",
        """INSERT INTO webhook_outbox (endpoint, event, event_at, number, in_order, due_at)
           SELECT 'wh_' || md5('hook ' || CASE WHEN number % 2 = 0 THEN 1 ELSE number % 200 + 1 END), id, created_at,
                  number, number % 3 = 0, created_at
           FROM (SELECT * FROM webhook_events ORDER BY created_at DESC LIMIT %(accounts)s / 5) v""",
    ),
    (
        "ehr_instances",
        """INSERT INTO ehr_instances (connector, address, worked_at)
           SELECT 'sandbox', 'https://ehr-' || n || '.example', now() FROM generate_series(1, 1000) n""",
    ),
)


# Indexes are made after the rows, which takes a third of the time.
INDEXES: LiteralString = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
WHERE indrelid = ANY ('{accounts,access_tokens,link_tokens}'::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""


async def fill(db: Database, size: Size) -> None:
    """Fills the database and lets PostgreSQL count. A million accounts take some minutes and 10 GB."""
    given = msgspec.structs.asdict(size)
    async with db.connection() as connection:
        await connection.execute(PAST)
        indexes = await (await connection.execute(INDEXES)).fetchall()
        for index in indexes:
            await connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index["name"])))
        for _, step in STEPS:
            # Not as a prepared statement: its plan would not know the sizes.
            await connection.execute(cast(LiteralString, _written(step, given)))
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("VACUUM ANALYZE")


def _written(step: str, given: dict[str, int]) -> str:
    """The statement with its numbers. `%` is an operator in it, so psycopg cannot fill it in."""
    for name, value in given.items():
        step = step.replace(f"%({name})s", str(value))
    return step
