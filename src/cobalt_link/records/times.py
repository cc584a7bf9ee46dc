"""Times in the practice's zone: those that an EHR writes without an offset, and those that it writes in another."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

import msgspec

T = TypeVar("T")


class NaiveTime(ValueError):
    """A time without an offset, and neither the org nor the grant says in which zone it is."""


def aware(time: datetime, zone: ZoneInfo | None) -> datetime:
    if time.tzinfo is not None:
        return time
    if zone is None:
        raise NaiveTime
    return time.replace(tzinfo=zone)


def zone_of(name: str | None) -> ZoneInfo | None:
    return ZoneInfo(name) if name else None


def placed_times(record: T, practice: ZoneInfo | None, shown: ZoneInfo | None) -> T:
    """The record with all of its times in `shown`, those of records inside it too. Times without an offset are in
    `practice`."""
    if isinstance(record, tuple):
        return type(record)(placed_times(each, practice, shown) for each in record)  # type: ignore[return-value]
    if not isinstance(record, msgspec.Struct):
        return record
    changed: dict[str, Any] = {}
    for name in _timed(type(record)):
        value = getattr(record, name)
        if isinstance(value, datetime):
            value = aware(value, practice)
            changed[name] = value.astimezone(shown) if shown else value
        elif value is not None:
            changed[name] = placed_times(value, practice, shown)
    return msgspec.structs.replace(record, **changed) if changed else record


@cache
def _timed(model: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that hold a time, or records with one."""
    return tuple(field.name for field in msgspec.structs.fields(model) if _has_time(field.type))


def _has_time(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return bool(_timed(hint))
    return hint is datetime or any(_has_time(each) for each in get_args(hint))
