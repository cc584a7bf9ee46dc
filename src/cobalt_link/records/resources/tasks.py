"""Tasks that staff give one another: a page of those that match, or one. The contract has no such reads."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Task
from cobalt_link.kit.text import trimmed
from cobalt_link.records.asked import EhrId, HundredMost, PatientId, PatientMrn, Text, UpdatedSince
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import OneRecord, Resource, shown_as
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.paging import Page, Pagination
from cobalt_link.web.problems import Problem


class TaskNotFound(Problem):
    """There is no such task. Send an id of GET /v1/tasks."""

    code = "task_not_found"
    status = 404


class TasksAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional, unless the EHR lists tasks on one patient only."""

    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    ehr_id: Annotated[EhrId, Alias("emr_task_id")] = None
    status: Annotated[Text, Meta(description="The EHR's own word, in any case.")] = None
    assignee_user_id: Annotated[
        str | None, Cleaned(trimmed), Meta(description="The EHR's id of the user who is to do it.")
    ] = None
    updated_since: UpdatedSince = None
    page: Page = 1
    page_size: HundredMost = 100


class TaskNoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody added to a task."""

    ehr_id: str | None
    note: str
    author_name: str | None
    created_at: datetime | None


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """`emr_task_id` is the EHR's id of the task, `assignee_user_id` of the user who is to do it. `status` is the EHR's
    own word."""

    id: str
    emr_task_id: str
    subject: str | None
    description: str
    status: str | None
    patient_id: str | None
    patient_ehr_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    assignee_user_id: str | None
    assignee_name: str | None
    phone_call_type_id: str | None
    notify_list: tuple[str, ...]
    due_date: date | None
    notes: list[TaskNoteView]
    created_at: datetime | None
    updated_at: datetime | None


def view(each: Task, ids: Ids) -> TaskView:
    more: dict[str, Any] = {
        "id": ids["task", each.ehr_id],
        "emr_task_id": each.ehr_id,
        "patient_id": our_id(ids, "patient", each.patient_ehr_id),
        "assignee_user_id": each.assignee_ehr_id,
        "notes": [shown_as(TaskNoteView, note, note=note.text) for note in each.notes],
    }
    return shown_as(TaskView, each, **more)


RESOURCE: Resource[Task] = Resource(
    capability="tasks",
    kind="task",
    path="/v1/tasks",
    summary="List tasks, one page at a time.",
    key="tasks",
    shown=TaskView,
    view=view,
    asked=TasksAsked,
    filters={"assignee_user_id": ("assignee_ehr_id", None)},
    pages=Pagination,
    one=OneRecord(path="/v1/tasks/{task_id}", key="task", missing=TaskNotFound),
)
ENDPOINTS = endpoints(RESOURCE)
