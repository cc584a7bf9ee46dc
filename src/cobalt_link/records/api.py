"""The routes of the unified EHR API: everything that an access token may read."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.accounts.problems import (
    AccountGone,
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotSupported,
    ReconnectRequired,
)
from cobalt_link.records.days import MissingParameters
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.resources import appointments, locations, patients, providers, settings
from cobalt_link.records.resources.appointments import (
    AppointmentAnswer,
    AppointmentAsked,
    AppointmentNotFound,
    AppointmentsAnswer,
    AppointmentsAsked,
)
from cobalt_link.records.resources.locations import LocationsAnswer
from cobalt_link.records.resources.patients import PatientsAnswer, PatientsAsked
from cobalt_link.records.resources.providers import ProvidersAnswer
from cobalt_link.records.resources.settings import (
    ReferenceAnswer,
    ReferenceAsked,
    SettingsAnswer,
    VisitStatusesAnswer,
    VisitTypesAnswer,
)
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import InvalidRequest, MissingField, Unavailable, UnknownField

routes = Routes("records")

# Every read asks the EHR, so any of these may be the answer.
LIVE = (
    ReconnectRequired,
    MissingRights,
    AccountGone,
    NotSupported,
    EhrUnavailable,
    EhrThrottled,
    EhrUnexpected,
    Unavailable,
)


class NothingAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a list that cannot be narrowed down. A filter that it does not have would be ignored silently."""


READ: Any = {
    "auth": Auth.ACCOUNT,
    "tenant": Tenant.ACCOUNT,
    "rate": Rate.READ,
    "idempotency": Idempotency.NONE,
    "audit": "read",
}


@routes.get("/v1/patients", **READ, errors=(*LIVE, InvalidRequest), summary="Find patients, one page at a time.")
async def list_patients(room: RecordsEngine, call: Call, body: PatientsAsked) -> PatientsAnswer:
    return await patients.read(room, call.account, body)


@routes.get(
    "/v1/appointments",
    **READ,
    errors=(*LIVE, InvalidRequest, MissingParameters),
    summary="Read the schedule of a range of days.",
)
async def list_appointments(room: RecordsEngine, call: Call, body: AppointmentsAsked) -> AppointmentsAnswer:
    return await appointments.read(room, call.account, body)


@routes.get(
    "/v1/appointments/{appointment_id}",
    also=("/v1/appointment/{appointment_id}",),
    **READ,
    errors=(*LIVE, AppointmentNotFound),
    summary="Read one appointment by its id: ours or the EHR's own.",
)
async def show_appointment(
    room: RecordsEngine, call: Call, body: AppointmentAsked, appointment_id: str
) -> AppointmentAnswer:
    return await appointments.read_one(room, call.account, appointment_id, body)


@routes.get("/v1/providers", **READ, errors=LIVE, summary="List the practice's providers.")
async def list_providers(room: RecordsEngine, call: Call, body: NothingAsked) -> ProvidersAnswer:
    return await providers.read(room, call.account)


@routes.get("/v1/locations", **READ, errors=LIVE, summary="List the practice's locations.")
async def list_locations(room: RecordsEngine, call: Call, body: NothingAsked) -> LocationsAnswer:
    return await locations.read(room, call.account)


@routes.get("/v1/settings", **READ, errors=LIVE, summary="Read the practice's settings. Those of the org win.")
async def show_settings(room: RecordsEngine, call: Call) -> SettingsAnswer:
    return await settings.read(room, call.account)


@routes.post(
    "/v1/settings",
    **(READ | {"rate": Rate.WRITE, "audit": "reference_set"}),
    errors=(AccountGone, MissingField, UnknownField, InvalidRequest),
    summary="Set your own label for this access token.",
)
async def set_reference(room: RecordsEngine, call: Call, body: ReferenceAsked) -> ReferenceAnswer:
    return await settings.refer(room, call.account, body)


@routes.get("/v1/visit-types", **READ, errors=LIVE, summary="List the codes for kinds of visits.")
async def list_visit_types(room: RecordsEngine, call: Call, body: NothingAsked) -> VisitTypesAnswer:
    return await settings.visit_types(room, call.account)


@routes.get("/v1/visit-statuses", **READ, errors=LIVE, summary="List the codes for the states of a visit.")
async def list_visit_statuses(room: RecordsEngine, call: Call, body: NothingAsked) -> VisitStatusesAnswer:
    return await settings.visit_statuses(room, call.account)
