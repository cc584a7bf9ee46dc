"""Tasks that staff give one another, with their notes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, in_any_case
from cobalt_link.connector.models.reading import Read, Records


class TaskNote(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody added to a task."""

    text: str
    ehr_id: str | None = None
    author_name: str | None = None
    created_at: datetime | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is the EHR's own word. `assignee_ehr_id` is the EHR's id of a user."""

    ehr_id: str
    description: str
    subject: str | None = None
    status: str | None = None
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    assignee_ehr_id: str | None = None
    assignee_name: str | None = None
    phone_call_type_id: str | None = None
    notify_list: tuple[str, ...] = ()
    due_date: date | None = None
    notes: tuple[TaskNote, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    ehr_id: str | None = None
    status: str | None = None
    assignee_ehr_id: str | None = None
    updated_since: datetime | None = None


class ReadsTasks(Protocol):
    """`[reads] tasks`."""

    def tasks(self, chart: Chart, query: TaskQuery) -> Records[Task]:
        """The tasks that match, those that are done included, in a stable order."""
        ...


READ = Read(
    protocol=ReadsTasks,
    record=Task,
    query=TaskQuery,
    matches={
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "ehr_id": exactly("ehr_id"),
        "status": in_any_case("status"),
        "assignee_ehr_id": exactly("assignee_ehr_id"),
    },
    topics={
        Task: {
            "people": "patient_ehr_id patient_mrn patient_name",
            "tasks": "ehr_id description subject status assignee_ehr_id assignee_name phone_call_type_id notify_list"
            " due_date notes created_at updated_at",
        },
        TaskNote: {"tasks": "text ehr_id author_name created_at"},
    },
)
