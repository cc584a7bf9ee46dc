"""The live fetches of the contract (§4.5 to §4.7): reads that answer with a job, and later with an event.

Every read here is live. These are for clients that were written for the contract.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.models import Capability
from cobalt_link.records.days import MissingParameters, day, span
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.fetches import found_patients
from cobalt_link.records.resources import appointments, availability
from cobalt_link.records.resources.appointments import AppointmentsAsked
from cobalt_link.records.resources.availability import AvailabilityAsked
from cobalt_link.records.resources.patients import PatientsAsked
from cobalt_link.records.writes.shapes import Text, WriteAsked
from cobalt_link.web.problems import InvalidRequest

Found = dict[str, Any]
MOST_PROVIDERS = 10
# Days before and after today in which one patient's appointments are looked for.
BEFORE, AFTER = timedelta(days=365), timedelta(days=365)


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of live fetch. `check` raises a Problem for a request that makes no sense. `run` gives the data of the
    event."""

    name: str
    path: str
    asked: type[WriteAsked]
    capability: Capability
    event: str
    summary: str
    check: Callable[[Any], None]
    run: Callable[[RecordsEngine, Account, Any], Awaitable[Found]]


class AppointmentsFetch(WriteAsked, frozen=True, kw_only=True):
    """By `date_range` at most 7 days; by `provider` one provider for 6 days, or up to ten for one day."""

    search_by: Annotated[Literal["date_range", "mrn", "provider"], Meta(description="What is looked for.")] = (
        "date_range"
    )
    start_date: Annotated[Text, Meta(description="YYYY-MM-DD.")] = None
    end_date: Annotated[Text, Meta(description="YYYY-MM-DD.")] = None
    mrn: Annotated[Text, Meta(description="The medical record number.")] = None
    provider_ids: Annotated[list[str] | None, Meta(description="Ids of providers, ours or ehr_id.")] = None


class PatientsFetch(WriteAsked, frozen=True, kw_only=True):
    """What `search_by` names is required. `include`: insurances, tasks."""

    search_by: Annotated[Literal["dob", "name", "phone", "mrn"] | None, Meta(description="What is looked for.")] = None
    dob: Annotated[Text, Meta(description="YYYY-MM-DD.")] = None
    first_name: Annotated[Text, Meta(description="Part of the given name.")] = None
    last_name: Annotated[Text, Meta(description="Part of the family name.")] = None
    phone: Annotated[Text, Meta(description="Ten digits.")] = None
    mrn: Annotated[Text, Meta(description="The medical record number.")] = None
    include: Annotated[list[Literal["insurances", "tasks"]], Meta(description="insurances, tasks.")] = []  # noqa: RUF012


class AvailabilityFetch(WriteAsked, frozen=True, kw_only=True):
    """One provider for up to 5 days, or several for one day. The rest as in GET /v1/availability."""

    start_date: Annotated[Text, Meta(description="YYYY-MM-DD.")] = None
    end_date: Annotated[Text, Meta(description="YYYY-MM-DD.")] = None
    provider_ids: Annotated[list[str] | None, Meta(description="Ids of providers, ours or ehr_id.")] = None
    location_ids: Annotated[list[str] | None, Meta(description="Ids of locations.")] = None
    provider_type: Annotated[Literal["primary", "secondary"], Meta(description="As in GET /v1/availability.")] = (
        "primary"
    )
    fallback_to_default_hours: Annotated[bool, Meta(description="As in GET /v1/availability.")] = False
    calculation_method: Annotated[Literal["gaps", "slots"], Meta(description="As in GET /v1/availability.")] = "gaps"
    slot_type: Annotated[Text, Meta(description="As in GET /v1/availability.")] = None
    buffer: Annotated[int, Meta(ge=0, le=59), Meta(description="Minutes, as in GET /v1/availability.")] = 0
    visit_type: Annotated[Text, Meta(description="A code of GET /v1/visit-types.")] = None
    daily_appointment_limit: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="As in GET /v1/availability.")
    ] = None
    daily_limit_type: Annotated[Text, Meta(description="As in GET /v1/availability.")] = None
    max_slot_duration: Annotated[Annotated[int, Meta(ge=1, le=1440)] | None, Meta(description="Minutes.")] = None
    facility_scoped_scheduling: Annotated[bool, Meta(description="As in GET /v1/availability.")] = False


def _days(asked: AppointmentsFetch | AvailabilityFetch, most: int) -> tuple[date, date]:
    first, last = span(asked.start_date, asked.end_date)
    if (last - first).days >= most:
        raise InvalidRequest(f"Date range cannot exceed {most} days." if most > 1 else "Ask for one day at a time.")
    return first, last


def _check_providers(ids: list[str] | None, asked: AppointmentsFetch | AvailabilityFetch, days: int) -> None:
    if not ids:
        raise MissingParameters("Missing required parameters: provider_ids.")
    if len(ids) > MOST_PROVIDERS:
        raise InvalidRequest(f"Send at most {MOST_PROVIDERS} provider_ids.")
    _days(asked, days if len(ids) == 1 else 1)


def check_appointments(asked: AppointmentsFetch) -> None:
    match asked.search_by:
        case "mrn" if not asked.mrn:
            raise MissingParameters("Missing required parameters: mrn.")
        case "date_range":
            _days(asked, 7)
        case "provider":
            _check_providers(asked.provider_ids, asked, 6)


async def run_appointments(engine: RecordsEngine, account: Account, asked: AppointmentsFetch) -> Found:
    if asked.search_by == "mrn":
        today = datetime.now(UTC).date()
        first, last = today - BEFORE, today + AFTER
    else:
        first, last = span(asked.start_date, asked.end_date)
    wanted = AppointmentsAsked(
        start_date=first.isoformat(),
        end_date=last.isoformat(),
        patient_mrn=asked.mrn if asked.search_by == "mrn" else None,
    )
    found = (await appointments.read(engine, account, wanted)).appointments
    if asked.search_by == "provider":
        ids = {await engine.resolve(account, "provider", each) for each in asked.provider_ids or ()}
        found = [each for each in found if each.provider_ehr_id in ids]
    shown = [
        {
            **msgspec.to_builtins(each),
            "date_time": each.datetime,
            "provider_id": each.provider_ehr_id,
            "created_by": None,
        }
        for each in found
    ]
    return {
        "success": True,
        "appointment_count": len(shown),
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "appointments": msgspec.to_builtins(shown),
    }


NEEDED = {"dob": ("dob",), "name": ("first_name", "last_name"), "phone": ("phone",), "mrn": ("mrn",)}


def check_patients(asked: PatientsFetch) -> None:
    if asked.search_by is None:
        raise MissingParameters("Missing required parameters: search_by.")
    if not any(getattr(asked, name) for name in NEEDED[asked.search_by]):
        if asked.search_by == "mrn":
            raise MissingParameters("Missing required parameters: mrn.")
        raise MissingParameters(
            "At least one of the following parameters must be provided: dob, first_name, last_name, phone."
        )
    if asked.dob:
        day(asked.dob)


async def run_patients(engine: RecordsEngine, account: Account, asked: PatientsFetch) -> Found:
    named = {name: getattr(asked, name) for names in NEEDED.values() for name in names}
    wanted = PatientsAsked(**named, page=1, page_size=500)
    return await found_patients.find(engine, account, wanted, [*asked.include])


def check_availability(asked: AvailabilityFetch) -> None:
    _check_providers(asked.provider_ids, asked, 5)
    availability.rules_of(_availability(asked))


async def run_availability(engine: RecordsEngine, account: Account, asked: AvailabilityFetch) -> Found:
    found = await availability.read(engine, account, _availability(asked))
    shown = msgspec.to_builtins(found)
    return {
        "success": True,
        "availability": shown["results"]["availability"],
        "availability_count": len(shown["results"]["availability"]),
        "results": shown["results"],
        "timezone": shown["timezone"],
        "start_date": asked.start_date,
        "end_date": asked.end_date,
    }


def _availability(asked: AvailabilityFetch) -> AvailabilityAsked:
    fields = {name: value for name, value in msgspec.structs.asdict(asked).items() if name != "expires_in"}
    return AvailabilityAsked(**fields)


FETCHES: Mapping[str, Fetch] = {
    each.name: each
    for each in (
        Fetch(
            name="appointments.fetch",
            path="/v1/appointments/fetch",
            asked=AppointmentsFetch,
            capability="appointments",
            event="appointment.live_fetch_completed",
            summary="Read appointments, and get them with an event.",
            check=check_appointments,
            run=run_appointments,
        ),
        Fetch(
            name="patients.fetch",
            path="/v1/patients/fetch",
            asked=PatientsFetch,
            capability="patients",
            event="patient.live_fetch_completed",
            summary="Find patients, and get them with an event.",
            check=check_patients,
            run=run_patients,
        ),
        Fetch(
            name="availability.fetch",
            path="/v1/availability/fetch",
            asked=AvailabilityFetch,
            capability="appointments",
            event="availability.live_fetch_completed",
            summary="Compute free times, and get them with an event.",
            check=check_availability,
            run=run_availability,
        ),
    )
}
