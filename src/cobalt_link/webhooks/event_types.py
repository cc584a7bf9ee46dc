"""The types of events, and the patterns with which an endpoint chooses some of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from cobalt_link.webhooks.problems import UnknownEventType

MOST_PATTERNS: Final = 100
TEST: Final = "webhook.test"
DISABLED: Final = "endpoint.disabled"
ACCESS_REVOKED: Final = "access_token.revoked"
CLIENT_REVOKED: Final = "client_secret.revoked"

# Contract §6.4. For writes whose names it does not give: `<resource>.created` and `<resource>.failed`.
_WRITTEN: Final = (
    "claim", "message", "note", "patient_note", "payment", "referral", "referring_provider", "task", "task_note",
    "telephone_encounter",
)  # fmt: skip
TYPES: Final[tuple[str, ...]] = tuple(
    sorted(
        {
            "appointment.created",
            "appointment.failed",
            "appointment.updated",
            "appointment.status_updated",
            "appointment.cancelled",
            "appointment.live_fetch_completed",
            "appointment.live_fetch_failed",
            "availability.live_fetch_completed",
            "availability.live_fetch_failed",
            "patient.created",
            "patient.failed",
            "patient.updated",
            "patient.live_fetch_completed",
            "patient.live_fetch_failed",
            "patient.insurance.added",
            "patient.insurance.updated",
            "patient.insurance.failed",
            "note.uploaded",
            "note.updated",
            "document.uploaded",
            "document.upload_failed",
            "telephone_encounter.action_added",
            "telephone_encounter.action_failed",
            "login_required",
            "link.completed",
            "link.exited",
            "account.disconnected",
            "account.repaired",
            "ehr.degraded",
            "ehr.recovered",
            DISABLED,
            ACCESS_REVOKED,
            CLIENT_REVOKED,
        }
        | {f"{each}.{end}" for each in _WRITTEN for end in ("created", "failed")}
    )
)


def patterns(wanted: Iterable[str] | None) -> list[str] | None:
    """What an endpoint takes, in one spelling; None for every type. Raises UnknownEventType.

    A pattern is a type, or the beginning of types with `*` for the rest, such as `appointment.*`.
    """
    found = list(dict.fromkeys(each.strip().lower() for each in wanted or ()))
    if len(found) > MOST_PATTERNS:
        raise UnknownEventType(f"Send at most {MOST_PATTERNS} event types.")
    for each in found:
        if not any(takes([each], known) for known in TYPES):
            near = difflib.get_close_matches(each[:100], TYPES, 1)
            hint = f" Did you mean {near[0]}?" if near else " Use a type of the reference, or a group: appointment.*."
            raise UnknownEventType(f"There is no event type {each[:100]!r}.{hint}")
    return None if not found or "*" in found else found


def takes(wanted: Sequence[str] | None, kind: str) -> bool:
    """Whether these patterns include a type. `webhooks/statements.py` decides the same in SQL."""
    return wanted is None or any(kind.startswith(each[:-1]) if each.endswith("*") else kind == each for each in wanted)
