"""Tryton's JSON: values that JSON lacks travel as objects with a `__class__`, times are naive and mean UTC.

Source: trytond/protocols/jsonrpc.py of Tryton 7.0.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2s
from operator import itemgetter
from typing import Any


def plain(value: Any) -> Any:
    """The answer as Python values, which may be the same lists and objects. Pictures and other bytes become None: no
    chart needs them here."""
    # By exact type and in place, because every value of every record passes here: it was half the CPU of a read.
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is list:
        return [plain(each) for each in value]
    if kind is not dict:
        return value
    if "__class__" in value:
        return _tagged(value)
    for name, each in value.items():
        if type(each) in _HOLDERS:
            value[name] = plain(each)
    return value


_HOLDERS = frozenset({str, list, dict})


def _tagged(value: dict[str, Any]) -> datetime | date | None:
    if value["__class__"] == "datetime":
        return datetime(*map(int, _TIME(value)), tzinfo=UTC)
    return date(*map(int, _DAY(value))) if value["__class__"] == "date" else None


_DAY = itemgetter("year", "month", "day")
_TIME = itemgetter("year", "month", "day", "hour", "minute", "second")


def clean(text: str) -> str:
    """Without the zero-width spaces that GNU Health pads some texts with, such as an age."""
    return text.strip() if text.isascii() else text.replace("\u200b", "").strip()


def on(day: date) -> dict[str, Any]:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def at(moment: datetime) -> dict[str, Any]:
    """An aware time as the server wants it: naive UTC."""
    utc = moment.astimezone(UTC)
    parts = {"hour": utc.hour, "minute": utc.minute, "second": utc.second, "microsecond": 0}
    return on(utc.date()) | {"__class__": "datetime"} | parts


def inside(row: dict[str, Any] | None, *path: str) -> Any:
    """A field of a linked record: `inside(row, "patient", "party", "name")`; None where a link is empty."""
    for link in path[:-1]:
        if not row:
            return None
        row = row.get(link + ".")
    return row.get(path[-1]) if row else None


def full_name(row: dict[str, Any] | None, *path: str) -> str | None:
    """ "Last, First" of a person, or what there is of it. Made here and not by the server, whose own name of a record
    (`rec_name`) fails where the first name is empty."""
    names = (inside(row, *path, "lastname"), inside(row, *path, "name"))
    return ", ".join(name for name in names if name) or None


def number(ehr_id: str) -> int | None:
    """An id of ours as the server's; None where it cannot be one."""
    return int(ehr_id) if ehr_id.isascii() and ehr_id.isdigit() and len(ehr_id) < 18 else None


def tag(ref: str) -> str:
    """Our reference of a write as an ID that people can read out: "CL-3F2A19C0DE7B4455"."""
    return f"CL-{blake2s(ref.encode(), digest_size=8).hexdigest().upper()}"
