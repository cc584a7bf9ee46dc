"""The sandbox EHR: made-up patients behind a real login, with every second step and every refusal on demand."""

from __future__ import annotations

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
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
from cobalt_link.connector.refusals import NotThisAddress
from cobalt_link.connectors.sandbox import chart, sign_in
from cobalt_link.connectors.sandbox.wire import Portal


class Sandbox(Connector):
    """Speaks the JSON API of `sandbox_ehr`; see docs/reference/sandbox-ehr.md."""

    async def recognize(self, instance: EhrInstance) -> None:
        # Without a session this EHR answers 401 and its own code: nothing else does.
        answer = await self.http.request("GET", instance.at("/api/me"))
        if answer.status != 401 or b"session_expired" not in answer.body:
            raise NotThisAddress(reason="other_ehr")

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        return await sign_in.tell(Portal(self.http, instance), ask)

    async def sign_out(self, chart: Chart) -> None:
        await Portal(self.http, chart.instance, chart.session).call("POST", "/api/logout")

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return await _reader(self, chart).appointments(query)

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return await _reader(self, chart).appointment(ehr_id)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await _reader(self, chart).patients(query)

    async def providers(self, chart: Chart) -> list[Provider]:
        return await _reader(self, chart).providers()

    async def locations(self, chart: Chart) -> list[Location]:
        return await _reader(self, chart).locations()

    async def settings(self, chart: Chart) -> PracticeSettings:
        return await _reader(self, chart).settings()


def _reader(connector: Sandbox, opened: Chart) -> chart.Reader:
    return chart.Reader(Portal(connector.http, opened.instance, opened.session))


connector = Sandbox
