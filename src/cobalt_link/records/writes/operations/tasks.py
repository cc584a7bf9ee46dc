"""Writes of tasks and of their notes (contract §4.16)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Fields, Operation, Other
from cobalt_link.records.writes.shapes import ForPatientAsked, Text, WriteAsked, need_patient
from cobalt_link.web import Cleaned


class NewTaskAsked(ForPatientAsked, frozen=True, kw_only=True):
    """Which of the others are required depends on the EHR."""

    description: Annotated[str, Meta(min_length=1, description="What to do.")]
    subject: Annotated[Text, Meta(description="A short title.")] = None
    assignee_user_id: Annotated[str | None, Cleaned(trimmed), Meta(description="An id of GET /v1/ehr-users.")] = None
    phone_call_type_id: Annotated[Text, Meta(description="An id of GET /v1/phone-call-types.")] = None
    notify_list: Annotated[tuple[str, ...], Meta(description="Ids of GET /v1/ehr-users.")] = ()


class NewTaskNoteAsked(WriteAsked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing else is accepted (contract §4.16)."""

    emr_task_id: Annotated[str, Cleaned(trimmed), Meta(description="The EHR's id of the task, or ours.")]
    note: Annotated[str, Meta(min_length=1), Meta(description="The text.")]


def _task(asked: NewTaskAsked) -> Fields:
    need_patient(asked)
    return {}


OPERATIONS = (
    Operation(
        name="tasks.create",
        path="/v1/tasks",
        asked=NewTaskAsked,
        record="task_id",
        kind="task",
        message="Task processing. A webhook event will be sent upon completion.",
        summary="Create a task.",
        done="task.created",
        failed="task.failed",
        names={"assignee_user_id": "assignee_ehr_id"},
        shape=_task,
        data=lambda done: {
            "emr_task_id": done.held.ehr_id,
            "subject": done.write.subject,
            "description": done.write.description,
            "patient_mrn": done.write.patient_mrn,
        },
    ),
    Operation(
        name="task_notes.create",
        path="/v1/tasks/notes",
        asked=NewTaskNoteAsked,
        record="task_note_id",
        kind="task_note",
        message="Task note processing. A webhook event will be sent upon completion.",
        summary="Add a note to a task.",
        done="task_note.created",
        failed="task_note.failed",
        ids={"emr_task_id": Other(kinds=("task",), field="task_ehr_id")},
        data=lambda done: {"emr_task_id": done.write.task_ehr_id, "note": done.write.note},
    ),
)
