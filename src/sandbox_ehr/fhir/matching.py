"""Whether a resource matches a search parameter (FHIR R4, search.html, parameter types)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic.search_text import fold
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.parameters import Parameter
from sandbox_ehr.fhir.values import at

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


class Criterion(msgspec.Struct, frozen=True):
    """One parameter of a query. Any of `values` is enough."""

    parameter: Parameter
    modifier: str
    values: tuple[str, ...]

    def matches(self, resource: Resource, zone: ZoneInfo) -> bool:
        found = [value for path in self.parameter.paths for value in at(resource, path)]
        if self.modifier == "missing":
            return (not found) == (self.values[0] == "true")
        check = CHECKS[self.parameter.kind]
        return any(check(self, value, wanted, zone) for value in found for wanted in self.values) != (
            self.modifier == "not"
        )


def split(text: str) -> tuple[str, ...]:
    """The values between commas. A comma with a backslash is part of a value."""
    parts = text.replace("\\,", "\0").split(",")
    return tuple(part.replace("\0", ",") for part in parts if part)


def last_part(reference: str, target: str = "") -> str:
    """The id in `Patient/1`, in an absolute address, or alone. Empty if it points to another type."""
    kind, slash, row_id = reference.partition("/_history")[0].rpartition("/")
    return "" if slash and target and kind.rpartition("/")[2] != target else row_id


def bounds(text: str, zone: ZoneInfo) -> tuple[float, float]:
    """When a date of any precision begins and ends, in seconds since 1970. A date without a zone is the clinic's."""
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
            start = moment if moment.tzinfo else moment.replace(tzinfo=zone)
            return start.timestamp(), start.timestamp() + (1 if text.count(":") > 1 else 60)
        year, month, day = [*map(int, text.split("-")), 0, 0][:3]
        first = date(year, month or 1, day or 1)
        following = first + timedelta(days=1) if day else _next(first, is_year=not month)
    except (ValueError, OverflowError):
        raise FhirRefused(400, "invalid", f"{text} is not a date.") from None
    edges = (datetime.combine(each, time(), zone).timestamp() for each in (first, following))
    return next(edges), next(edges)


def prefixed(text: str) -> tuple[str, str]:
    """The prefix of a date, `eq` if it has none, and the date."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def _next(first: date, *, is_year: bool) -> date:
    return date(first.year + 1, 1, 1) if is_year or first.month == 12 else date(first.year, first.month + 1, 1)


def _token(_criterion: Criterion, value: Any, wanted: str, _zone: ZoneInfo) -> bool:
    system, bar, code = wanted.rpartition("|")
    for own_system, own_code in _codes(value):
        if (not code or own_code.lower() == code.lower()) and (not bar or own_system == system):
            return True
    return False


def _codes(value: Any) -> Iterator[tuple[str, str]]:
    """Every system and code in a token: a Coding, an Identifier, a CodeableConcept, a ContactPoint, or plain."""
    if isinstance(value, dict):
        for coding in value.get("coding", ()):
            yield coding.get("system", ""), coding.get("code", "")
        if "code" in value or "value" in value:
            yield value.get("system", ""), value.get("code", value.get("value", ""))
        if "text" in value:
            yield "", value["text"]
    else:
        yield "", str(value).lower() if isinstance(value, bool) else str(value)


def _string(criterion: Criterion, value: Any, wanted: str, _zone: ZoneInfo) -> bool:
    """The beginning, without regard to case and accents, of the whole or of a word."""
    for text in _texts(value):
        if criterion.modifier == "exact":
            if text == wanted:
                return True
        elif criterion.modifier == "contains":
            if fold(wanted) in fold(text):
                return True
        elif any(part.startswith(fold(wanted)) for part in (fold(text), *fold(text).split())):
            return True
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in ("use", "period"):
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _reference(criterion: Criterion, value: Any, wanted: str, _zone: ZoneInfo) -> bool:
    points_to = value.get("reference", "") if isinstance(value, dict) else str(value)
    kind, _, row_id = points_to.rpartition("/")
    target = criterion.parameter.target
    if target and kind and kind.rpartition("/")[2] != target:
        return False
    wanted_kind, slash, wanted_id = wanted.rpartition("/")
    return row_id == wanted_id and (not slash or wanted_kind.rpartition("/")[2] == kind.rpartition("/")[2])


def _actor(_criterion: Criterion, value: Any, wanted: str, _zone: ZoneInfo) -> bool:
    """The id of a schedule has those of its provider and of its location."""
    return last_part(wanted) in last_part(value["reference"]).split("-")


def _date(_criterion: Criterion, value: Any, wanted: str, zone: ZoneInfo) -> bool:
    prefix, text = prefixed(wanted)
    first, last = bounds(text, zone)
    start, end = _own_bounds(value, zone)
    if prefix in ("eq", "ap"):
        return first <= start and end <= last
    checks = {
        "ne": not (first <= start and end <= last),
        "gt": end > last,
        "lt": start < first,
        "ge": end > last or start >= first,
        "le": start < first or end <= last,
        "sa": start >= last,
        "eb": end <= first,
    }
    return checks[prefix]


def _own_bounds(value: Any, zone: ZoneInfo) -> tuple[float, float]:
    if not isinstance(value, dict):
        return bounds(str(value), zone)
    start = bounds(value["start"], zone)[0] if value.get("start") else float("-inf")
    end = bounds(value["end"], zone)[1] if value.get("end") else float("inf")
    return start, end


CHECKS = {"token": _token, "string": _string, "date": _date, "reference": _reference, "actor": _actor}
