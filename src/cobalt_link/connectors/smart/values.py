"""Reads values out of FHIR JSON as servers really send it: with parts missing, doubled, or of another type.

Nothing here raises for what a server sent. Source of the shapes: https://hl7.org/fhir/R4/datatypes.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeAlias

Resource: TypeAlias = Mapping[str, Any]
MOST_DEPTH = 20

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?")


def every(value: Any, path: str = "") -> list[Any]:
    """Everything at a path such as "name.given", through lists at any place. None and empty values are left out."""
    found = [value]
    for part in path.split(".") if path else ():
        found = [each.get(part) for each in _flat(found) if isinstance(each, Mapping)]
    return [each for each in _flat(found) if each not in (None, "", {}, [])]


def text(value: Any, *paths: str) -> str | None:
    """The first text at one of the paths, without surrounding spaces. Numbers count as texts."""
    for path in paths or ("",):
        for each in every(value, path):
            if isinstance(each, str) and (said := " ".join(each.split()) if "\n" not in each else each.strip()):
                return said
            if isinstance(each, int | float) and not isinstance(each, bool):
                return str(each)
    return None


def texts(value: Any, path: str = "") -> list[str]:
    return [each.strip() for each in every(value, path) if isinstance(each, str) and each.strip()]


def whole(value: Any, path: str = "") -> int | None:
    """A whole number, also written as a text."""
    said = text(value, path)
    try:
        number = float(said) if said else None
    except ValueError:
        return None
    return int(number) if number is not None and number == number and abs(number) < 2**31 else None


def truth(value: Any, path: str) -> bool | None:
    found = [each for each in every(value, path) if isinstance(each, bool)]
    return found[0] if found else None


def day(value: Any, path: str = "") -> date | None:
    """The day of a date or a time. A year or a month alone is no day (FHIR `date` may be partial)."""
    found = _DATE.match(text(value, path) or "")
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def moment(value: Any, *paths: str) -> datetime | None:
    """A time with the offset that the server wrote, without one if it wrote none. A day alone is its midnight."""
    said = text(value, *paths) or ""
    found = _MOMENT.match(said)
    if found is None:
        midnight = day(said)
        return datetime(midnight.year, midnight.month, midnight.day) if midnight else None  # noqa: DTZ001
    year, month, on, hour, minute, second, part, zone = found.groups()
    if int(hour) > 24 or int(minute) > 59 or int(second or 0) > 60:
        return None
    try:
        start = datetime(int(year), int(month), int(on), tzinfo=_zone(zone))
        # Added and not set: a leap second (:60) and midnight as 24:00 are times too.
        return start + timedelta(
            hours=int(hour), minutes=int(minute), seconds=int(second or 0), microseconds=int(f"{part or 0:0<6}"[:6])
        )
    except (ValueError, OverflowError):
        return None


def aware(at: datetime) -> datetime:
    """A time without an offset counts as UTC."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def in_effect(period: Any, on: date) -> bool:
    """Whether a Period has not ended."""
    end = day(period, "end")
    return end is None or end >= on


def codes(value: Any) -> list[tuple[str, str]]:
    """(system, code) of every coding of a CodeableConcept, or of a list of them. A lone Coding counts too."""
    found = []
    for concept in every(value):
        for coding in [*every(concept, "coding"), concept]:
            if isinstance(coding, Mapping) and (code := text(coding, "code")):
                found.append((text(coding, "system") or "", code))
    return found


def words(value: Any) -> str | None:
    """What people call a CodeableConcept: its text, a display, or a code at last."""
    return text(value, "text") or text(value, "coding.display") or text(value, "display") or text(value, "coding.code")


def extensions(value: Any, url: str) -> Iterator[Mapping[str, Any]]:
    for each in every(value, "extension"):
        if isinstance(each, Mapping) and each.get("url") == url:
            yield each


def _flat(values: list[Any], depth: int = 0) -> list[Any]:
    found: list[Any] = []
    for each in values:
        if isinstance(each, list) and depth < MOST_DEPTH:
            found += _flat(each, depth + 1)
        elif not isinstance(each, list):
            found.append(each)
    return found


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in ("Z", "z"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
