"""What the EHR would say to an appointment, told by what it lists. Nothing is sent that changes the chart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from cobalt_link.connector import AppointmentChange, JsonClient, NewAppointment, NotWritten, Reason
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.refused import Names, invalid, reason, unknown
from cobalt_link.connectors.sandbox.writes.rules import Practice, practice, strangers, too_long

MINUTES = range(5, 481)
LIMITS = {"reason": 200, "note": 2000}
MOVABLE = ("SCHED", "CONF")
OFF_THE_SCHEDULE = ("CANC", "R/S", "NOSHOW")
MOVES = ("location_ehr_id", "provider_ehr_id", "type", "start", "duration", "reason")
DAY = timedelta(days=1)


async def check_new(api: JsonClient, write: NewAppointment, names: Names) -> None:
    known = await practice(api)
    reasons = [*_wrong(write, known, names)]
    if await api.find(f"/patients/{quote(write.patient_ehr_id, safe='')}") is None:
        reasons.append(unknown("patient_id", names))
    if write.prevent_double_booking and not reasons:
        reasons += await _conflicts(api, write, known)
    if reasons:
        raise NotWritten(*reasons)


async def check_change(api: JsonClient, write: AppointmentChange, row: Row | None, names: Names) -> None:
    if row is None:
        raise NotWritten(unknown("visit_id", names))
    known = await practice(api)
    reasons = [*_wrong(write, known, names)]
    wanted = "CANC" if write.cancel else write.status
    if wanted and wanted != row["status"] and wanted not in known.settings["status_paths"].get(row["status"], ()):
        reasons.append(reason("status_not_allowed", names, status=row["status"], wanted=wanted))
    if row["status"] not in MOVABLE and any(getattr(write, name) is not None for name in MOVES):
        reasons.append(reason("not_changeable", names, status=row["status"]))
    if wrong := more_than_a_note(write):
        reasons.append(wrong)
    if reasons:
        raise NotWritten(*reasons)


def more_than_a_note(write: AppointmentChange) -> Reason | None:
    """What else a cancellation asks for. The EHR takes a note with it, and nothing else."""
    others = [name for name in ("status", *MOVES) if getattr(write, name) is not None]
    return invalid("A cancellation takes a note, and nothing else.", others[0]) if write.cancel and others else None


def _wrong(write: NewAppointment | AppointmentChange, known: Practice, names: Names) -> Iterator[Reason]:
    row = {
        "provider_id": write.provider_ehr_id,
        "second_provider_id": getattr(write, "secondary_provider_ehr_id", None),
        "location_id": write.location_ehr_id,
        "type": write.type,
    }
    yield from strangers(row, known, names)
    yield from too_long(write, LIMITS)
    if write.duration is not None and write.duration not in MINUTES:
        yield invalid("A visit takes from 5 to 480 minutes.", "duration")


async def _conflicts(api: JsonClient, write: NewAppointment, known: Practice) -> list[Reason]:
    """The visit, or else the block, that keeps one of the providers busy at that time."""
    start, staff = write.start, {write.provider_ehr_id, write.secondary_provider_ehr_id} - {None}
    end = start + timedelta(minutes=write.duration or known.visit_minutes[write.type])
    days = {"start": (start - DAY).date(), "end": (start + DAY).date()}

    def overlaps(row: Row) -> bool:
        begins = datetime.fromisoformat(row["start"])
        busy = {row["provider_id"], row.get("second_provider_id")}
        return bool(busy & staff) and begins < end and begins + timedelta(minutes=row["minutes"]) > start

    titles = {each["code"]: each["description"] for each in known.settings["visit_types"]}
    for row in (await api.get("/appointments", days | {"limit": 1000}))["appointments"]:
        if overlaps(row) and row["status"] not in OFF_THE_SCHEDULE:
            return [_conflict("visit", titles.get(row["type"], row["type"]), row)]
    blocks = filter(overlaps, (await api.get("/blocks", days))["blocks"])
    return [_conflict("block", row["title"], row) for row in blocks][:1]


def _conflict(kind: str, title: str, row: dict[str, Any]) -> Reason:
    start = datetime.fromisoformat(row["start"])
    end = start + timedelta(minutes=row["minutes"])
    return reason("schedule_conflict", conflict=kind, title=title, start=row["start"], end=end.isoformat())
