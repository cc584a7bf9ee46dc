"""Working hours of a provider: those of the EHR, or those that the app has set, and on which days they count.

The contract (§4.3) writes them by day of the week, with a recurrence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from itertools import groupby
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Shift
from cobalt_link.records.days import day as day_of
from cobalt_link.web import Alias
from cobalt_link.web.problems import InvalidRequest

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS: tuple[Day, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEK = 7
MOST_SHIFTS = 200  # of one provider


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    """How often a shift comes back, counted from `rec_start_date`. EHRs tell the hours of a week."""

    rec_start_date: date | None = None
    rec_end_date: date | None = None
    recur_interval_type: Literal["days", "weeks"] = "weeks"
    recur_interval_amount: str = "1"
    recur_interval_description: str = "Every 1 week."


class WorkingShift(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of one day of the week, in the practice's time. `weekday` is 1 for Monday to 7 for Sunday. `first` and
    `last` are the days between which they count. The facility is the EHR's."""

    weekday: int
    start: time
    end: time
    facility_id: str | None = None
    facility_name: str | None = None
    first: date | None = None
    last: date | None = None
    description: str | None = None
    recurrence: Recurrence = Recurrence()

    def is_on(self, day: date) -> bool:
        """Whether the provider works these hours on that day."""
        bounds = (self.first, self.recurrence.rec_start_date), (self.last, self.recurrence.rec_end_date)
        if day.isoweekday() != self.weekday or any(each and day < each for each in bounds[0]):
            return False
        return not any(each and day > each for each in bounds[1]) and self._comes_back(day)

    def _comes_back(self, day: date) -> bool:
        begin, amount = self.recurrence.rec_start_date or self.first, int(self.recurrence.recur_interval_amount)
        if begin is None:
            return True
        if self.recurrence.recur_interval_type == "days":
            return (day - begin).days % amount == 0
        weeks = ((day - timedelta(days=day.weekday())) - (begin - timedelta(days=begin.weekday()))).days // WEEK
        return weeks % amount == 0


class VisitTypeRule(msgspec.Struct, frozen=True, kw_only=True):
    """How many visits of a type fit into a part of a shift."""

    start_time: str
    end_time: str
    total: int = msgspec.field(name="total_visits")
    visit_type_id: str
    visit_type_desc: str


class ShiftView(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` are the practice's time, such as T08:00:00. `facility_id` is the EHR's id of the location."""

    start: str
    end: str
    facility_id: str | None
    facility_name: str | None
    set_start_date: date | None
    set_end_date: date | None
    set_description: str | None
    recurrence: Recurrence
    visit_type_rules: tuple[VisitTypeRule, ...] = ()


class DayView(msgspec.Struct, frozen=True):
    """The shifts of one day of the week."""

    day: Day
    shifts: list[ShiftView]


class RecurrenceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How often a shift comes back, counted from `rec_start_date`."""

    rec_start_date: str | None = None
    rec_end_date: str | None = None
    recur_interval_type: Literal["days", "weeks"] = "weeks"
    recur_interval_amount: Annotated[int, Meta(ge=1, le=366)] = 1
    recur_interval_description: str | None = None


class ShiftAsked(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` such as T08:00:00. `facility_id` is the EHR's id of one of the org's locations, or ours."""

    start: str
    end: str
    facility_id: str | None = None
    set_start_date: str | None = None
    set_end_date: str | None = None
    set_description: str | None = None
    set_recur: Annotated[RecurrenceAsked | None, Alias("recurrence")] = None


class DayAsked(msgspec.Struct, frozen=True):
    """The shifts of one day of the week."""

    day: Day
    shifts: Annotated[list[ShiftAsked], Meta(max_length=MOST_SHIFTS)]


def of_ehr(shifts: Iterable[Shift]) -> tuple[WorkingShift, ...]:
    return tuple(
        WorkingShift(
            weekday=each.weekday,
            start=each.start,
            end=each.end,
            facility_id=each.location_ehr_id,
            facility_name=each.location_name,
        )
        for each in shifts
    )


def of_request(days: Iterable[DayAsked]) -> tuple[WorkingShift, ...]:
    """Raises InvalidRequest. The names of the facilities are not known here."""
    return tuple(_shift(DAYS.index(each.day) + 1, shift) for each in days for shift in each.shifts)


def shown(shifts: Iterable[WorkingShift]) -> list[DayView]:
    ordered = sorted(shifts, key=lambda shift: (shift.weekday, shift.start))
    return [
        DayView(DAYS[weekday - 1], [_view(each) for each in found])
        for weekday, found in groupby(ordered, key=lambda shift: shift.weekday)
    ]


def _view(shift: WorkingShift) -> ShiftView:
    return ShiftView(
        start=f"T{shift.start:%H:%M:%S}",
        end=f"T{shift.end:%H:%M:%S}",
        facility_id=shift.facility_id,
        facility_name=shift.facility_name,
        set_start_date=shift.first,
        set_end_date=shift.last,
        set_description=shift.description,
        recurrence=shift.recurrence,
    )


def _shift(weekday: int, asked: ShiftAsked) -> WorkingShift:
    start, end = _time(asked.start, "start"), _time(asked.end, "end")
    if end <= start:
        raise InvalidRequest("A shift must end after it starts, on the same day.")
    return WorkingShift(
        weekday=weekday,
        start=start,
        end=end,
        facility_id=asked.facility_id,
        first=_day(asked.set_start_date),
        last=_day(asked.set_end_date),
        description=asked.set_description,
        recurrence=_recurrence(asked.set_recur or RecurrenceAsked()),
    )


def _recurrence(asked: RecurrenceAsked) -> Recurrence:
    amount, unit = asked.recur_interval_amount, asked.recur_interval_type
    plain = f"Every {amount} {unit.removesuffix('s') if amount == 1 else unit}."
    return Recurrence(
        rec_start_date=_day(asked.rec_start_date),
        rec_end_date=_day(asked.rec_end_date),
        recur_interval_type=unit,
        recur_interval_amount=str(amount),
        recur_interval_description=asked.recur_interval_description or plain,
    )


def _day(text: str | None) -> date | None:
    return day_of(text) if text else None


def _time(text: str, name: str) -> time:
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(f"Invalid {name} of a shift. Use a time such as T08:00:00.") from None
    if found.tzinfo:
        raise InvalidRequest(f"Invalid {name} of a shift. It is the practice's time, without an offset.")
    return found
