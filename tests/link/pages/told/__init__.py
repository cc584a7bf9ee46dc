"""An EHR that fills every field of every record. What it says on one topic can be changed, to see where it arrives."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Location,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
)
from cobalt_link.connector.topics import Topic, topic_of

Record = TypeVar("Record", bound=msgspec.Struct)
DAY = date(2026, 11, 23)


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

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return [self._filled(Appointment)]

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return self._filled(Appointment)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return self._filled(Patients)

    async def providers(self, chart: Chart) -> list[Provider]:
        return [self._filled(Provider)]

    async def locations(self, chart: Chart) -> list[Location]:
        return [self._filled(Location)]

    async def settings(self, chart: Chart) -> PracticeSettings:
        return self._filled(PracticeSettings)

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
        plain: dict[Any, Any] = {
            str: f"{name}-{changed:d}",
            int: 1 + changed,
            time: time(9 + changed),
            bool: changed,
            date: date(1980, 1, 2 + changed),
            datetime: datetime(DAY.year, DAY.month, DAY.day, 9 + changed, tzinfo=UTC),
        }
        return plain[kind]
