"""Every EHR with SMART on FHIR R4, which in the US is every certified one. Vendors are data, in vendors/.

What an account can do is up to its server, its vendor, and what its user granted: `capabilities.py`.
"""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import (
    Appointment,
    AppointmentQuery,
    Ask,
    Chart,
    Connector,
    Document,
    DocumentFile,
    DocumentQuery,
    EhrInstance,
    FhirRequest,
    FhirResponse,
    Grant,
    Location,
    Note,
    NoteQuery,
    Offering,
    Order,
    OrderQuery,
    PatientInsurance,
    PatientInsuranceQuery,
    PatientQuery,
    Patients,
    Provider,
    Renewed,
    Slot,
    SlotQuery,
    Stream,
    Task,
    TaskQuery,
    Writing,
)
from cobalt_link.connectors.smart import discovery, passing, sign_in, tokens
from cobalt_link.connectors.smart.reads import (
    appointments,
    documents,
    insurances,
    notes,
    orders,
    patients,
    practice,
    slots,
    tasks,
)
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.writes import appointments as new_appointments
from cobalt_link.connectors.smart.writes import documents as new_documents
from cobalt_link.connectors.smart.writes import work


def _writing(write: Any, held: Any, check: Any = None) -> Writing:
    """Each of a write's functions on the server behind a chart."""

    def on_server(function: Any) -> Any:
        async def run(connector: Connector, chart: Chart, *given: Any) -> Any:
            return await function(Server.of(connector.http, chart), *given)

        return run

    return Writing(write=on_server(write), read_back=on_server(held), check=on_server(check) if check else None)


class Smart(Connector):
    is_launched = True
    writings = {  # noqa: RUF012
        "appointments.create": _writing(
            new_appointments.create_appointment, new_appointments.held_appointment, new_appointments.check_appointment
        ),
        "appointments.update": _writing(
            new_appointments.change, new_appointments.held_change, new_appointments.check_change
        ),
        "notes.create": _writing(new_documents.create_note, new_documents.held_note, new_documents.check_note),
        "patient_notes.create": _writing(new_documents.create_patient_note, new_documents.held_patient_note),
        "documents.create": _writing(new_documents.create_document, new_documents.held_document),
        "tasks.create": _writing(work.create_task, work.held_task),
        "messages.create": _writing(work.create_message, work.held_message),
    }

    async def name_at(self, address: str | None) -> str:
        return await discovery.name_at(self.registrations, address) or self.manifest.name

    async def recognize(self, instance: EhrInstance) -> Offering | None:
        return await sign_in.recognize(self.http, self.registrations, instance)

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        return await sign_in.sign_in(self.http, self.registrations, ask, instance)

    async def renew(self, chart: Chart) -> Renewed | None:
        return await tokens.renew(self.http, self.registrations, chart)

    async def sign_out(self, chart: Chart) -> None:
        await tokens.end(self.http, self.registrations, chart)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await patients.page(self._server(chart), query)

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> Stream[Appointment]:
        async for each in appointments.of_days(self._server(chart), query):
            yield each

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return await appointments.find(self._server(chart), ehr_id)

    async def slots(self, chart: Chart, query: SlotQuery) -> Stream[Slot]:
        async for each in slots.of_days(self._server(chart), query):
            yield each

    async def providers(self, chart: Chart) -> Stream[Provider]:
        async for each in practice.providers(self._server(chart)):
            yield each

    async def locations(self, chart: Chart) -> Stream[Location]:
        async for each in practice.locations(self._server(chart)):
            yield each

    async def documents(self, chart: Chart, query: DocumentQuery) -> Stream[Document]:
        async for each in documents.of_patient(self._server(chart), query):
            yield each

    async def document_files(self, chart: Chart, ehr_id: str) -> DocumentFile | None:
        return await documents.file(self._server(chart), ehr_id)

    async def notes(self, chart: Chart, query: NoteQuery) -> Stream[Note]:
        async for each in notes.of_patient(self._server(chart), query):
            yield each

    async def orders(self, chart: Chart, query: OrderQuery) -> Stream[Order]:
        async for each in orders.of_patient(self._server(chart), query):
            yield each

    async def patient_insurances(self, chart: Chart, query: PatientInsuranceQuery) -> Stream[PatientInsurance]:
        async for each in insurances.of_patient(self._server(chart), query):
            yield each

    async def tasks(self, chart: Chart, query: TaskQuery) -> Stream[Task]:
        async for each in tasks.found(self._server(chart), query):
            yield each

    async def fhir(self, chart: Chart, request: FhirRequest) -> FhirResponse:
        return await passing.passed(self._server(chart), request)

    def _server(self, chart: Chart) -> Server:
        return Server.of(self.http, chart)


connector = Smart
