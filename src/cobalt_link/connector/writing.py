"""How connectors write: a function that does it, and one that looks what the EHR holds.

A write reaches the EHR at most once. So these functions never repeat a request that changes something. What the EHR
answers is not trusted: afterwards, and after a crash, `read_back` looks whether the record is there.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.writes import WriteCapability


class Reason(msgspec.Struct, frozen=True):
    """Why an EHR did not write. `code` is one of ours in upper snake case (`DUPLICATE_PATIENT`), `field` one of the
    write's fields, `description` a sentence for people. `details` are further facts, such as `conflict_type`, which the
    event of the failure has beside them."""

    code: str
    description: str
    field: str | None = None
    details: dict[str, str] = {}


class NotWritten(Exception):
    """The EHR refused the write for good, so it holds nothing of it. Raise it only for an answer that says so."""

    def __init__(self, *reasons: Reason) -> None:
        self.reasons = reasons
        super().__init__(", ".join(each.code for each in reasons))


class MayBeHeld(Exception):
    """`read_back` found nothing, and the EHR may hold the write all the same, under nothing that tells it from others.
    If no answer said what became of it, that stays unknown: another try could write it twice."""


Version: TypeAlias = int | datetime
"""How often, or when, an EHR has changed a record: later ones are greater."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR's answer said: the id of the record, if it named one.

    `version` is for a change whose answer shows the record, with all that was asked for: which version that was.
    """

    ehr_id: str | None = None
    version: Version | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR holds of a write now. `fields` has the write's own names, and values of the same types; a field that
    the EHR does not keep is absent. `shown` is added to the data of the event, such as `audit_trail`.

    `pending_signature`: somebody has to sign it in the EHR before it counts. `took` is for a change: False if the
    record does not hold what was asked for. With a `version` later than that of the answer, somebody has changed it
    since.
    """

    ehr_id: str
    fields: dict[str, Any]
    shown: dict[str, Any] = {}
    pending_signature: bool = False
    took: bool = True
    version: Version | None = None


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How a connector does one kind of write. All functions get `(connector, chart, write)`, `read_back` also the id
    from the EHR's answer, if there was one.

    `write` raises `NotWritten` if the EHR refused for good, and a `Refusal` like a read. `read_back` gives what the EHR
    holds, None if it surely holds nothing of this write, and raises `MayBeHeld` if nobody can know. Of a change it
    gives the record also if that holds something else, with `took=False`. Without it, a write whose result is unknown
    stays unknown. `check` sends nothing that changes the chart, and raises `NotWritten` if the EHR would refuse.
    """

    write: Callable[[Any, Chart, Any], Awaitable[Written]]
    read_back: Callable[[Any, Chart, Any, str | None], Awaitable[Held | None]] | None = None
    check: Callable[[Any, Chart, Any], Awaitable[None]] | None = None


Writings: TypeAlias = Mapping[WriteCapability, Writing]


def undone(declared: Mapping[WriteCapability, object], writings: Writings) -> list[str]:
    """What to do about writes that only the manifest or only the class has, and about functions that cannot be called
    as they will be."""
    lacking = [
        f"[writes] declares {each}, but `writings` does not have it." for each in declared if each not in writings
    ]
    undeclared = [f"Declare {each} under [writes]." for each in writings if each not in declared]
    return lacking + undeclared + [text for each, writing in writings.items() for text in _unfit(each, writing)]


_WRITE = ("connector", "chart", "write")
_TAKES = {"write": _WRITE, "read_back": (*_WRITE, "ehr_id"), "check": _WRITE}


def _unfit(capability: WriteCapability, writing: Writing) -> list[str]:
    found = []
    for name, taken in _TAKES.items():
        function = getattr(writing, name)
        if function is None:
            continue
        try:
            inspect.signature(function).bind(*taken)
        except TypeError:
            found.append(f"`{name}` of {capability} must take ({', '.join(taken)}).")
        if not inspect.iscoroutinefunction(function):
            found.append(f"`{name}` of {capability} must be an `async def`.")
    return found
