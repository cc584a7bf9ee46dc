"""What a connector can read, one small protocol per capability. The manifest declares them under `[reads]`.

A method either returns a list or yields its records (an async generator): then the first of 20,000 appointments is
worked on before the last one has arrived.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, get_args, get_origin, get_type_hints, runtime_checkable

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Renewed
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Location,
    Patient,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
)

Capability: TypeAlias = Literal["appointments", "patients", "providers", "locations", "settings"]

T = TypeVar("T")
Records: TypeAlias = Awaitable[Iterable[T]] | AsyncIterator[T]
"""`async def … -> list[T]`, or an async generator of T."""
Stream: TypeAlias = AsyncIterator[T]
"""What an async generator of T is annotated with."""


class ReadsAppointments(Protocol):
    """`[reads] appointments`."""

    def appointments(self, chart: Chart, query: AppointmentQuery) -> Records[Appointment]:
        """All appointments that start on one of the days, ordered by start, with the declared filters applied."""
        ...


@runtime_checkable
class FindsAppointments(Protocol):
    """Optional, with `[reads] appointments`. Without it one appointment is looked for in the days around today."""

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        """One appointment by the EHR's id. None if the EHR does not know it."""
        ...


class ReadsPatients(Protocol):
    """`[reads] patients`."""

    def patients(self, chart: Chart, query: PatientQuery) -> Awaitable[Patients] | Records[Patient]:
        """One page of the patients that match, as `Patients`, in a stable order.

        An EHR without pages returns or yields all patients that match: `offset` and `limit` are applied afterwards.
        """
        ...


class ReadsProviders(Protocol):
    """`[reads] providers`."""

    def providers(self, chart: Chart) -> Records[Provider]:
        """Everybody who sees patients, inactive ones included."""
        ...


class ReadsLocations(Protocol):
    """`[reads] locations`."""

    def locations(self, chart: Chart) -> Records[Location]:
        """Every place where the practice works, inactive ones included."""
        ...


class ReadsSettings(Protocol):
    """`[reads] settings`."""

    async def settings(self, chart: Chart) -> PracticeSettings:
        """The practice's time zone, and the codes of its visits."""
        ...


@runtime_checkable
class RenewsSessions(Protocol):
    """Optional, and not declared. Tried before the saved password is used again."""

    async def renew(self, chart: Chart) -> Renewed | None:
        """A fresh session from the old one, by a refresh token or a keep-alive call. No password, no code.

        None or a refusal such as `SessionEnded`: sign in again with the saved answers. `EhrDown` and `EhrBusy` wait.
        """
        ...


PROTOCOLS: Mapping[Capability, type] = {
    "appointments": ReadsAppointments,
    "patients": ReadsPatients,
    "providers": ReadsProviders,
    "locations": ReadsLocations,
    "settings": ReadsSettings,
}
"""The protocol of each capability."""

OPTIONAL: Mapping[str, tuple[Capability, type]] = {"appointment": ("appointments", FindsAppointments)}
"""Methods that a capability may have beside its own."""

# What the API calls a filter, by the query that carries it. `mode` has another name there.
FILTERS: Mapping[str, frozenset[str]] = {
    "appointments": frozenset({"appointment_mode", *AppointmentQuery.__struct_fields__} - {"start", "end", "mode"}),
    "patients": frozenset(PatientQuery.__struct_fields__) - {"offset", "limit"},
}
"""The filters that a manifest can declare, by capability."""


def mismatches(connector: type, declared: Iterable[Capability]) -> Iterator[tuple[str, str]]:
    """What a class lacks of the capabilities that its manifest declares, and the methods whose shape does not fit.

    Each as the capability that is declared ("" for an optional method) and a sentence that says what to do.
    """
    for capability in declared:
        for method in _methods(PROTOCOLS[capability]):
            if not callable(getattr(connector, method, None)):
                yield capability, f"[reads] declares {capability}, but the class has no method `{method}`. Write it."
            else:
                yield from ((capability, text) for text in _unfit(connector, PROTOCOLS[capability], method))
    for protocol in (FindsAppointments, RenewsSessions):
        for method in _methods(protocol):
            if hasattr(connector, method):
                yield from (("", text) for text in _unfit(connector, protocol, method))


def undeclared(connector: type, declared: Iterable[Capability]) -> Iterator[tuple[str, Capability]]:
    """Methods that are never called, each with the capability to declare for it."""
    wanted = set(declared)
    for capability, protocol in PROTOCOLS.items():
        names = [*_methods(protocol), *(name for name, (one, _) in OPTIONAL.items() if one == capability)]
        yield from ((name, capability) for name in names if capability not in wanted and hasattr(connector, name))


def _methods(protocol: type) -> list[str]:
    return [name for name, each in vars(protocol).items() if inspect.isfunction(each) and not name.startswith("_")]


def _unfit(connector: type, protocol: type, method: str) -> Iterator[str]:
    found = getattr(connector, method)
    wanted = list(inspect.signature(getattr(protocol, method)).parameters)
    try:
        inspect.signature(found).bind(*wanted)
    except TypeError:
        yield f"`{method}` must take ({', '.join(wanted)})."
        return
    if not (inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found)):
        yield f"`{method}` must be an `async def`."


def record_type(capability: Capability) -> type[Any]:
    """The model of a capability's records, such as Location. Raises KeyError for `settings`, which has no records."""
    gives = get_type_hints(getattr(PROTOCOLS[capability], capability))["return"]
    return {get_origin(each): get_args(each) for each in get_args(gives)}[AsyncIterator][0]


async def listed(records: Records[T]) -> list[T]:
    """All records of a method, however it gives them."""
    if isinstance(records, AsyncIterator):
        return [each async for each in records]
    return list(await records)


async def streamed(records: Records[T]) -> AsyncIterator[T]:
    """The records of a method one by one, however it gives them."""
    if isinstance(records, AsyncIterator):
        async for each in records:
            yield each
    else:
        for each in await records:
            yield each
