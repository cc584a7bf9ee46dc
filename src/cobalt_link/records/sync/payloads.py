"""The contract's payloads of sync events (§6.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.records.sync.changes import ScheduleChange
from cobalt_link.webhooks.events import Event


def event(account: Account, change: ScheduleChange, at: datetime, label: str) -> Event:
    return Event(
        type=change.kind,
        data=_data(change, at),
        client=account.client,
        org=account.org,
        account=account.id,
        reference=label,
    )


def _data(change: ScheduleChange, at: datetime) -> dict[str, Any]:
    view = change.view
    if change.kind == "patient.updated":
        assert view is not None
        return {"id": change.id, "patient_id": change.id, "mrn": view.patient_mrn, "patient_mrn": view.patient_mrn}
    shown = msgspec.to_builtins(view) if view else {}
    return {
        **{name: value for name, value in shown.items() if name != "progress_note"},
        "id": change.id,
        "appointment_id": change.id,
        "mrn": shown.get("patient_mrn"),
        "date_time": shown.get("datetime"),
        "provider_id": shown.get("provider_ehr_id"),
        "secondary_provider_id": shown.get("secondary_provider_ehr_id"),
        **({"cancelled_at": at.isoformat()} if change.kind == "appointment.cancelled" else {}),
    }
