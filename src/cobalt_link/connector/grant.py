"""What a finished sign-in leaves: who signed in, and the session that reads and writes go through."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cobalt_link.connector.offers import Offering


class EhrUser(msgspec.Struct, frozen=True, kw_only=True):
    """The EHR's user. `id` is the EHR's own and stays the same over sign-ins. `username` as typed or as the EHR
    spells it."""

    id: str
    username: str
    name: str | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a sign-in.

    - `tenant` names the database or practice inside the EHR at that address, "" if there is only one. Connector,
      address, and tenant identify the EHR; together with `user.id` they identify the account.
    - `practice` is the practice's name as the EHR knows it, if the EHR says it. Apps and users read it.
    - `session` is JSON that only the connector understands (cookies, tokens). It is stored sealed.
    - `known` is JSON that later sign-ins of the account see as `ask.known`, such as whether there was a second factor.
    - `expires_at`: when the session ends by itself. `keep_alive`: seconds without a request after which it ends.
    - `offers` is what this EHR offers to this user, None if that is all that the manifest declares.
    - `zone` is the practice's time zone, an IANA name such as "America/Phoenix". With it, days are days of the practice
      whatever offset the EHR writes, and naive times are taken as the practice's. See `AppointmentQuery`.
    """

    user: EhrUser
    tenant: str = ""
    practice: str | None = None
    session: dict[str, Any] = {}
    known: dict[str, Any] = {}
    expires_at: datetime | None = None
    keep_alive: int | None = None
    zone: str | None = None
    offers: Offering | None = None


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `renew(chart)`: the session that replaces the old one. The fields mean the same as in `Grant`.
    Without `offers` they stay as they are."""

    session: dict[str, Any]
    expires_at: datetime | None = None
    keep_alive: int | None = None
    offers: Offering | None = None
