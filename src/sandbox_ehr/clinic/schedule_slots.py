"""Times of a provider's schedule that are no visits: blocked ones, and open slots. Owns the table schedule_slot."""

import secrets
import sqlite3
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic.context import ChartContext, seconds_of
from sandbox_ehr.clinic.made_up_visits import LUNCH, visits_on
from sandbox_ehr.clinic.practice import CLINICS, Clinic, Provider, shift_of
from sandbox_ehr.clinic.records import ClientRef, NewRow
from sandbox_ehr.clinic.seeded_choice import number, pick
from sandbox_ehr.refusals import RequestRefused

OPEN_TITLES = ("Open", "Open", "Same day", "New patient")
BLOCK_TITLES = ("Charting", "Team meeting", "Phone calls")
SHORTEST_SLOT = 20
MAX_DAYS = 366
_INSERT = "INTO schedule_slot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# A slot that a visit took is no longer open.
_FIND = """
    SELECT s.* FROM schedule_slot s
    WHERE s.clinic = :clinic AND s.kind = :kind AND s.day BETWEEN :start AND :end
    AND (:provider_id = '' OR s.provider_id = :provider_id)
    AND (:location_id = '' OR s.location_id = :location_id)
    AND (:title = '' OR lower(s.title) = lower(:title))
    AND (:client_ref = '' OR s.client_ref = :client_ref)
    AND (s.kind = 'block' OR NOT EXISTS (
        SELECT 1 FROM appointment a
        WHERE a.clinic = s.clinic AND a.day = s.day AND s.provider_id IN (a.provider, a.second)
        AND a.starts_at < s.ends_at AND a.ends_at > s.starts_at
        AND a.set_status NOT IN ('CANC', 'R/S', 'NOSHOW')
        AND (a.set_status <> '' OR a.plan NOT IN ('CANC', 'R/S'))
    ))
    ORDER BY s.starts_at, s.provider_id, s.id
"""
_OVERLAPPING = """
    SELECT * FROM schedule_slot
    WHERE clinic = ? AND kind = 'block' AND provider_id IN (?, ?) AND starts_at < ? AND ends_at > ?
    ORDER BY starts_at, id
"""

_WRITTEN = """
    SELECT 'schedule_' || kind AS kind, client_ref, count(*) AS rows FROM schedule_slot WHERE client_ref <> ''
    GROUP BY kind, client_ref
"""


class SlotQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of `GET /api/slots` and `GET /api/blocks`. A title matches without regard to case."""

    start: date
    end: date
    provider_id: str = ""
    location_id: str = ""
    title: str = ""
    client_ref: ClientRef = ""


class NewSlot(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/slots` and `POST /api/blocks`."""

    provider_id: str
    location_id: str = ""
    start: Annotated[datetime, msgspec.Meta(tz=True)]
    minutes: Annotated[int, msgspec.Meta(ge=5, le=600)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


def find(
    connection: sqlite3.Connection, context: ChartContext, kind: Literal["block", "open"], query: SlotQuery
) -> list[dict[str, Any]]:
    if not 0 <= (query.end - query.start).days < MAX_DAYS:
        raise RequestRefused(refusals.bad_request(f"end must not be before start, and at most {MAX_DAYS} days in all."))
    values = msgspec.structs.asdict(query) | {"clinic": context.clinic.id, "kind": kind}
    values |= {"start": query.start.isoformat(), "end": query.end.isoformat()}
    return [_shown(context, row) for row in connection.execute(_FIND, values)]


def create(
    connection: sqlite3.Connection, context: ChartContext, kind: Literal["block", "open"], body: NewSlot
) -> dict[str, Any]:
    clinic = context.clinic
    if body.provider_id not in {provider.id for provider in clinic.providers}:
        raise RequestRefused(refusals.unknown_reference("provider_id"))
    if body.location_id and body.location_id not in {location.id for location in clinic.locations}:
        raise RequestRefused(refusals.unknown_reference("location_id"))
    starts, slot_id = seconds_of(body.start), f"S{10**9 + secrets.randbelow(9 * 10**9)}"
    place = (slot_id, clinic.id, kind, body.provider_id, body.location_id, context.local(starts).date().isoformat())
    made = (starts, starts + body.minutes * 60, body.title, body.client_ref, context.now, context.user_id)
    connection.execute(f"INSERT {_INSERT}", (*place, *made))
    row = connection.execute("SELECT * FROM schedule_slot WHERE id = ?", (slot_id,)).fetchone()
    return _shown(context, row)


def blocks_over(
    connection: sqlite3.Connection, clinic: Clinic, providers: tuple[str, str], starts: float, ends: float
) -> list[sqlite3.Row]:
    """The blocks of one or two providers that overlap this time."""
    return connection.execute(_OVERLAPPING, (clinic.id, *providers, ends, starts)).fetchall()


def written(connection: sqlite3.Connection) -> list[dict[str, str | int]]:
    """How many blocks and open slots were made with each `client_ref`."""
    return [dict(row) for row in connection.execute(_WRITTEN)]


def plan(connection: sqlite3.Connection, clinic: Clinic, days: list[date]) -> None:
    """Fill the time between the made-up visits of these days: lunch, some blocks, and open slots."""
    connection.executemany(f"INSERT OR IGNORE {_INSERT}", (row for day in days for row in _made_up_on(clinic.id, day)))


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM schedule_slot")


@lru_cache(1024)
def _made_up_on(clinic_id: str, day: date) -> tuple[tuple[str | float, ...], ...]:
    clinic = CLINICS[clinic_id]
    working = [provider for provider in clinic.providers if day.weekday() in provider.days]
    return tuple(row for provider in working for row in _made_up(clinic, provider, day))


def _made_up(clinic: Clinic, provider: Provider, day: date) -> list[tuple[str | float, ...]]:
    midnight = datetime.combine(day, time(), ZoneInfo(clinic.timezone))
    rows: list[tuple[str | float, ...]] = []

    def slot(kind: str, title: str, first: int, stop: int) -> None:
        place = (f"S{day:%Y%m%d}{provider.id}{first:04}", clinic.id, kind, provider.id, provider.days[day.weekday()])
        # Wall-clock minutes after midnight, so that a day with a change to summer time is right as well.
        starts = (midnight + timedelta(minutes=first)).timestamp()
        rows.append(
            (*place, day.isoformat(), starts, starts + (stop - first) * 60, title, "", starts - 86400 * 60, "u1")
        )

    slot("block", "Lunch", LUNCH.start, LUNCH.stop)
    for first, stop in _gaps(clinic, provider, day):
        key = f"{day}/{provider.id}/{first}"
        if number(5, key, "block") == 0:
            slot("block", pick(BLOCK_TITLES, key, "title"), first, stop)
        else:
            slot("open", pick(OPEN_TITLES, key, "title"), first, stop)
    return rows


def _gaps(clinic: Clinic, provider: Provider, day: date) -> list[tuple[int, int]]:
    """Free times of that provider between visits and lunch, in minutes since midnight."""
    opens, closes = shift_of(day.weekday())
    mine = [visit for visit in visits_on(clinic.id, day) if visit.details.provider_id == provider.id]
    starts = [(visit.starts.hour * 60 + visit.starts.minute, visit.details.minutes) for visit in mine]
    busy = sorted([*((start, start + minutes) for start, minutes in starts), (LUNCH.start, LUNCH.stop)])
    edges = [opens, *(edge for span in busy for edge in span), closes]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(first, stop) for first, stop in pairs if stop - first >= SHORTEST_SLOT]


def _shown(context: ChartContext, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "provider_id": row["provider_id"],
        "location_id": row["location_id"],
        "start": context.shown(row["starts_at"]),
        "end": context.shown(row["ends_at"]),
        "minutes": int(row["ends_at"] - row["starts_at"]) // 60,
        "title": row["title"],
        "client_ref": row["client_ref"],
        "created_at": context.shown(row["created_at"]),
        "updated_at": context.shown(row["created_at"]),
        "created_by": row["created_by"],
    }
