"""What a finished sign-in leaves: who signed in, at which EHR, and the session that reads and writes go through."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class EhrUser(msgspec.Struct, frozen=True, kw_only=True):
    """The EHR's user. `id` is the EHR's own, stable over sign-ins; `username` as typed or as the EHR spells it."""

    id: str
    username: str
    name: str | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a sign-in story.

    `tenant` names the database or practice inside the EHR at that address ("" when there is only one): together with
    connector and address it is the identity of the EHR, and with `user.id` that of the account.
    `session` is JSON of the connector's own (cookies, tokens); it rests sealed. `known` is JSON that later runs of the
    story see as `ask.known` (was there a second factor?). `expires_at`: when the session ends by itself;
    `keep_alive`: seconds of idleness after which the EHR drops it.
    """

    user: EhrUser
    tenant: str = ""
    session: dict[str, Any] = {}
    known: dict[str, Any] = {}
    expires_at: datetime | None = None
    keep_alive: int | None = None
