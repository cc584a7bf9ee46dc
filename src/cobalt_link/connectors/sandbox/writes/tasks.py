"""Tasks, and their notes."""

from __future__ import annotations

from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table

TASKS = Table(
    path="/tasks",
    name="task",
    fields=(
        *PATIENT,
        Field("subject", "subject"),
        Field("description", "description"),
        Field("assignee_ehr_id", "assigned_to"),
        Field("phone_call_type_id", "call_type_id"),
        Field("notify_list", "notify", list, tuple),
    ),
    shown=lambda row: {"emr_task_id": row["id"]},
)
TASK_NOTES = Table(
    path="/task-notes",
    name="task_note",
    fields=(Field("task_ehr_id", "task_id"), Field("note", "text")),
    shown=lambda row: {"emr_task_id": row["task_id"], "emr_task_note_id": row["id"]},
)
