"""All SQL on this room's tables: `accounts`, `access_tokens` and `audit`."""

from typing import LiteralString

from cobalt_link.jobs.claims import ABANDONED, CLAIM, CLAIMED, FREE, RELEASE, Work

# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ACCOUNT: LiteralString = (
    "a.id, a.client, a.org, a.org_id, a.user_id, a.connector, a.address, a.practice, a.tenant,"
    " a.reference, a.health, a.health_reason, a.linked_at, a.last_used_at"
)

# After a new hash key: what was found by an older one is found by the current one from now on.
REPRINT: LiteralString = """
UPDATE accounts SET ehr_user_fingerprint = %s WHERE ehr_user_fingerprint = ANY(%s) AND disconnected_at IS NULL"""

# DO UPDATE here, unlike for orgs: the row belongs to one user, and the update locks it against a concurrent link.
KEEP: LiteralString = f"""
INSERT INTO accounts AS a (id, client, org, org_id, user_id, connector, address, practice, tenant,
                           ehr_user_fingerprint, reference, health, linked_at)
VALUES (%(id)s, %(client)s, %(org)s, %(org_id)s, %(user_id)s, %(connector)s, %(address)s, %(practice)s, %(tenant)s,
        %(fingerprint)s, %(user_id)s, 'active', %(now)s)
ON CONFLICT (ehr_user_fingerprint) WHERE disconnected_at IS NULL DO UPDATE
SET user_id = excluded.user_id,
    reference = CASE WHEN a.reference = a.user_id THEN excluded.user_id ELSE a.reference END,
    practice = coalesce(excluded.practice, a.practice)
RETURNING {ACCOUNT}"""

LOCK: LiteralString = f"""
SELECT {ACCOUNT}, a.ehr_user_fingerprint FROM accounts a WHERE a.id = %s AND a.disconnected_at IS NULL FOR UPDATE"""

# A person has signed in. RELEASE takes the claim from a renewal that still works with the old grant.
GRANT: LiteralString = f"""
UPDATE accounts a
SET {RELEASE}, sealed_grant = %(grant)s, sealed_answers = %(answers)s, grant_number = grant_number + 1,
    health = 'active', health_reason = NULL, login = %(login)s,
    renewals_begun = 0, renewals_failed = 0, back_off_until = NULL, back_off_code = NULL, back_off_details = NULL
WHERE a.id = %(id)s RETURNING {ACCOUNT}"""

SEALED: LiteralString = """
SELECT id, sealed_grant, sealed_answers, grant_number FROM accounts
WHERE id = ANY(%s) AND disconnected_at IS NULL"""

# SKIP LOCKED: two groups that touch the same accounts must neither wait nor deadlock because of a timestamp.
TOUCH: LiteralString = """
UPDATE accounts SET last_used_at = %(now)s
WHERE id IN (SELECT id FROM accounts
             WHERE id = ANY(%(ids)s) AND (last_used_at IS NULL OR last_used_at < %(before)s)
             FOR NO KEY UPDATE SKIP LOCKED)"""

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

# A fingerprint includes the client and the org, so we need to know first which of them have accounts there. Each step
# looks up the next one in the index, however many accounts each of them has.
_AT: LiteralString = """FROM accounts
    WHERE connector = %(connector)s AND split_part(address, '/', 3) = split_part(%(address)s, '/', 3)
      AND disconnected_at IS NULL"""
TENANTS_AT: LiteralString = f"""
WITH RECURSIVE found AS (
    (SELECT client, org {_AT} AND address = %(address)s AND tenant = %(tenant)s ORDER BY client, org LIMIT 1)
    UNION ALL
    SELECT further.* FROM found, LATERAL (
        SELECT client, org {_AT} AND address = %(address)s AND tenant = %(tenant)s
          AND (client, org) > (found.client, found.org) ORDER BY client, org LIMIT 1
    ) further
)
SELECT client, org FROM found"""

OF_EHR_USER: LiteralString = f"""
SELECT {ACCOUNT}, a.ehr_user_fingerprint FROM accounts a
WHERE a.ehr_user_fingerprint = ANY(%s) AND a.disconnected_at IS NULL ORDER BY a.linked_at DESC, a.id"""

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

DISCONNECT: LiteralString = f"""
UPDATE accounts SET {RELEASE}, disconnected_at = %s, ehr_user_fingerprint = NULL, sealed_grant = NULL,
    sealed_answers = NULL, login = NULL
WHERE id = %s AND disconnected_at IS NULL"""

REFER: LiteralString = f"""
UPDATE accounts a SET reference = %s WHERE a.id = %s AND a.disconnected_at IS NULL RETURNING {ACCOUNT}"""

LOGIN_REQUIRED: LiteralString = f"""
UPDATE accounts SET {RELEASE}, health = 'login_required', health_reason = %s, renewals_begun = 0
WHERE id = %s AND health = 'active' AND disconnected_at IS NULL"""

# ── claims on the renewal of a grant ─────────────────────────────────────────────────────────────────────────────────

# Each statement includes its audit row. So no renewal happens without one, and a process that is stopped in the middle
# holds no lock on the account's row. `renewals_begun` is on disk before the password is sent.
RENEWALS = Work(
    name="renewals",
    claim=f"""
WITH claimed AS (UPDATE accounts
SET {CLAIM}, renewals_begun = renewals_begun + 1
WHERE id = %(id)s AND grant_number = %(seen)s AND health = 'active' AND disconnected_at IS NULL AND {FREE}
  AND (back_off_until IS NULL OR back_off_until <= clock_timestamp())
RETURNING id, client, claim, renewals_begun, renewals_failed, ehr_user_fingerprint, sealed_grant, sealed_answers,
  grant_number
), noted AS (INSERT INTO audit (at, client, account, what, request_id, detail)
SELECT %(at)s, client, id, 'renewal_begun', %(request_id)s, format('claim %%s, try %%s', claim, renewals_begun)
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
SET {RELEASE}, sealed_grant = %(grant)s, sealed_answers = %(answers)s, grant_number = grant_number + 1,
    renewals_begun = 0, renewals_failed = 0, back_off_until = NULL, back_off_code = NULL, back_off_details = NULL
WHERE id = %(id)s AND {CLAIMED} AND disconnected_at IS NULL RETURNING id, client{SETTLED}"""

BACKED_OFF: LiteralString = f"""
WITH settled AS (UPDATE accounts
SET {RELEASE}, renewals_begun = 0, renewals_failed = renewals_failed + 1,
    back_off_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    back_off_code = %(code)s, back_off_details = %(details)s
WHERE id = %(id)s AND {CLAIMED} AND disconnected_at IS NULL RETURNING id, client{SETTLED}"""

RENEWAL_ENDED: LiteralString = f"""
WITH settled AS (UPDATE accounts
SET {RELEASE}, health = 'login_required', health_reason = %(code)s, renewals_begun = 0
WHERE id = %(id)s AND {CLAIMED} AND disconnected_at IS NULL RETURNING id, client{SETTLED}"""

# ── access_tokens ────────────────────────────────────────────────────────────────────────────────────────────────────

# Stores the tokens of a CTE `issues` (account, client, hash), except those of accounts that were disconnected.
ISSUE: LiteralString = """
INSERT INTO access_tokens (hash, account, client, created_at)
SELECT t.hash, t.account, t.client, %(now)s
FROM issues t, LATERAL (
    SELECT FROM accounts a WHERE a.id = t.account AND a.client = t.client AND a.disconnected_at IS NULL LIMIT 1
) found
RETURNING hash"""

RESOLVE: LiteralString = f"""
SELECT t.hash, {ACCOUNT} FROM access_tokens t JOIN accounts a ON a.id = t.account
WHERE t.hash = ANY(%s) AND t.client = %s AND (t.expires_at IS NULL OR t.expires_at > %s)
  AND a.disconnected_at IS NULL"""

END_ALL: LiteralString = "DELETE FROM access_tokens WHERE account = %s"
END_LATER: LiteralString = """
UPDATE access_tokens SET expires_at = %(until)s
WHERE account = %(account)s AND (expires_at IS NULL OR expires_at > %(until)s)"""
ADD: LiteralString = "INSERT INTO access_tokens (hash, account, client, created_at) VALUES (%s, %s, %s, %s)"
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
