"""Dates as clients of the contract send them: a day, or an ISO 8601 time, of which only the day counts.

A range may have any length. `parts` divides it for EHRs that answer only so many days at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta

from cobalt_link.web.problems import InvalidRequest, Problem

FORMAT = "Invalid date format. Use ISO format (YYYY-MM-DD)."
SCHEDULED = (date(1900, 1, 1), date(2199, 12, 31))


class MissingParameters(Problem):
    """This call needs parameters that are missing. Send all parameters that the message names."""

    code = "missing_parameters"
    status = 400


def day(text: str) -> date:
    """2026-01-31, or 2026-01-31T09:30:00-05:00 (the day as written; the offset is ignored). Raises InvalidRequest."""
    # If a client does not encode its query, the + of an offset arrives as a blank.
    for form in (text, "+".join(text.rsplit(" ", 1))):
        with suppress(ValueError):
            return datetime.fromisoformat(form).date()
    raise InvalidRequest(FORMAT)


def span(start: str | None, end: str | None) -> tuple[date, date]:
    """The first and the last day, both included. Raises MissingParameters or InvalidRequest."""
    given = {"start_date": start, "end_date": end}
    if missing := [name for name, value in given.items() if not value]:
        raise MissingParameters(f"Missing required parameters: {', '.join(missing)}.")
    first, last = day(start or ""), day(end or "")
    if not (SCHEDULED[0] <= first <= SCHEDULED[1] and SCHEDULED[0] <= last <= SCHEDULED[1]):
        # EHRs and our own search add days to these, which fails at the edge of the calendar.
        raise InvalidRequest(f"start_date and end_date must be between {SCHEDULED[0]} and {SCHEDULED[1]}.")
    if last < first:
        raise InvalidRequest("end_date must be after start_date.")
    return first, last


def parts(first: date, last: date, longest: int) -> Iterator[tuple[date, date]]:
    """The range in parts of at most `longest` days, in order. Without a limit (0) it is one part."""
    while longest and (last - first).days >= longest:
        end = first + timedelta(days=longest - 1)
        yield first, end
        first = end + timedelta(days=1)
    yield first, last
