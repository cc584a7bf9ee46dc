"""What has to be done now and then so that an account's ends stay ends: to be scheduled by the wiring.

`often` (every 15 s) settles renewals whose process died; `hourly` makes destroyed keys leave the disk (S-064).
"""

from __future__ import annotations

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.keys import DataKeys
from cobalt_link.accounts.sessions import EhrSessions


async def often(sessions: EhrSessions) -> None:
    """No account stays between healthy and `login_required` for longer than a lease and this (S-013)."""
    await sessions.sweep()


async def hourly(access: AccessTokens, keys: DataKeys) -> None:
    """Forgets access tokens that have ended, and shreds what disconnecting destroyed."""
    await access.prune()
    await keys.shred()
