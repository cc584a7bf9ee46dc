"""GNU Health HIS, the hospital system on Tryton, over the JSON-RPC that its own clients speak.

Tried against GNU Health 5.0 on Tryton 7.0. Appointments have a start and no length there.
"""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import (
    Appointment,
    AppointmentQuery,
    Ask,
    Chart,
    Connector,
    EhrInstance,
    Grant,
    Location,
    Order,
    OrderQuery,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
    Stream,
    Writing,
    reads,
)
from cobalt_link.connectors.gnuhealth import (
    appointment_changes,
    appointments,
    new_appointments,
    new_notes,
    new_patients,
    note_changes,
    orders,
    patient_changes,
    patients,
    practice,
    sign_in,
)
from cobalt_link.connectors.gnuhealth.server import Server


def _writing(write: Any, held: Any, check: Any) -> Writing:
    """Each of a write's functions on the server behind a chart."""

    def on_server(function: Any) -> Any:
        async def run(connector: Connector, chart: Chart, *given: Any) -> Any:
            return await function(Server.opened(connector.http, chart.session), *given)

        return run

    return Writing(write=on_server(write), read_back=on_server(held), check=on_server(check))


class GnuHealth(Connector):
    writings = {  # noqa: RUF012
        "appointments.create": _writing(new_appointments.create, new_appointments.held, new_appointments.check),
        "appointments.update": _writing(
            appointment_changes.update, appointment_changes.held, appointment_changes.check
        ),
        "patients.create": _writing(new_patients.create, new_patients.held, new_patients.check),
        "patients.update": _writing(patient_changes.update, patient_changes.held, patient_changes.check),
        "notes.create": _writing(new_notes.create, new_notes.held, new_notes.check),
        "notes.update": _writing(note_changes.update, note_changes.held, note_changes.check),
    }

    async def recognize(self, instance: EhrInstance) -> None:
        await sign_in.recognize(self.http, instance)

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        return await sign_in.sign_in(self.http, ask, instance)

    async def sign_out(self, chart: Chart) -> None:
        await self._server(chart).call("common.db.logout")

    @reads(
        "patient_mrn",
        "patient_ehr_id",
        "patient_name",
        "patient_phone",
        "appointment_mode",
        "include_note",
        "updated_since",
    )
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> Stream[Appointment]:
        async for each in appointments.list_all(self._server(chart), query):
            yield each

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return await appointments.find(self._server(chart), ehr_id)

    @reads("dob", "first_name", "last_name", "mrn", "ehr_id", "phone")
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await patients.page(self._server(chart), query)

    @reads("patient_ehr_id", "start_date", "end_date")
    async def orders(self, chart: Chart, query: OrderQuery) -> list[Order]:
        rows = await orders.orders(
            self._server(chart),
            patient_mrn=query.patient_mrn,
            patient_ehr_id=query.patient_ehr_id,
            start=query.start_date,
            end=query.end_date,
        )
        return [orders.order(row) for row in rows]

    @reads()
    async def providers(self, chart: Chart) -> list[Provider]:
        return await practice.providers(self._server(chart))

    @reads()
    async def locations(self, chart: Chart) -> list[Location]:
        return await practice.locations(self._server(chart))

    @reads()
    async def settings(self, chart: Chart) -> PracticeSettings:
        return await practice.settings(self._server(chart))

    def _server(self, chart: Chart) -> Server:
        return Server.opened(self.http, chart.session)


connector = GnuHealth
