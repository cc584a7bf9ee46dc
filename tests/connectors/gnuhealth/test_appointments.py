"""Appointments read from the real GNU Health, compared with what was put into it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Appointment, AppointmentQuery, Patient
from cobalt_link.connector.refusals import SessionEnded
from cobalt_link.connectors.gnuhealth import GnuHealth, server
from cobalt_link.records import schedule
from tests.connectors.gnuhealth.notes import TEXT, noted
from tests.connectors.gnuhealth.walk import Walk, credentials
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
DOCTOR = credentials("ccameron", seed.USERS["ccameron"])


@pytest.fixture(scope="module")
async def chart(gnuhealth: Bench) -> Chart:
    return (await Walk(gnuhealth.url).go(DOCTOR)).chart


def a_week(bench: Bench, **filters: Any) -> AppointmentQuery:
    return AppointmentQuery(start=bench.today - timedelta(days=7), end=bench.today + timedelta(days=7), **filters)


def seeded(bench: Bench) -> dict[str, seed.Visit]:
    """What can be read back, by the server's id: all but the free slots."""
    pairs = zip(bench.appointments, seed.visits(bench.today), strict=True)
    return {str(number): visit for number, visit in pairs if visit.patient}


def starts(found: list[Appointment]) -> list[datetime]:
    return [each.start for each in found if each.start]


async def puids(connector: GnuHealth, chart: Chart, query: AppointmentQuery) -> list[str]:
    return [each.patient.mrn for each in await listed(connector.appointments(chart, query))]


async def test_each_appointment_says_who_when_where_and_why(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    found = await listed(connector.appointments(chart, a_week(gnuhealth)))
    assert starts(found) == sorted(starts(found))
    assert {each.ehr_id: each.start for each in found} == {key: v.start for key, v in seeded(gnuhealth).items()}
    (cough,) = [each for each in found if each.reason]
    assert cough.updated_at and cough.updated_at >= (cough.created_at or cough.updated_at)
    assert msgspec.structs.replace(cough, ehr_id="", created_at=None, updated_at=None) == Appointment(
        ehr_id="", start=seed.visits(gnuhealth.today)[0].start, duration=None, status="confirmed",
        appointment_type="followup", mode="office", reason="Cough for three days",
        patient=Patient(
            ehr_id="1", mrn="PUID-000", first_name="Ana", last_name="Betz", dob=date(1985, 10, 4), sex="female",
            phone="+1 (555) 201-0001", cell_phone="+1 (555) 201-0001",
        ),
        provider_ehr_id="1", provider_name="Cameron, Cora", location_ehr_id="1", location_name="Riverside Clinic",
    )  # fmt: skip
    assert cough.created_at and cough.start and cough.created_at.utcoffset() == cough.start.utcoffset()


async def test_times_stand_in_the_practice_s_zone(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    for each in await listed(connector.appointments(chart, a_week(gnuhealth))):
        visit = seeded(gnuhealth)[each.ehr_id]
        assert each.start and each.start.isoformat() == visit.start.isoformat()


async def test_days_are_the_practice_s_days_and_both_ends_count(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    today = gnuhealth.today
    found = await listed(connector.appointments(chart, AppointmentQuery(start=today, end=today)))
    wanted = [visit.start for visit in seeded(gnuhealth).values() if visit.start.date() == today]
    assert [each.start for each in found] == wanted
    last = starts(found)[-1]
    assert (last.hour, last.minute) == (23, 30) and last.astimezone(UTC).date() == today + timedelta(days=1)
    two = await listed(connector.appointments(chart, AppointmentQuery(start=today, end=today + timedelta(days=1))))
    assert len(two) == len(found) + 2


async def test_the_first_and_the_last_day_of_time_can_be_asked_for(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    found = await listed(connector.appointments(chart, AppointmentQuery(start=date.min, end=date.max)))
    assert len(found) == len(seeded(gnuhealth))


async def test_free_slots_are_not_appointments(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    slots = [
        number
        for number, visit in zip(gnuhealth.appointments, seed.visits(gnuhealth.today), strict=True)
        if not visit.patient
    ]
    assert len(slots) == 1
    assert await connector.appointment(chart, str(slots[0])) is None


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [({"patient_mrn": "PUID-001"}, {"PUID-001"}), ({"patient_mrn": "puid-001"}, set()),
     ({"patient_name": "betz"}, {"PUID-000", "PUID-001", "PUID-004"}), ({"patient_name": "Betz, Ana"}, {"PUID-000"}),
     ({"patient_name": "ana BETZ"}, {"PUID-000"}), ({"patient_name": "ángela"}, {"PUID-002"}),
     ({"patient_name": "NÚÑEZ"}, {"PUID-002"}), ({"patient_name": "o'b"}, {"PUID-004"}),
     ({"patient_name": "O’Betza,Roberto "}, {"PUID-004"}),
     ({"patient_name": "nu\u0301n\u0303ez a\u0301ngela"}, {"PUID-002"}),
     ({"patient_name": "%"}, set()),
     ({"patient_phone": "555-201-0004"}, {"PUID-003"}), ({"patient_phone": "5552010005"}, {"PUID-003"}),
     ({"patient_phone": "555-201-0001"}, {"PUID-000"}), ({"patient_phone": "201"}, set()),
     ({"mode": "telemedicine", "patient_mrn": "PUID-000"}, {"PUID-000"}),
     ({"mode": "telemedicine", "patient_name": "john"}, set()),
     ({"mode": "office", "patient_mrn": "PUID-002"}, {"PUID-002"}),
     ({"patient_ehr_id": "2"}, {"PUID-001"}), ({"patient_ehr_id": "x"}, set()),
     ({"updated_since": datetime(2999, 1, 1, tzinfo=UTC)}, set()),
     ({"updated_since": datetime(2020, 1, 1, tzinfo=UTC), "patient_ehr_id": "1"}, {"PUID-000"})],
)  # fmt: skip
async def test_filters_narrow_the_list(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart, filters: dict[str, Any], wanted: set[str]
) -> None:
    assert set(await puids(connector, chart, a_week(gnuhealth, **filters))) == wanted


async def test_the_two_modes_share_out_all_appointments(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    office, tele = [
        await listed(connector.appointments(chart, a_week(gnuhealth, mode=mode))) for mode in ("office", "telemedicine")
    ]
    assert {each.mode for each in office} == {"office"} and {each.mode for each in tele} == {"telemedicine"}
    assert len(office) + len(tele) == len(seeded(gnuhealth)) and len(tele) == 2


async def test_one_appointment_is_found_by_its_id(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    for number, visit in seeded(gnuhealth).items():
        found = await connector.appointment(chart, number)
        assert found and (found.ehr_id, found.start, found.status) == (number, visit.start, visit.state)


@pytest.mark.parametrize("unknown", ["999999", "0", "-1", "1; DROP", "", "１", "9" * 40, "1.0"])
async def test_an_unknown_id_finds_nothing(connector: GnuHealth, chart: Chart, unknown: str) -> None:
    assert await connector.appointment(chart, unknown) is None


async def test_the_progress_note_comes_only_when_asked_for(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    done = noted(gnuhealth)
    asked = {
        each.ehr_id: each for each in await listed(connector.appointments(chart, a_week(gnuhealth, include_note=True)))
    }
    assert asked[done].progress_note == TEXT
    assert [each for each in asked.values() if each.progress_note] == [asked[done]]
    assert not any(each.progress_note for each in await listed(connector.appointments(chart, a_week(gnuhealth))))
    for wanted, note in ((True, TEXT), (False, None)):
        by_id = await schedule.appointment(connector, chart, done, None, note=wanted)
        assert by_id and by_id.progress_note == note


async def test_long_lists_are_read_to_the_end(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ROWS", 3)
    found = await listed(connector.appointments(chart, a_week(gnuhealth)))
    assert {each.ehr_id for each in found} == seeded(gnuhealth).keys()


async def test_a_company_without_a_time_zone_reads_in_utc(gnuhealth: Bench, connector: GnuHealth) -> None:
    gnuhealth.rpc("model.company.company.write", [1], {"timezone": None})
    try:
        chart = (await Walk(gnuhealth.url).go(DOCTOR)).chart
        found = await listed(connector.appointments(chart, a_week(gnuhealth)))
        assert {each.utcoffset() for each in starts(found)} == {timedelta(0)}
        assert (await connector.settings(chart)).timezone is None
    finally:
        gnuhealth.rpc("model.company.company.write", [1], {"timezone": str(seed.ZONE)})


async def test_a_session_that_the_server_dropped_has_ended(gnuhealth: Bench, connector: GnuHealth) -> None:
    chart = (await Walk(gnuhealth.url).go(DOCTOR)).chart
    gnuhealth.drop_sessions()
    with pytest.raises(SessionEnded):
        await listed(connector.appointments(chart, a_week(gnuhealth)))
