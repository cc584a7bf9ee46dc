"""The sandbox EHR: made-up patients behind a real login, with every second factor and every refusal on demand."""

from __future__ import annotations

from typing import ClassVar

from cobalt_link.connector import Ask, Chart, Connector, EhrInstance, Grant, TestLogin
from cobalt_link.connectors.sandbox import lab, sign_in
from cobalt_link.connectors.sandbox.api import api_of
from cobalt_link.connectors.sandbox.reads.billing import BillingReads
from cobalt_link.connectors.sandbox.reads.care import CareReads
from cobalt_link.connectors.sandbox.reads.papers import PaperReads
from cobalt_link.connectors.sandbox.reads.patients import PatientReads
from cobalt_link.connectors.sandbox.reads.schedule import ScheduleReads
from cobalt_link.connectors.sandbox.writes import WRITINGS


class Sandbox(ScheduleReads, PatientReads, CareReads, PaperReads, BillingReads, Connector):
    """Speaks the JSON API of `sandbox_ehr`; see docs/reference/sandbox-ehr.md."""

    faults: ClassVar = lab.FAULTS
    writings = WRITINGS

    async def recognize(self, instance: EhrInstance) -> None:
        # Without a session this EHR answers with a code of its own.
        await api_of(self.http, instance).ping("/me", code="session_expired")

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        return await sign_in.sign_in(ask, api_of(self.http, instance))

    async def sign_out(self, chart: Chart) -> None:
        await self.api(chart).post("/logout")

    async def new_login(self, instance: EhrInstance) -> TestLogin:
        return await lab.new_login(self.http, instance)

    async def break_login(self, instance: EhrInstance, username: str, fault: str) -> None:
        await lab.break_login(self.http, instance, username, fault)

    async def repair_login(self, instance: EhrInstance, username: str) -> None:
        await lab.repair_login(self.http, instance, username)


connector = Sandbox
