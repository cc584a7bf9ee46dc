"""What is sent: the envelope of an event (contract §6.3), and its thin form."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from cobalt_link.webhooks.javascript_json import encoded

# Ids, codes, and times. No MRN, which people outside know, and no visit type, which can name a treatment.
_KEPT: Final = re.compile(r"(.*_)?(id|ids|code|at|status|count)")
_EXACTLY: Final = {"date_time", "datetime", "timezone", "start_date", "end_date", "success", "conflict_type"}


class EnvelopeParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the envelope says about an event. `job` is None for events that belong to no job."""

    id: str
    type: str
    at: datetime
    reference: str | None
    job: int | None
    user_id: str | None
    live_fetch: bool


def body(parts: EnvelopeParts, data: dict[str, Any]) -> bytes:
    """The body, in the bytes that are signed and sent."""
    time = javascript_time(parts.at)
    job = {} if parts.job is None else {"job_id": str(parts.job), "job_execution_id": str(parts.job)}
    first: dict[str, Any] = {"id": parts.id, "access_token_reference_id": parts.reference}
    if parts.live_fetch:
        # The union of two generations of the documentation, which have no `object` and no `created`.
        more = {"user_id": parts.user_id, **job, "timestamp": time, "type": parts.type, "action": "sync"}
        return encoded({**first, **more, "data": data})
    return encoded({**first, "object": "event", "created": time, "type": parts.type, **job, "data": data})


def thin(full: bytes) -> bytes:
    """The body with only ids, codes, and times in its `data` (S-075)."""
    envelope = msgspec.json.decode(full)
    return encoded({**envelope, "data": _thinned(envelope["data"])})


def _thinned(value: Any) -> Any:
    if isinstance(value, list):
        return [_thinned(each) for each in value if isinstance(each, dict)]
    found: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict) or (isinstance(each, list) and any(isinstance(one, dict) for one in each)):
            inner = _thinned(each)
        elif name in _EXACTLY or _KEPT.fullmatch(name):
            inner = each
        else:
            continue
        found[name] = inner
    return found


def javascript_time(at: datetime) -> str:
    """As `Date.toISOString` writes it: UTC, with milliseconds and a Z."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
