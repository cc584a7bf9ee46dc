"""What follows from a made-up visit as the clock goes on: the eligibility check, then the note, and later the claim.

A visit that somebody booked or whose status somebody set gets no paperwork but what people write.
"""

import sqlite3
from collections.abc import Iterable

from sandbox_ehr.clinic import insurances, records, visits
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.eligibility import CHECK
from sandbox_ehr.clinic.made_up_paperwork import after_visit, billing, check
from sandbox_ehr.clinic.records import Kind, MadeUpRow, Row
from sandbox_ehr.clinic.referrals import provider_names
from sandbox_ehr.clinic.visits import Visit

# How far a visit's paperwork is: nothing, coverage checked, charted, billed. DONE has nothing left to do.
PLANNED, CHECKED, CHARTED, DONE = 0, 1, 2, 9
DAY = 86400
CHECKED_BEFORE = 2 * DAY
BILLED_AFTER = 2 * DAY


def catch_up(connection: sqlite3.Connection, context: ChartContext) -> None:
    """Write the paperwork of visits that came due since somebody last looked."""
    clinic, now = context.clinic, context.now
    visits.plan_around_today(connection, clinic, now)
    due = visits.of_stage(connection, clinic, PLANNED, now + CHECKED_BEFORE)
    over = [*due, *visits.of_stage(connection, clinic, CHECKED, now)]
    over = [visit for visit in over if visit.ends_at <= now]
    bills = [*over, *visits.of_stage(connection, clinic, CHARTED, now - BILLED_AFTER)]
    bills = [visit for visit in bills if visit.ends_at <= now - BILLED_AFTER]
    if due or over or bills:
        _write(connection, context, due, over, bills)


def _write(
    connection: sqlite3.Connection, context: ChartContext, due: list[Visit], over: list[Visit], bills: list[Visit]
) -> None:
    plans = _plans(connection, context)
    names = provider_names(connection, context)
    _add(connection, context, ((CHECK, row) for visit in due if _is_on(visit) for row in check(context, visit, plans)))
    _add(
        connection, context, (row for visit in over if _took_place(visit) for row in after_visit(context, visit, names))
    )
    _add(connection, context, (row for visit in bills if _took_place(visit) for row in billing(context, visit, plans)))
    for found, stage in ((due, CHECKED), (over, CHARTED), (bills, DONE)):
        visits.set_stage(connection, found, stage)


def _is_on(visit: Visit) -> bool:
    return not visit.set_status and visit.plan not in ("CANC", "R/S")


def _took_place(visit: Visit) -> bool:
    return not visit.set_status and visit.outcome == "DONE"


def _plans(connection: sqlite3.Connection, context: ChartContext) -> dict[str, list[Row]]:
    """The plans of each patient, by rank."""
    _, rows = records.find(connection, context, insurances.INSURANCE, insurances.InsuranceQuery(limit=10**6))
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["rank"]):
        found.setdefault(row["patient_id"], []).append(row)
    return found


def _add(connection: sqlite3.Connection, context: ChartContext, rows: Iterable[tuple[Kind, MadeUpRow]]) -> None:
    by_kind: dict[Kind, list[MadeUpRow]] = {}
    for kind, row in rows:
        by_kind.setdefault(kind, []).append(row)
    for kind, made in by_kind.items():
        records.add_made_up(connection, context.clinic.id, kind, made)
