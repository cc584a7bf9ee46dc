"""When providers are free: working hours without what takes time of them, or the practice's open slots.

Everything here is computed from what was read. Differences of times are real ones, also on days with a change of the
clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import msgspec

from cobalt_link.records.working_hours import WorkingShift


class Span(msgspec.Struct, frozen=True):
    """A time from `start` until before `end`, both with an offset, at a facility of the EHR if one is known."""

    start: datetime
    end: datetime
    facility_id: str | None = None
    facility_name: str | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What takes time of a provider: a visit with the code of its type, or a blocked time, which has none."""

    start: datetime
    end: datetime
    facility_id: str | None = None
    visit_type: str | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How free time is counted.

    `buffer` is added after visits of `buffered`, a code of a visit type. None is every type. On a day with `most`
    visits of the type `limited`, a provider is not free at all. No span is longer than `longest`. `by_facility`: what
    takes time at one facility leaves the hours at another free.
    """

    buffer: timedelta = timedelta()
    buffered: str | None = None
    most: int | None = None
    limited: str | None = None
    longest: timedelta | None = None
    by_facility: bool = False


def hours_on(day: date, shifts: Iterable[WorkingShift], zone: ZoneInfo) -> list[Span]:
    """The working hours of a day. Shifts at one facility that touch or overlap are one span."""
    found = [_span(day, shift, zone) for shift in shifts if shift.is_on(day)]
    by_facility = groupby(sorted(found, key=_facility), key=lambda span: (span.facility_id, span.facility_name))
    return _in_order(span for _, spans in by_facility for span in _joined(spans))


def free(hours: Sequence[Span], taken: Iterable[Taken], rules: Rules) -> list[Span]:
    """What is left of the hours, in order."""
    busy = [_buffered(each, rules) for each in taken]
    left = [piece for span in hours for piece in _without(span, busy, rules)]
    return _in_order(piece for span in left for piece in _cut(span, rules.longest))


def untouched(slots: Sequence[Span], taken: Iterable[Taken], rules: Rules) -> list[Span]:
    """The slots that nothing overlaps, in order."""
    busy = [_buffered(each, rules) for each in taken]
    left = [slot for slot in slots if not any(_overlaps(slot, each) for each in busy if _counts(each, slot, rules))]
    return _in_order(piece for slot in left for piece in _cut(slot, rules.longest))


def is_full(day: date, taken: Iterable[Taken], zone: ZoneInfo, rules: Rules) -> bool:
    """Whether the provider has as many visits of the limited type on that day as are allowed."""
    if rules.most is None:
        return False
    return sum(_is_type(each, rules.limited) and _day(each.start, zone) == day for each in taken) >= rules.most


def _span(day: date, shift: WorkingShift, zone: ZoneInfo) -> Span:
    start, end = (datetime.combine(day, at, zone).astimezone(UTC) for at in (shift.start, shift.end))
    return Span(start, end, shift.facility_id, shift.facility_name)


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start, span.end, span.facility_id or ""))


def _facility(span: Span) -> tuple[str, str, datetime]:
    return span.facility_id or "", span.facility_name or "", span.start


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for span in spans:
        if current is not None and span.start <= current.end:
            current = msgspec.structs.replace(current, end=max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None and current.start < current.end:
        yield current


def _buffered(each: Taken, rules: Rules) -> Taken:
    counts = each.visit_type is not None and (rules.buffered is None or _is_type(each, rules.buffered))
    return msgspec.structs.replace(each, end=each.end + rules.buffer) if counts and rules.buffer else each


def _is_type(each: Taken, code: str | None) -> bool:
    return each.visit_type is not None and each.visit_type.casefold() == (code or "").casefold()


def _counts(each: Taken, span: Span, rules: Rules) -> bool:
    return not rules.by_facility or each.facility_id in (None, span.facility_id) or span.facility_id is None


def _overlaps(span: Span, each: Taken) -> bool:
    return each.start < span.end and each.end > span.start


def _without(span: Span, busy: Sequence[Taken], rules: Rules) -> Iterator[Span]:
    start = span.start
    for each in sorted((each for each in busy if _counts(each, span, rules)), key=lambda each: each.start):
        if each.start > start:
            end = min(each.start, span.end)
            if end > start:
                yield msgspec.structs.replace(span, start=start, end=end)
        start = max(start, each.end)
    if start < span.end:
        yield msgspec.structs.replace(span, start=start)


def _cut(span: Span, longest: timedelta | None) -> Iterator[Span]:
    start = span.start
    while longest and span.end - start > longest:
        yield msgspec.structs.replace(span, start=start, end=start + longest)
        start += longest
    yield msgspec.structs.replace(span, start=start)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
