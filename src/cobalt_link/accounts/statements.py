"""All SQL on this room's tables: `accounts`, `access_tokens` and `audit`."""

from typing import LiteralString

from cobalt_link.jobs.claims import ABANDONED, CLAIM, CLAIMED, FREE, RELEASE, Work

# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

COLUMNS: LiteralString = (
    "a.id, a.client, a.org, a.org_id, a.user_id, a.connector, a.address, a.practice, a.tenant,"
    " a.health, a.health_reason, a.linked_at, a.last_used_at, a.writes, a.offers"
)
ACCOUNT: LiteralString = f"{COLUMNS}, a.reference"
# By which the accounts on one EHR login are found, whichever version of the code wrote the row.
LOGIN: LiteralString = "coalesce(ehr_login_fingerprint, ehr_user_fingerprint)"

# After a new hash key: what was found by an older one is found by the current one from now on. Likewise for rows from
# before migration 0010.
REPRINT_LOGIN: LiteralString = f"""
UPDATE accounts SET ehr_login_fingerprint = %(current)s
WHERE {LOGIN} = ANY(%(prints)s) AND ehr_login_fingerprint IS DISTINCT FROM %(current)s AND disconnected_at IS NULL"""
REPRINT: LiteralString = """
UPDATE accounts a SET ehr_user_fingerprint = p.current
FROM unnest(%(current)s::bytea[], %(earlier)s::bytea[]) AS p (current, earlier), LATERAL (
    SELECT id FROM accounts WHERE ehr_user_fingerprint = p.earlier AND disconnected_at IS NULL LIMIT 1
) found
WHERE a.id = found.id AND a.ehr_user_fingerprint = p.earlier AND a.user_id = %(user_id)s AND a.disconnected_at IS NULL
  AND NOT EXISTS (SELECT FROM accounts o WHERE o.ehr_user_fingerprint = p.current AND o.disconnected_at IS NULL)"""

# DO UPDATE here, unlike for orgs: the row belongs to one user, and the update locks it against a concurrent link.
KEEP: LiteralString = f"""
INSERT INTO accounts AS a (id, client, org, org_id, user_id, connector, address, practice, tenant,
                           ehr_user_fingerprint, ehr_login_fingerprint, reference, health, linked_at, writes)
VALUES (%(id)s, %(client)s, %(org)s, %(org_id)s, %(user_id)s, %(connector)s, %(address)s, %(practice)s, %(tenant)s,
        %(fingerprint)s, %(login)s, %(user_id)s, 'active', %(now)s, %(writes)s)
ON CONFLICT (ehr_user_fingerprint) WHERE disconnected_at IS NULL DO UPDATE
SET practice = coalesce(excluded.practice, a.practice), writes = excluded.writes
RETURNING {ACCOUNT}"""

LOCK: LiteralString = f"""
SELECT {ACCOUNT}, {LOGIN} AS login FROM accounts a WHERE a.id = %s AND a.disconnected_at IS NULL FOR UPDATE"""

# SET: the sealed columns, and the fingerprints of what they contain.
STORED: LiteralString = (
    "sealed_grant = %(grant)s, sealed_answers = %(answers)s, sealed_ehr_user = %(ehr_user)s,"
    " session_fingerprint = %(session_print)s, answers_fingerprint = %(answers_print)s,"
    " ehr_person_fingerprint = %(person_print)s,"
    " practice = coalesce(%(practice)s, practice), offers = coalesce(%(offers)s, offers),"
    " grant_number = grant_number + 1"
)
# A person has signed in. RELEASE takes the claim from a renewal that still works with the old grant.
GRANT: LiteralString = f"""
UPDATE accounts a
SET {RELEASE}, {STORED}, login = %(login)s, health = 'active', health_reason = NULL,
    renewals_begun = 0, renewals_failed = 0, back_off_until = NULL, back_off_code = NULL, back_off_details = NULL,
    unreported = CASE WHEN health = 'login_required' THEN array_append(unreported, 'repaired') ELSE unreported END
WHERE a.id = %(id)s RETURNING {ACCOUNT}"""

# Writes the rows of the audit trail and gives the sealed grants: in one statement, whose result comes after its commit.
# SKIP LOCKED: two groups that touch the same accounts must neither wait nor deadlock because of a timestamp. LIMIT 1
# keeps the planner at the index, because it expects a hundred rows of every JSON.
OPEN: LiteralString = """
WITH asked AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(asked)s) AS n (at timestamptz, client text, account text, what text,
                                                     request_id text, detail text, touched_before timestamptz)
), noted AS (
    INSERT INTO audit (at, client, account, what, request_id, detail)
    SELECT at, client, account, what, request_id, detail FROM asked
), touched AS (
    UPDATE accounts SET last_used_at = %(now)s WHERE id IN (
        SELECT f.id FROM asked n, LATERAL (
            SELECT a.id FROM accounts a
            WHERE a.id = n.account AND (a.last_used_at IS NULL OR a.last_used_at < n.touched_before)
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        ) f WHERE n.touched_before IS NOT NULL)
)
SELECT f.* FROM (SELECT DISTINCT account FROM asked) n, LATERAL (
    SELECT a.id, a.sealed_grant, a.sealed_answers, a.grant_number FROM accounts a
    WHERE a.id = n.account AND a.disconnected_at IS NULL LIMIT 1
) f"""

FIND: LiteralString = f"""
SELECT {ACCOUNT} FROM accounts a WHERE a.client = %s AND a.id = %s AND a.disconnected_at IS NULL"""

BY_ID: LiteralString = f"""
SELECT {ACCOUNT} FROM accounts a WHERE a.id = %s AND a.disconnected_at IS NULL"""

# One statement for each kind of list, because each reads another index, backward from where the page before ended.
_LISTED: LiteralString = f"""
SELECT {ACCOUNT} FROM accounts a WHERE a.client = %(client)s AND a.disconnected_at IS NULL"""
_NEXT: LiteralString = """
  AND (a.linked_at, a.id) < (%(linked_at)s::timestamptz, %(id)s) ORDER BY a.linked_at DESC, a.id DESC LIMIT %(limit)s"""
PAGE: LiteralString = f"{_LISTED}{_NEXT}"
PAGE_OF_ORG: LiteralString = f"{_LISTED} AND a.org_id = %(org_id)s{_NEXT}"
PAGE_OF_USER: LiteralString = f"{_LISTED} AND a.user_id = %(user_id)s{_NEXT}"
PAGE_OF_USER_IN_ORG: LiteralString = f"{_LISTED} AND a.user_id = %(user_id)s AND a.org_id = %(org_id)s{_NEXT}"

_AT: LiteralString = """FROM accounts
    WHERE connector = %(connector)s AND split_part(address, '/', 3) = split_part(%(address)s, '/', 3)
      AND disconnected_at IS NULL"""
# The clients with accounts at an address, and at one of its tenants: a fingerprint of an EHR user includes the client.
# Each step looks up the next one in the index, however many accounts each of them has.
CLIENTS_AT: LiteralString = f"""
WITH RECURSIVE found AS (
    (SELECT tenant, client {_AT} AND address = %(address)s ORDER BY tenant, client LIMIT 1)
    UNION ALL
    SELECT further.* FROM found, LATERAL (
        SELECT tenant, client {_AT} AND address = %(address)s
          AND (tenant, client) > (found.tenant, found.client) ORDER BY tenant, client LIMIT 1
    ) further
)
SELECT DISTINCT client FROM found"""
CLIENTS_OF_TENANT: LiteralString = f"""
WITH RECURSIVE found AS (
    (SELECT client {_AT} AND address = %(address)s AND tenant = %(tenant)s ORDER BY client LIMIT 1)
    UNION ALL
    SELECT further.* FROM found, LATERAL (
        SELECT client {_AT} AND address = %(address)s AND tenant = %(tenant)s
          AND client > found.client ORDER BY client LIMIT 1
    ) further
)
SELECT client FROM found"""

OF_PERSON: LiteralString = f"""
SELECT {ACCOUNT} FROM accounts a
WHERE a.ehr_person_fingerprint = ANY(%s) AND a.disconnected_at IS NULL"""

# Accounts of releases before migration 0077 have no fingerprint of the EHR user until the upkeep has made it. They are
# found by that of their login, which includes the org too.
_WITHOUT_PERSON: LiteralString = "a.ehr_person_fingerprint IS NULL AND a.disconnected_at IS NULL"
_FORMER: LiteralString = f"""FROM accounts a
    WHERE {_WITHOUT_PERSON} AND a.connector = %(connector)s AND a.address = %(address)s AND a.tenant = %(tenant)s"""
FORMER_TENANTS_AT: LiteralString = f"""
WITH RECURSIVE found AS (
    (SELECT client, org {_FORMER} ORDER BY client, org LIMIT 1)
    UNION ALL
    SELECT further.* FROM found, LATERAL (
        SELECT client, org {_FORMER} AND (client, org) > (found.client, found.org) ORDER BY client, org LIMIT 1
    ) further
)
SELECT client, org FROM found"""

WITHOUT_PERSON: LiteralString = f"""
SELECT {ACCOUNT}, a.sealed_grant, a.grant_number FROM accounts a
WHERE {_WITHOUT_PERSON} AND (a.connector, a.address, a.tenant, a.client, a.org, a.id)
    > (%(connector)s, %(address)s, %(tenant)s, %(client)s, %(org)s, %(id)s)
ORDER BY a.connector, a.address, a.tenant, a.client, a.org, a.id LIMIT %(most)s"""

# SKIP LOCKED: an account that is in use now has its turn in the next round.
SET_PERSON: LiteralString = """
UPDATE accounts a SET ehr_person_fingerprint = p.print
FROM unnest(%(ids)s::text[], %(prints)s::bytea[]) AS p (id, print)
WHERE a.id = p.id AND a.id IN (
    SELECT id FROM accounts
    WHERE id = ANY(%(ids)s) AND ehr_person_fingerprint IS NULL AND disconnected_at IS NULL FOR UPDATE SKIP LOCKED)"""

ON_LOGIN: LiteralString = f"""
SELECT {ACCOUNT} FROM accounts a
WHERE {LOGIN} = ANY(%s) AND a.disconnected_at IS NULL"""

OF_END_USER: LiteralString = f"""
SELECT {ACCOUNT}, a.ehr_user_fingerprint FROM accounts a
WHERE a.ehr_user_fingerprint = ANY(%s) AND a.user_id = %s AND a.disconnected_at IS NULL"""

TAKEN: LiteralString = """
SELECT id, ehr_user_fingerprint FROM accounts WHERE ehr_user_fingerprint = ANY(%s) AND disconnected_at IS NULL"""

# The addresses with accounts on the host of an address.
ADDRESSES: LiteralString = f"""
WITH RECURSIVE found AS (
    (SELECT address {_AT} ORDER BY address LIMIT 1)
    UNION ALL
    SELECT further.* FROM found, LATERAL (
        SELECT address {_AT} AND address > found.address ORDER BY address LIMIT 1
    ) further
)
SELECT address FROM found LIMIT 1000"""

# How many accounts of some connectors each address has, for the operator. This reads all of them.
LINKED_EHRS: LiteralString = """
SELECT connector, address, count(*) AS accounts FROM accounts
WHERE connector = ANY(%s) AND disconnected_at IS NULL GROUP BY connector, address ORDER BY connector, address"""

# What happened to accounts and was not reported to their apps yet.
UNREPORTED: LiteralString = """
SELECT a.id, a.client, a.org, a.org_id, a.user_id, a.connector, a.health_reason, a.unreported, coalesce(a.labels, ARRAY(
    SELECT DISTINCT coalesce(t.reference, a.reference) FROM access_tokens t WHERE t.account = a.id
)) AS labels, a.reference
FROM accounts a WHERE a.unreported <> '{}' ORDER BY a.id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED"""
REPORTED: LiteralString = "UPDATE accounts SET unreported = '{}', labels = NULL WHERE id = ANY(%s)"

# The accounts on the EHR login of the account `%(id)s`, itself included, locked until the end of the transaction. What
# concerns all of them locks them in this order, so that two of them at once neither miss each other nor deadlock.
SIBLINGS: LiteralString = f"""
siblings AS MATERIALIZED (
    SELECT * FROM accounts
    WHERE {LOGIN} = (SELECT {LOGIN} FROM accounts WHERE id = %(id)s) AND disconnected_at IS NULL
    ORDER BY id FOR UPDATE
)"""

# `shared`: whether another account still uses the same session at the EHR.
LOCK_SIBLINGS: LiteralString = f"""
WITH {SIBLINGS} SELECT EXISTS (
    SELECT FROM siblings o WHERE o.id <> a.id AND o.session_fingerprint = a.session_fingerprint
) AS shared FROM siblings a WHERE a.id = %(id)s"""

DISCONNECT: LiteralString = f"""
UPDATE accounts SET {RELEASE}, disconnected_at = %s, ehr_user_fingerprint = NULL, ehr_login_fingerprint = NULL,
    ehr_person_fingerprint = NULL, session_fingerprint = NULL, answers_fingerprint = NULL, sealed_grant = NULL,
    sealed_answers = NULL, sealed_ehr_user = NULL, login = NULL, unreported = array_append(unreported, 'disconnected'),
    labels = ARRAY(SELECT DISTINCT coalesce(t.reference, accounts.reference) FROM access_tokens t
                   WHERE t.account = accounts.id)
WHERE id = %s AND disconnected_at IS NULL"""

REFER: LiteralString = f"""
UPDATE access_tokens t SET reference = %s FROM accounts a
WHERE t.hash = %s AND t.account = %s AND a.id = t.account AND a.disconnected_at IS NULL
RETURNING {COLUMNS}, t.reference, t.hash AS token"""

# The labels of living tokens, the newest first.
DETAILS: LiteralString = """
SELECT a.id, a.sealed_ehr_user, ARRAY(
    SELECT coalesce(t.reference, a.reference) FROM access_tokens t
    WHERE t.account = a.id AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
    ORDER BY t.expires_at IS NOT NULL, t.created_at DESC, t.hash
) AS labels
FROM accounts a WHERE a.id = ANY(%(ids)s)"""

LOGIN_REQUIRED: LiteralString = f"""
UPDATE accounts SET {RELEASE}, health = 'login_required', health_reason = %s, renewals_begun = 0,
    unreported = array_append(unreported, 'login_required')
WHERE id = %s AND health = 'active' AND disconnected_at IS NULL"""

# ── claims on the renewal of a grant ─────────────────────────────────────────────────────────────────────────────────

# Each statement includes its audit row. So no renewal happens without one, and a process that is stopped in the middle
# holds no lock on the account's row. `renewals_begun` is on disk before the password is sent.
#
# The accounts on one EHR login take turns: the EHR counts their failed sign-ins together. `begun` counts the renewals
# with the same password whose end is not known, whichever of the accounts began them. `free` decides by locked rows, so
# that two claims at once cannot both find the login free.
RENEWALS = Work(
    name="renewals",
    claim=f"""
WITH {SIBLINGS}, free AS (
    SELECT id, 1 + (
        SELECT sum(o.renewals_begun) FROM siblings o WHERE o.id = s.id OR o.answers_fingerprint = s.answers_fingerprint
    ) AS begun
    FROM siblings s
    WHERE id = %(id)s AND grant_number = %(seen)s AND health = 'active'
      AND (back_off_until IS NULL OR back_off_until <= clock_timestamp())
      AND NOT EXISTS (SELECT FROM siblings WHERE NOT {FREE})
), claimed AS (UPDATE accounts a
SET {CLAIM}, renewals_begun = renewals_begun + 1
FROM free WHERE a.id = free.id
RETURNING a.id, client, claim, begun, renewals_failed, {LOGIN} AS login, sealed_grant, sealed_answers, grant_number,
    session_fingerprint
), noted AS (INSERT INTO audit (at, client, account, what, request_id, detail)
SELECT %(at)s, client, id, 'renewal_begun', %(request_id)s, format(
    'claim %%s, try %%s, session %%s', claim, begun, left(encode(session_fingerprint, 'hex'), 12))
FROM claimed)
SELECT * FROM claimed""",
    sweep=f"""
SELECT {ACCOUNT}, a.grant_number FROM accounts a
WHERE {ABANDONED} AND a.health = 'active' AND a.disconnected_at IS NULL
ORDER BY a.claimed_until LIMIT 100""",
)

# How many sign-ins were begun and have no known end. A renewal of the session without the password does not count.
COUNT_BEGUN: LiteralString = f"""
UPDATE accounts SET renewals_begun = greatest(renewals_begun + %(by)s, 0)
WHERE id = %(id)s AND {CLAIMED} AND disconnected_at IS NULL"""

RENEWAL_STATE: LiteralString = """
SELECT grant_number, health, back_off_code, back_off_details,
       ceil(extract(epoch FROM back_off_until - clock_timestamp()))::int AS back_off_seconds
FROM accounts WHERE id = %s AND disconnected_at IS NULL"""

SETTLED: LiteralString = """
) INSERT INTO audit (at, client, account, what, request_id, detail)
SELECT %(at)s, client, id, %(what)s, %(request_id)s, %(detail)s FROM settled"""

RENEWED: LiteralString = f"""
WITH settled AS (UPDATE accounts
SET {RELEASE}, {STORED},
    renewals_begun = 0, renewals_failed = 0, back_off_until = NULL, back_off_code = NULL, back_off_details = NULL
WHERE id = %(id)s AND {CLAIMED} AND disconnected_at IS NULL RETURNING id, client{SETTLED}"""

BACK_OFF: LiteralString = (
    "renewals_failed = a.renewals_failed + 1, back_off_code = %(code)s, back_off_details = %(details)s,"
    " back_off_until = clock_timestamp() + make_interval(secs => %(seconds)s)"
)
# WHERE: the account of a claim. The siblings before it are locked first, so that all locks come in one order.
OWN: LiteralString = f"id = %(id)s AND id IN (SELECT id FROM siblings) AND {CLAIMED} AND disconnected_at IS NULL"
BACKED_OFF: LiteralString = f"""
WITH {SIBLINGS}, settled AS (UPDATE accounts a
SET {RELEASE}, {BACK_OFF}, renewals_begun = 0
WHERE {OWN} RETURNING id, client
), others AS (UPDATE accounts a
SET {BACK_OFF}
FROM siblings s WHERE a.id = s.id AND a.id <> %(id)s AND EXISTS (SELECT FROM settled){SETTLED}"""

# `refused` are the fingerprints of answers that the EHR has refused. The accounts on the same login that would send the
# same answers are marked untried: another try could lock the user out.
REQUIRED: LiteralString = f"""{RELEASE}, health = 'login_required', health_reason = %(code)s, renewals_begun = 0,
    unreported = array_append(a.unreported, 'login_required')"""
RENEWAL_ENDED: LiteralString = f"""
WITH {SIBLINGS}, own AS (UPDATE accounts a
SET {REQUIRED}
WHERE {OWN} RETURNING id, client
), others AS (UPDATE accounts a
SET {REQUIRED}
FROM siblings s
WHERE a.id = s.id AND a.id <> %(id)s AND a.health = 'active' AND a.answers_fingerprint = ANY(%(refused)s::bytea[])
  AND EXISTS (SELECT FROM own) RETURNING a.id, a.client
)
INSERT INTO audit (at, client, account, what, request_id, detail)
SELECT %(at)s::timestamptz, client, id, %(what)s, %(request_id)s, %(detail)s FROM own
UNION ALL SELECT %(at)s::timestamptz, client, id, %(what)s, %(request_id)s, 'untried, ' || %(code)s FROM others"""

# ── access_tokens ────────────────────────────────────────────────────────────────────────────────────────────────────

# WHERE of a table `a` of what ended in an account (`granted`): the account is still connected.
CONNECTED: LiteralString = "EXISTS (SELECT FROM accounts c WHERE c.id = a.granted AND c.disconnected_at IS NULL)"

# Stores the tokens of a CTE `issues` (account, client, hash), except those of accounts that were disconnected.
ISSUE: LiteralString = """
INSERT INTO access_tokens (hash, account, client, created_at)
SELECT t.hash, t.account, t.client, %(now)s
FROM issues t, LATERAL (
    SELECT FROM accounts a WHERE a.id = t.account AND a.client = t.client AND a.disconnected_at IS NULL LIMIT 1
) found
RETURNING hash"""

# With the wrapped keys of the account and its org, because almost every call needs one of them.
RESOLVE: LiteralString = f"""
SELECT w.place, f.*, cobalt_wrapped_key('account:' || f.id) AS account_key,
       cobalt_wrapped_key('org:' || f.org) AS org_key
FROM json_to_recordset(%(asked)s) AS w (place int, hash text, client text), LATERAL (
    SELECT t.hash AS token, {COLUMNS}, coalesce(t.reference, a.reference) AS reference
    FROM access_tokens t JOIN accounts a ON a.id = t.account
    WHERE t.hash = decode(w.hash, 'base64') AND t.client = w.client
      AND (t.expires_at IS NULL OR t.expires_at > %(now)s) AND a.disconnected_at IS NULL LIMIT 1
) f"""

END_ALL: LiteralString = "DELETE FROM access_tokens WHERE account = %s"
END_LATER: LiteralString = """
UPDATE access_tokens SET expires_at = %(until)s
WHERE account = %(account)s AND (expires_at IS NULL OR expires_at > %(until)s)"""
# With the label of the newest token that it replaces.
NEWEST: LiteralString = """
SELECT reference FROM access_tokens
WHERE account = %s ORDER BY expires_at IS NOT NULL, created_at DESC, hash LIMIT 1"""
ADD: LiteralString = """
INSERT INTO access_tokens (hash, account, client, created_at, reference) VALUES (%s, %s, %s, %s, %s)"""
# Tokens that leaked, of any client. Those that have ended, or whose account was disconnected, are no news.
END_LEAKED: LiteralString = """
DELETE FROM access_tokens t USING accounts a
WHERE t.hash = ANY (%(hashes)s::bytea[]) AND a.id = t.account AND a.disconnected_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
RETURNING t.hash, t.client, t.account, a.org, a.org_id, a.user_id, coalesce(t.reference, a.reference) AS reference"""
PRUNE: LiteralString = """
DELETE FROM access_tokens WHERE hash = ANY (ARRAY(
    SELECT hash FROM access_tokens WHERE expires_at <= %(now)s ORDER BY expires_at LIMIT %(most)s))"""

# Accounts that were disconnected before a time. Their keys and tokens ended with the disconnect. A token that was
# issued in the same moment was never accepted, and ends here.
PRUNE_ACCOUNTS: LiteralString = """
WITH gone AS (DELETE FROM accounts WHERE id = ANY (ARRAY(
    SELECT id FROM accounts WHERE disconnected_at <= %(before)s ORDER BY disconnected_at LIMIT %(most)s)) RETURNING id
), tokens AS (
    DELETE FROM access_tokens WHERE account = ANY (ARRAY(SELECT id FROM gone))
)
SELECT id FROM gone"""


# ── audit ────────────────────────────────────────────────────────────────────────────────────────────────────────────

NOTE: LiteralString = """
INSERT INTO audit (at, client, account, what, request_id, detail)
SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"""

TRAIL: LiteralString = """
SELECT at, client, account, what, request_id, detail FROM audit WHERE client = %s AND account = %s ORDER BY id"""
