"""Telephone encounters, and what was done about them."""

from __future__ import annotations

from cobalt_link.connector import Chart, Connector, Held, NewTelephoneAction, Writing
from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.priorities import PRIORITY
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table, client

CALLS = Table(
    path="/calls",
    name="call",
    fields=(
        *PATIENT,
        Field("provider_ehr_id", "provider_id"),
        Field("location_ehr_id", "location_id"),
        Field("assigned_to_ehr_id", "assigned_to"),
        Field("reason", "reason"),
        # Part of a name is enough. The EHR keeps the whole one, and that is shown as a difference.
        Field("refill_medication_name", "refill_medication"),
        Field("pharmacy_ehr_id", "pharmacy_id"),
    ),
    shown=lambda row: {"emr_appointment_id": row["id"]},
)
ACTIONS = Table(
    path="/call-actions",
    name="call_action",
    fields=(Field("appointment_ehr_id", "call_id"), Field("text", "text"), PRIORITY),
    shown=lambda row: {"emr_appointment_id": row["call_id"]},
)


async def action_held(
    connector: Connector, chart: Chart, write: NewTelephoneAction, _ehr_id: str | None
) -> Held | None:
    row = await ACTIONS.made(client(connector, chart), write)
    if row is None:
        return None
    # The EHR puts the user and the time before the text, as it does for everybody.
    stamped = row["text"].endswith(f": {write.text}")
    return ACTIONS.held(write, row | {"text": write.text} if stamped else row)


ACTION = Writing(write=ACTIONS.creates().write, read_back=action_held)
