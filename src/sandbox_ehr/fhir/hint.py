"""What a query says already about the rows that can match: a loader may read fewer rows for it, and never must."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeAlias

import msgspec

from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.fhir.outcome import Resource


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """`ids` are empty for any. Ids of others are empty for any too. Days are the clinic's, both included."""

    ids: tuple[str, ...] = ()
    patient: str = ""
    practitioner: str = ""
    first_day: date | None = None
    last_day: date | None = None

    @property
    def only_id(self) -> str:
        return self.ids[0] if len(self.ids) == 1 else ""


Load: TypeAlias = Callable[[sqlite3.Connection, ChartContext, Hint], Iterable[Resource]]
