"""`cobalt webhooks`: the key that signs the JWT of webhooks."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, open_installation
from cobalt_link.cli.output import print_result

app = App(name="webhooks", help="The key that signs the JWT of webhooks: roll-key.")


@app.command
async def roll_key(
    *,
    now: Annotated[
        bool, Parameter(negative=(), help="After a leak: the new key signs now, and the former ones end.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Make a new key. It is published now and signs in an hour, so that no receiver refuses what it signs."""
    from cobalt_link.kit.clock import SystemClock
    from cobalt_link.store.data_keys import DataKeys
    from cobalt_link.webhooks.verification_keys import VerificationKeys

    async with open_installation(options) as installation:
        keys = DataKeys(installation.db, installation.vault)
        kid = await VerificationKeys(installation.db, keys, SystemClock()).roll(at_once=now)
    when = "signs from now on. The former ones have ended" if now else "is published, and signs in an hour"
    print_result(options.json, {"kid": kid}, f"The key {kid} {when}.")
