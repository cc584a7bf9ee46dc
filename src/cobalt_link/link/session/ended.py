"""The statements that end and delete link sessions, and what they return."""

from typing import LiteralString

import msgspec


class EndedSession(msgspec.Struct, frozen=True):
    """What is needed to delete or note what belongs to a session."""

    id: str
    link_token: bytes


# SET and RETURNING of `empty_connections`, for all that are past their time, and for one.
_EMPTY: LiteralString = """
UPDATE link_sessions SET state = %(state)s, pane = NULL, username = NULL, ehr_user_name = NULL,
       connector = CASE WHEN %(state)s = 'expired' THEN connector END,
       address = NULL, practice = NULL, accounts = '{}', claim = NULL, version = version + 1,
       settled_at = coalesce(settled_at, %(now)s)
WHERE purpose = 'connections' AND state <> 'expired'"""
EMPTIED: LiteralString = f"{_EMPTY} AND expires_at <= %(now)s RETURNING id"
EMPTIED_ONE: LiteralString = f"{_EMPTY} AND id = %(id)s RETURNING id"

_EXPIRE: LiteralString = """
UPDATE link_sessions SET state = 'expired', pane = NULL, username = NULL, claim = NULL, settled_at = %(now)s
WHERE purpose = 'link' AND settled_at IS NULL AND expires_at <= %(now)s"""
EXPIRED_ONE: LiteralString = f"{_EXPIRE} AND id = %(id)s RETURNING id, link_token"
EXPIRED: LiteralString = f"""{_EXPIRE} AND id = ANY (ARRAY(
    SELECT id FROM link_sessions WHERE purpose = 'link' AND settled_at IS NULL AND expires_at <= %(now)s
    ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)) RETURNING id, link_token"""
PRUNED: LiteralString = """
DELETE FROM link_sessions WHERE id = ANY (ARRAY(
    SELECT id FROM link_sessions WHERE settled_at < %s ORDER BY settled_at LIMIT 1000)) RETURNING id, link_token"""
