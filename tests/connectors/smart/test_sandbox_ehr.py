"""Against the sandbox EHR and its vendor twins, real servers: sign in on their pages, read, write, renew, sign out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from cobalt_link.connector import (
    AppointmentQuery,
    Capped,
    Chart,
    DocumentQuery,
    LoginRequired,
    MayBeHeld,
    NewNote,
    NewPatientNote,
    NewTask,
    NoteQuery,
    OrderQuery,
    PatientInsuranceQuery,
    PatientQuery,
    SessionEnded,
    SlotQuery,
    TaskQuery,
)
from cobalt_link.connector.panes import Redirect
from cobalt_link.connectors.smart import Smart
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Asking
from sandbox_ehr import twins
from sandbox_ehr.server import running
from tests.connectors.smart.runs import advance, answer, chart_of, granted
from tests.support.ehrs.smart import App, Registered
from tests.support.smart_app import SmartApp, query_of

DAY, NOON = date(2026, 3, 4), "2026-03-04T12:00:00-05:00"
TWINS = {"epic": "epic", "oracle": "oracle", "athenahealth": "athenahealth", "eclinicalworks": "eclinicalworks",
         "meditech": "meditech", "nextgen": "nextgen"}  # fmt: skip
PRACTICE = {"ah-practice": "Organization/a-1.Practice-1"}
OFFERED = ("patients", "appointments", "slots", "notes", "tasks", "notes.create", "appointments.create")


class Linked:
    """A user of the EHR who has signed in, with the connector and the lab."""

    def __init__(self, connector: Smart, chart: Chart, lab: httpx2.AsyncClient) -> None:
        self.connector, self.chart, self.lab = connector, chart, lab


@asynccontextmanager
async def guarded() -> AsyncIterator[Http]:
    http = Http(allow_private=True)
    try:
        yield http
    finally:
        await http.close()


@asynccontextmanager
async def linked(folder: Path, like: str | None = None, scopes: tuple[str, ...] = ()) -> AsyncIterator[Linked]:
    """Signed in as user_good, on the EHR's own pages."""
    more: Any = {"like": like} if like else {}
    base = twins.load(like).fhir if like else "/fhir/r4"
    async with (
        guarded() as http,
        running(data=folder, **more) as origin,
        httpx2.AsyncClient(base_url=origin, trust_env=False, verify=False, timeout=30) as lab,
    ):
        app = App(f"{origin}{base}", scopes=scopes, vendor=TWINS.get(like or "", ""), context=PRACTICE)
        page = SmartApp(lab, base, app.client_id, "s3cret")
        await page.register(redirect_uris=[app.redirect_uri])
        assert (await lab.put("/api/_lab/clock", json={"now": NOON})).status_code == 200
        connector, journal = Smart(http, Registered(app)), MemoryJournal()
        asking = await advance(connector, app.address, journal)
        assert isinstance(asking, Asking) and isinstance(asking.pane, Redirect), asking
        first = await lab.get(f"{asking.pane.url}&state=st-1")
        assert first.status_code == 200, first.text
        consent = await page.submit(first, username="user_good", password="pass_good")
        back = await page.submit(consent, decision="allow")
        assert back.status_code == 303, back.text
        await answer(journal, asking, query_of(back))
        grant = granted(await advance(connector, app.address, journal))
        yield Linked(connector, chart_of(app.address, grant), lab)


async def whole(records: Any) -> list[Any]:
    found = []
    try:
        async for each in records:
            found.append(each)
    except Capped:
        pass
    return found


async def test_the_whole_chart_of_the_sandbox_ehr_is_read_written_renewed_and_left(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        connector, chart = link.connector, link.chart
        assert chart.offers and not chart.offers.not_granted, chart.offers
        days = AppointmentQuery(start=DAY, end=DAY)
        appointments = await whole(connector.appointments(chart, days))
        assert len(appointments) > 5 and all(each.patient.mrn and each.provider_ehr_id for each in appointments)
        who = appointments[0].patient
        by_mrn = await connector.patients(chart, PatientQuery(mrn=who.mrn))
        assert [each.ehr_id for each in by_mrn.items] == [who.ehr_id]
        assert len(await whole(connector.providers(chart))) > 1 and len(await whole(connector.locations(chart))) > 1
        assert await whole(connector.slots(chart, SlotQuery(start_date=DAY, end_date=DAY)))
        patient_id = who.ehr_id
        note = NewPatientNote(ref="a" * 32, patient_ehr_id=patient_id, patient_mrn=who.mrn, subject="Call",
                              note="Called back", location_ehr_id=appointments[0].location_ehr_id or "101")  # fmt: skip
        writing = connector.writings["patient_notes.create"]
        made = await writing.write(connector, chart, note)
        assert writing.read_back
        held = await writing.read_back(connector, chart, note, made.ehr_id)
        assert held and held.fields["note"] == "Called back"
        notes = await whole(connector.notes(chart, NoteQuery(patient_ehr_id=patient_id)))
        assert "Called back" in [each.text for each in notes]
        task = NewTask(ref="b" * 32, patient_ehr_id=patient_id, patient_mrn=who.mrn, description="Call", subject="Call",
                       assignee_ehr_id=(chart.session["user"] or "").rpartition("/")[2])  # fmt: skip
        writing = connector.writings["tasks.create"]
        assert (await writing.write(connector, chart, task)).ehr_id
        assert "Call" in [
            each.description for each in await whole(connector.tasks(chart, TaskQuery(patient_ehr_id=patient_id)))
        ]
        for reads in (
            connector.documents(chart, DocumentQuery(patient_ehr_id=patient_id)),
            connector.orders(chart, OrderQuery(patient_ehr_id=patient_id)),
            connector.patient_insurances(chart, PatientInsuranceQuery(patient_ehr_id=patient_id)),
        ):
            assert isinstance(await whole(reads), list)
        await link.lab.delete("/api/_lab/access-tokens")
        with pytest.raises(SessionEnded):
            await connector.patients(chart, PatientQuery(mrn="1"))
        renewed = await connector.renew(chart)
        assert renewed and renewed.session["refresh_token"] != chart.session["refresh_token"]
        with pytest.raises(LoginRequired):  # the EHR detects the reuse, and ends the grant
            await connector.renew(chart)


@pytest.mark.parametrize("like", TWINS)
async def test_each_twin_is_linked_and_offers_what_its_vendor_does(tmp_path: Path, like: str) -> None:
    async with linked(tmp_path, like) as link:
        connector, chart, offers = link.connector, link.chart, link.chart.offers
        assert offers and chart.session["vendor"] == TWINS[like]
        found = {each for each in OFFERED if each in offers.reads or each in offers.writes}
        assert (
            found
            == {
                "epic": {"patients", "appointments", "notes", "tasks", "notes.create"},
                "oracle": {"patients", "appointments", "slots", "notes", "notes.create", "appointments.create"},
                "athenahealth": {"patients", "notes"},
                "eclinicalworks": {"patients", "notes"},
                "meditech": {"patients", "appointments", "notes"},
                "nextgen": {"patients", "notes"},
            }[like]
        )
        someone = await connector.patients(chart, PatientQuery(last_name="a", limit=5))
        if "appointments" in found:
            assert await whole(connector.appointments(chart, AppointmentQuery(start=DAY, end=DAY))) is not None
        for one in someone.items[:1]:
            same = await connector.patients(chart, PatientQuery(ehr_id=one.ehr_id))
            assert same.items == (one,)
            await whole(connector.notes(chart, NoteQuery(patient_ehr_id=one.ehr_id)))
            await whole(connector.documents(chart, DocumentQuery(patient_ehr_id=one.ehr_id)))
            await whole(connector.patient_insurances(chart, PatientInsuranceQuery(patient_ehr_id=one.ehr_id)))
            await whole(connector.orders(chart, OrderQuery(patient_ehr_id=one.ehr_id)))
        assert await whole(connector.providers(chart))


async def test_a_note_at_epic_is_found_by_its_id_and_may_be_there_after_a_lost_answer(tmp_path: Path) -> None:
    async with linked(tmp_path, "epic") as link:
        connector = link.connector
        session = {**link.chart.session, "schedules": ["Practitioner/501"]}
        chart = msgspec.structs.replace(link.chart, session=session)
        week = AppointmentQuery(start=DAY - timedelta(days=7), end=DAY)
        visit = next(each for each in await whole(connector.appointments(chart, week)) if each.status == "fulfilled")
        note = NewNote(ref="c" * 32, appointment_ehr_id=visit.ehr_id, text="Cough", sign=False)
        writing = connector.writings["notes.create"]
        assert writing.check and writing.read_back
        await writing.check(connector, chart, note)
        made = await writing.write(connector, chart, note)
        held = await writing.read_back(connector, chart, note, made.ehr_id)
        assert held and held.fields["text"] == "Cough"
        with pytest.raises(MayBeHeld):  # every search there must name a patient, and it drops our identifier
            await writing.read_back(connector, chart, note, None)
