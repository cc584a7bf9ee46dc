"""What is free: inside the working hours, outside of all that takes time, and nothing of it is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.records.free_time import Rules, Span, Taken, free, hours_on, is_full, untouched
from cobalt_link.records.working_hours import Recurrence, WorkingShift

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 3, 2)
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MINUTES = st.integers(0, 48 * 60)


def at(minute: int) -> datetime:
    return BEGIN + timedelta(minutes=minute)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(MINUTES)
    return Span(at(start), at(start + draw(st.integers(1, 600))), draw(st.sampled_from(["1", "2", None])), None)


@st.composite
def takes(draw: st.DrawFn) -> Taken:
    start, kind = draw(MINUTES), draw(st.sampled_from(["NP", "FU", "", None]))
    end = at(start + draw(st.integers(0, 300)))
    return Taken(start=at(start), end=end, facility_id=draw(st.sampled_from(["1", "2", None])), visit_type=kind)


rules = st.builds(
    Rules,
    buffer=st.integers(0, 59).map(lambda minutes: timedelta(minutes=minutes)),
    buffered=st.sampled_from([None, "np"]),
    longest=st.none() | st.integers(1, 300).map(lambda minutes: timedelta(minutes=minutes)),
    by_facility=st.booleans(),
)


def busy(span: Span, taken: list[Taken], how: Rules, moment: datetime) -> bool:
    """The rule in plain words, for one minute."""
    for each in taken:
        elsewhere = how.by_facility and None not in (each.facility_id, span.facility_id)
        if elsewhere and each.facility_id != span.facility_id:
            continue
        buffered = each.visit_type is not None and (how.buffered is None or each.visit_type.lower() == how.buffered)
        if each.start <= moment < each.end + (how.buffer if buffered else timedelta()):
            return True
    return False


@given(spans(), st.lists(takes(), max_size=6), rules)
def test_a_minute_is_free_if_and_only_if_nothing_takes_it(span: Span, taken: list[Taken], how: Rules) -> None:
    left = free([span], taken, how)
    assert all(one.end <= other.start for one, other in pairwise(left))
    assert all(piece.facility_id == span.facility_id and piece.start < piece.end for piece in left)
    assert not how.longest or all(piece.end - piece.start <= how.longest for piece in left)
    for minute in range(0, int((span.end - span.start).total_seconds()) // 60, 7):
        moment = span.start + timedelta(minutes=minute)
        inside = any(piece.start <= moment < piece.end for piece in left)
        assert inside != busy(span, taken, how, moment)


@given(st.lists(spans(), max_size=4), st.lists(takes(), max_size=3), rules)
def test_a_slot_is_whole_or_not_there(slots: list[Span], taken: list[Taken], how: Rules) -> None:
    left = untouched(slots, taken, how)
    whole = [slot for slot in slots if free([slot], taken, Rules(buffer=how.buffer, buffered=how.buffered,
                                                                 by_facility=how.by_facility)) == [slot]]  # fmt: skip
    # What has no length takes no time, but nobody can be seen while it is there.
    instants = any(each.start == each.end for each in taken)
    minutes = sum((piece.end - piece.start for piece in left), timedelta())
    expected = sum((slot.end - slot.start for slot in whole), timedelta())
    assert minutes == expected or (instants and minutes < expected)
    assert not how.longest or all(piece.end - piece.start <= how.longest for piece in left)


def shift(**changes: object) -> WorkingShift:
    return WorkingShift(**{"weekday": 1, "start": time(9), "end": time(17)} | changes)  # type: ignore[arg-type]


def test_shifts_that_touch_at_one_facility_are_one_span_and_others_stay_apart() -> None:
    morning, noon = shift(end=time(12), facility_id="1"), shift(start=time(12), facility_id="1")
    (whole,) = hours_on(MONDAY, [morning, noon], ZONE)
    assert whole.end - whole.start == timedelta(hours=8)
    assert len(hours_on(MONDAY, [morning, shift(start=time(12), facility_id="2")], ZONE)) == 2
    assert hours_on(MONDAY + timedelta(days=1), [morning], ZONE) == []


def test_hours_are_real_ones_on_the_days_when_clocks_change() -> None:
    sunday = shift(weekday=7, start=time(0), end=time(12))
    for day, hours in ((date(2026, 3, 8), 11), (date(2026, 3, 15), 12), (date(2026, 11, 1), 13)):
        (span,) = hours_on(day, [sunday], ZONE)
        assert span.end - span.start == timedelta(hours=hours)


def test_a_shift_comes_back_as_its_recurrence_says_and_within_its_days() -> None:
    def days(found: WorkingShift) -> list[int]:
        return [week for week in range(8) if found.is_on(MONDAY + timedelta(weeks=week))]

    assert days(shift()) == [*range(8)]
    assert days(shift(first=MONDAY + timedelta(weeks=2), last=MONDAY + timedelta(weeks=4))) == [2, 3, 4]
    # The week counts, not the day: a recurrence that begins on a Wednesday is of that week.
    assert days(shift(recurrence=Recurrence(rec_start_date=date(2026, 3, 11), recur_interval_amount="2"))) == [3, 5, 7]
    by_days = Recurrence(rec_start_date=MONDAY, recur_interval_type="days", recur_interval_amount="21")
    assert days(shift(recurrence=by_days)) == [0, 3, 6]
    ended = Recurrence(rec_start_date=MONDAY, rec_end_date=MONDAY + timedelta(weeks=1))
    assert days(shift(recurrence=ended)) == [0, 1]


def test_a_day_is_full_with_as_many_visits_of_the_type_as_are_allowed() -> None:
    def visit(hour: int, kind: str) -> Taken:
        start = datetime(2026, 3, 2, hour, tzinfo=ZONE)
        return Taken(start=start, end=start + timedelta(minutes=30), visit_type=kind)

    taken, most = [visit(9, "NP"), visit(10, "np"), visit(11, "FU")], Rules(most=2, limited="Np")
    assert is_full(MONDAY, taken, ZONE, most)
    assert not is_full(MONDAY + timedelta(days=1), taken, ZONE, most)
    assert not is_full(MONDAY, taken, ZONE, Rules(most=3, limited="NP"))
    assert not is_full(MONDAY, taken, ZONE, Rules())
