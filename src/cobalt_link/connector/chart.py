"""An account that is open for reading: what every read of a connector gets."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.offers import Offering


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """The EHR instance, and what the last sign-in left (see `Grant`): tenant, session, known facts, time
    zone, offers."""

    instance: EhrInstance
    tenant: str
    session: dict[str, Any]
    known: dict[str, Any] = {}
    zone: str | None = None
    offers: Offering | None = None
