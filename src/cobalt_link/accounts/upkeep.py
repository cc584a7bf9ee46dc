"""What has to be done now and then so that what was ended stays ended."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.table import AccountTable
from cobalt_link.kit.clock import Clock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.partitions import Partitions


class AccountUpkeep(msgspec.Struct, frozen=True, kw_only=True):
    """Chores that one worker does at a time. `kept` is how long rows of ended accounts stay, `audit_kept` the audit."""

    accounts: AccountTable
    access: AccessTokens
    keys: DataKeys
    audit: Partitions
    clock: Clock
    kept: timedelta
    audit_kept: timedelta

    async def run(self) -> None:
        """Forgets what has ended: tokens, accounts, months of the audit. Destroyed keys leave the disk (S-064)."""
        now = self.clock.now()
        await self.access.prune()
        await self.accounts.prune(now - self.kept)
        await self.audit.keep_months(now.date(), (now - self.audit_kept).date())
        await self.keys.shred()
