"""An EHR of a few lines for the units of accounts and records: a password, sessions that end, and faults to set."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import EhrUser, Grant, Renewed
from cobalt_link.connector.instance import EhrInstance
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
from cobalt_link.connector.offers import Offering
from cobalt_link.connector.panes import Code, Credentials, CredentialsAnswer, PaneRefusal
from cobalt_link.connector.refusals import SessionEnded, WrongCredentials


class TinyEhr:
    """The other side. `trouble` is raised by every call; `gate` holds log-ins back until it is set."""

    def __init__(self) -> None:
        self.password = "pass_good"
        self.session = 1
        self.logins = 0
        self.attempts = 0
        self.logouts: list[int] = []
        self.user = "u-1"
        self.second_factor = False
        self.trouble: Exception | None = None
        self.read_trouble: Exception | None = None
        self.renewals = 0
        self.renew_trouble: Exception | None = None
        self.renewed = True
        self.offers: Offering | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.knocked = asyncio.Event()
        self.asked: list[Any] = []
        self.book: list[Appointment] = []
        self.people: list[Patient] = []
        self.places: list[Location] = []
        self.doctors = [Provider(ehr_id="7", name="Doe, John", npi="1234567893")]
        self.practice = PracticeSettings()
        self.practice_name: str | None = None

    def end_sessions(self) -> None:
        self.session += 1

    async def log_in(self, who: CredentialsAnswer) -> dict[str, Any]:
        self.attempts += 1
        self.knocked.set()
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        if who.password.reveal() != self.password:
            raise WrongCredentials
        self.logins += 1
        return {"number": self.session, "person": self.user}


class TinyConnector(Connector):
    def __init__(self, ehr: TinyEhr) -> None:
        self.ehr = ehr

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        problem = None
        while True:
            who = await ask(Credentials(problem=problem))
            try:
                session = await ask.once("log_in", partial(self.ehr.log_in, who))
                break
            except WrongCredentials as no:
                problem = PaneRefusal(no.code, no.details)
        if self.ehr.second_factor:
            await ask(Code())
        user = EhrUser(id=session["person"], username=who.username, name="Dr. Ann")
        number = {"number": session["number"]}
        return Grant(user=user, practice=self.ehr.practice_name, session=number, known={"seen": True})

    async def sign_out(self, chart: Chart) -> None:
        self.ehr.logouts.append(chart.session["number"])

    async def providers(self, chart: Chart) -> list[Provider]:
        self._check(chart)
        return self.ehr.doctors

    async def locations(self, chart: Chart) -> list[Location]:
        self._check(chart)
        return self.ehr.places

    async def settings(self, chart: Chart) -> PracticeSettings:
        self._check(chart)
        return self.ehr.practice

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        self._check(chart, query)
        return [each for each in self.ehr.book if each.start and query.start <= each.start.date() <= query.end]

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        self._check(chart, ehr_id)
        return next((each for each in self.ehr.book if each.ehr_id == ehr_id), None)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        self._check(chart, query)
        people = [each for each in self.ehr.people if query.mrn in (None, each.mrn)]
        return Patients(items=tuple(people[query.offset :][: query.limit]), total=len(people))

    def _check(self, chart: Chart, query: Any = None) -> None:
        self.ehr.asked.append(query)
        if self.ehr.read_trouble:
            raise self.ehr.read_trouble
        if chart.session["number"] != self.ehr.session:
            raise SessionEnded


class RenewingConnector(TinyConnector):
    """The same EHR with a refresh token. `renewed` is false when it gives no new session, and no reason."""

    async def renew(self, chart: Chart) -> Renewed | None:
        self.ehr.renewals += 1
        self.ehr.knocked.set()
        await self.ehr.gate.wait()
        if self.ehr.renew_trouble:
            raise self.ehr.renew_trouble
        renewed = Renewed(session={"number": self.ehr.session}, keep_alive=60, offers=self.ehr.offers)
        return renewed if self.ehr.renewed else None
