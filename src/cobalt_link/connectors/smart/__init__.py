"""Every EHR with SMART on FHIR R4, which in the US is every certified one. Vendors are data, in vendors/.

What an account can do is up to its server, its vendor, and what its user granted: `capabilities.py`.
"""

from __future__ import annotations

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
    Grant,
    Location,
    Note,
    NoteQuery,
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
)
from cobalt_link.connectors.smart import sign_in, tokens
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


class Smart(Connector):
    async def recognize(self, instance: EhrInstance) -> None:
        await sign_in.recognize(self.http, self.registrations, instance)

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

    def _server(self, chart: Chart) -> Server:
        return Server.of(self.http, chart)


connector = Smart
