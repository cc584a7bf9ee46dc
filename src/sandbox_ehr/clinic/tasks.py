"""Tasks about patients, and the notes of tasks."""

import sqlite3
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records
from sandbox_ehr.clinic.calls import CALL_TYPES
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row, Text
from sandbox_ehr.refusals import RequestRefused

TASK = Kind("task", "tasks", "T")
TASK_NOTE = Kind("task_note", "task-notes", "TN", parent="task_id")
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Priority = Literal["normal", "high"]


class NewTask(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/tasks`. `assigned_to` and those to `notify` are users."""

    patient_id: str
    subject: Subject
    description: Text
    assigned_to: str
    call_type_id: str = ""
    notify: tuple[str, ...] = ()
    priority: Priority = "normal"


class TaskChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/tasks/{id}`. What is left out stays."""

    subject: Subject | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    status: Literal["open", "done"] | UnsetType = UNSET


class TaskQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""
    assigned_to: str = ""
    status: Literal["", "open", "done"] = ""


class NewTaskNote(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/task-notes`."""

    task_id: str
    text: Text


class TaskNoteQuery(ListQuery, frozen=True, kw_only=True):
    task_id: str = ""


def create(connection: sqlite3.Connection, context: ChartContext, body: NewTask) -> Row:
    patients.require(connection, context.clinic.id, body.patient_id)
    require_users(context, assigned_to=[body.assigned_to], notify=list(body.notify))
    if body.call_type_id and body.call_type_id not in {kind.code for kind in CALL_TYPES}:
        raise RequestRefused(refusals.unknown_reference("call_type_id"))
    return records.add(connection, context, TASK, msgspec.to_builtins(body) | {"status": "open"})


def change(connection: sqlite3.Connection, context: ChartContext, row_id: str, body: TaskChange) -> Row:
    if body.assigned_to is not UNSET:
        require_users(context, assigned_to=[body.assigned_to])
    return records.change(connection, context, TASK, row_id, msgspec.to_builtins(body))


def add_note(connection: sqlite3.Connection, context: ChartContext, body: NewTaskNote) -> Row:
    records.require(connection, context, TASK, body.task_id, "task_id")
    doc = msgspec.to_builtins(body) | {"by": context.user_name}
    return records.add(connection, context, TASK_NOTE, doc)


def require_users(context: ChartContext, **named: list[str]) -> None:
    """Raises RequestRefused if a member names somebody who is no user of the clinic."""
    users = {user.id for user in context.users}
    for member, ids in named.items():
        if not users.issuperset(ids):
            raise RequestRefused(refusals.unknown_reference(member))
