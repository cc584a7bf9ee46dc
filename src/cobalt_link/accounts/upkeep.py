"""What has to be done now and then so that what was ended stays ended."""

from __future__ import annotations

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.keys import DataKeys


async def shred(access: AccessTokens, keys: DataKeys) -> None:
    """Forgets access tokens that have ended, and makes destroyed keys leave the disk (S-064)."""
    await access.prune()
    await keys.shred()
