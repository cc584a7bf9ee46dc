"""An EHR that fills every field of every record. What it says on one topic can be changed, to see where it arrives."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.capabilities import READS
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.models import (
    Appointment,
    Block,
    DaysQuery,
    DocumentFile,
    PatientQuery,
    Patients,
    PracticeSettings,
)
from cobalt_link.connector.topics import Topic, topic_of

Record = TypeVar("Record", bound=msgspec.Struct)
DAY = date(2026, 11, 23)  # a Monday, as `weekday` is 1; a blocked time is in the first working hour


class Told(Connector):
    """`changed` is the topic on which it says something else."""

    changed: Topic | None = None

    async def recognize(self, instance: EhrInstance) -> None:
        """It is at every address."""

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        typed = await ask.once("log_in", self._log_in, returns=str)
        return Grant(user=EhrUser(id="u-1", username=typed, name="Dr. Ann"))

    async def _log_in(self) -> str:
        return "ann"

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return self._filled(Appointment)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return self._filled(Patients)

    async def settings(self, chart: Chart) -> PracticeSettings:
        return self._filled(PracticeSettings)

    async def blocks(self, chart: Chart, query: DaysQuery) -> list[Block]:
        # Of nobody, so of everybody: providers have ids of another name here.
        return [msgspec.structs.replace(self._filled(Block), provider_ehr_id=None)]

    async def document_files(self, chart: Chart, ehr_id: str) -> DocumentFile | None:
        return self._filled(DocumentFile)

    def _filled(self, model: type[Record]) -> Record:
        return model(
            **{
                field.name: self._value(field.name, field.type, topic_of(model, field.name) == type(self).changed)
                for field in msgspec.structs.fields(model)
            }
        )

    def _value(self, name: str, kind: Any, changed: bool) -> Any:
        """A value that fits, and another one if `changed`."""
        options = [each for each in get_args(kind) if each is not NoneType]
        if get_origin(kind) is Literal:
            return options[changed]
        if get_origin(kind) is tuple:
            return (self._value(name, options[0], changed),)
        if get_origin(kind) is dict:
            return {"text": f"{name} {changed:d}"}
        if options:
            return self._value(name, options[0], changed)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._filled(kind)
        if name == "timezone":
            return "America/Denver" if changed else "America/Phoenix"
        if kind is bool:
            # A visit that is off, or a provider who is away, would hide everything else that is free.
            return changed if name not in ("cancelled", "active") else changed == (name == "cancelled")
        end = timedelta(minutes=30 if name == "end" else 0)
        plain: dict[Any, Any] = {
            str: f"{name}-{changed:d}",
            bytes: f"{name}-{changed:d}".encode(),
            int: 1 + changed,
            Decimal: Decimal(1 + changed),
            time: (datetime(2026, 1, 1, 9 + changed) + 2 * end).time(),
            date: date(1980, 1, 2 + changed),
            datetime: datetime(DAY.year, DAY.month, DAY.day, 16 + changed, tzinfo=UTC) + end,
        }
        return plain[kind]


def _list(capability: str, model: type[msgspec.Struct]) -> None:
    async def with_query(self: Told, chart: Chart, query: Any) -> list[Any]:
        return [self._filled(model)]

    async def without(self: Told, chart: Chart) -> list[Any]:
        return [self._filled(model)]

    setattr(Told, capability, with_query if READS[capability].query else without)  # type: ignore[index]


for name, read in READS.items():
    if read.record and not hasattr(Told, name):
        _list(name, read.record)
