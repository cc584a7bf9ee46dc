"""New visits and changes to visits: what may follow which status, and what a provider already has at that time."""

import secrets
import sqlite3
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, schedule_slots, visits
from sandbox_ehr.clinic.context import ChartContext, seconds_of
from sandbox_ehr.clinic.made_up_visits import VisitDetails
from sandbox_ehr.clinic.practice import STATUS_PATHS, VISIT_TYPES
from sandbox_ehr.clinic.records import Line, NewRow
from sandbox_ehr.clinic.visits import Visit
from sandbox_ehr.refusals import RequestRefused

_TYPES = {kind.code: kind for kind in VISIT_TYPES}
# As long as nobody has come, a visit can still be moved.
MOVABLE = ("SCHED", "CONF")
Note = Annotated[str, msgspec.Meta(max_length=2000)]
Minutes = Annotated[int, msgspec.Meta(ge=5, le=480)]
Start = Annotated[datetime, msgspec.Meta(tz=True)]


class NewVisit(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/appointments`. Without `minutes`, the visit takes as long as its type does."""

    patient_id: str
    provider_id: str
    location_id: str
    type: str
    start: Start
    minutes: Minutes | None = None
    second_provider_id: str = ""
    reason: Line = ""
    complaint: Line = ""
    note: Note = ""
    new_patient: bool = False
    check_conflicts: bool = False


class VisitChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/appointments/{id}`. What is left out stays."""

    patient_id: str | UnsetType = UNSET
    provider_id: str | UnsetType = UNSET
    location_id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    minutes: Minutes | UnsetType = UNSET
    second_provider_id: str | UnsetType = UNSET
    reason: Line | UnsetType = UNSET
    complaint: Line | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    status: str | UnsetType = UNSET
    new_patient: bool | UnsetType = UNSET
    check_conflicts: bool = False


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/appointments/{id}/cancel`. A note replaces that of the visit."""

    note: Note = ""


def create(connection: sqlite3.Connection, context: ChartContext, body: NewVisit) -> Visit:
    """Raises RequestRefused for an unknown reference, and with `check_conflicts` for a time that is taken."""
    _check(context, body.provider_id, body.location_id, body.second_provider_id, body.type)
    kind, starts = _TYPES[body.type], seconds_of(body.start)
    minutes = body.minutes or kind.minutes
    plain = ("type", "location_id", "provider_id", "second_provider_id", "reason", "complaint", "note", "new_patient")
    details = VisitDetails(
        minutes=minutes,
        progress_note="",
        diagnoses=(),
        medications=(),
        created_at=context.written_at,
        updated_at=context.written_at,
        created_by=context.user_id,
        client_ref=body.client_ref,
        **{name: getattr(body, name) for name in plain},
    )
    patient = patients.require(connection, context.clinic.id, body.patient_id)
    visit_id = f"A{10**9 + secrets.randbelow(9 * 10**9)}"
    # What somebody books keeps its status until somebody changes it.
    visit = Visit(visit_id, starts, starts + minutes * 60, kind.mode, "SCHED", "DONE", details, patient, "SCHED")
    if body.check_conflicts:
        _refuse_conflict(connection, context, visit)
    visits.save(connection, context.clinic, visit)
    return visit


def change(connection: sqlite3.Connection, context: ChartContext, visit_id: str, body: VisitChange) -> Visit:
    """Raises RequestRefused if the status does not allow the change."""
    visit = visits.find_one(connection, context.clinic, visit_id, context.now)
    if visit is None:
        raise RequestRefused(refusals.not_found("appointment"))
    changes = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    check, status = changes.pop("check_conflicts"), changes.pop("status", "")
    before = visit.status_at(context.now)
    if changes.keys() - {"note"}:
        if before not in MOVABLE:
            raise RequestRefused(refusals.not_changeable(before))
        visit = _changed(connection, context, visit, changes)
        if check:
            _refuse_conflict(connection, context, visit)
    elif changes:
        visit = _with_details(visit, changes)
    if status and status != before:
        if status not in STATUS_PATHS[before]:
            raise RequestRefused(refusals.status_not_allowed(before, status))
        visit = msgspec.structs.replace(visit, set_status=status)
    visit = _with_details(visit, {"updated_at": context.written_at})
    visits.save(connection, context.clinic, visit)
    return visit


def cancel(connection: sqlite3.Connection, context: ChartContext, visit_id: str, body: Cancellation) -> Visit:
    note = body.note or UNSET
    return change(connection, context, visit_id, VisitChange(status="CANC", note=note))


def _changed(connection: sqlite3.Connection, context: ChartContext, visit: Visit, changes: dict[str, Any]) -> Visit:
    start, patient_id = changes.pop("start", None), changes.pop("patient_id", None)
    details = msgspec.structs.replace(visit.details, **changes)
    _check(context, details.provider_id, details.location_id, details.second_provider_id, details.type)
    patient = patients.require(connection, context.clinic.id, patient_id) if patient_id else visit.patient
    starts = seconds_of(start) if start else visit.starts_at
    mode, ends = _TYPES[details.type].mode, starts + details.minutes * 60
    return msgspec.structs.replace(visit, details=details, starts_at=starts, ends_at=ends, mode=mode, patient=patient)


def _with_details(visit: Visit, changes: dict[str, Any]) -> Visit:
    return msgspec.structs.replace(visit, details=msgspec.structs.replace(visit.details, **changes))


def _check(context: ChartContext, provider: str, location: str, second: str, kind: str) -> None:
    staff = {each.id for each in context.clinic.providers if each.active}
    known = {
        "provider_id": provider in staff,
        "second_provider_id": second in staff | {""},
        "location_id": location in {each.id for each in context.clinic.locations if each.active},
        "type": kind in _TYPES,
    }
    for member, is_known in known.items():
        if not is_known:
            raise RequestRefused(refusals.unknown_reference(member))


def _refuse_conflict(connection: sqlite3.Connection, context: ChartContext, visit: Visit) -> None:
    clinic = context.clinic
    facts: dict[str, int | str]
    visits.plan_around_today(connection, clinic, context.now)
    for other in visits.overlapping(connection, clinic, visit, context.now):
        facts = {"conflict": "visit", "id": other.id, "title": _TYPES[other.details.type].description}
        facts |= {"start": context.shown(other.starts_at), "end": context.shown(other.ends_at)}
        raise RequestRefused(refusals.schedule_conflict(facts))
    pair = (visit.details.provider_id, visit.details.second_provider_id)
    for block in schedule_slots.blocks_over(connection, clinic, pair, visit.starts_at, visit.ends_at):
        facts = {"conflict": "block", "id": block["id"], "title": block["title"]}
        facts |= {"start": context.shown(block["starts_at"]), "end": context.shown(block["ends_at"])}
        raise RequestRefused(refusals.schedule_conflict(facts))
