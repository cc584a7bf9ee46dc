"""Reads of the sandbox EHR hold what the EHR itself says over its own API, with every filter and over all pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Coded,
    Location,
    Patient,
    PatientMedication,
    PatientPharmacy,
    PatientQuery,
    Provider,
    Shift,
)
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.connectors.sandbox.reads.schedule import spans
from tests.connectors.sandbox.conftest import Open
from tests.support.world import Sandbox

NOON = "2026-03-04T12:00:00-05:00"
TODAY = date(2026, 3, 4)
MONTH = AppointmentQuery(start=TODAY - timedelta(days=30), end=TODAY + timedelta(days=30))

SEXES: dict[str, Literal["female", "male", "unknown"]] = {"F": "female", "M": "male", "U": "unknown"}


@pytest.fixture(autouse=True)
async def noon(sandbox: Sandbox) -> None:
    await sandbox.lab("clock", {"now": NOON})


async def theirs(sandbox: Sandbox, chart: Chart, path: str, **query: Any) -> Any:
    """What the EHR says itself."""
    return await sandbox.read(path, chart.session["token"], **query)


async def all_patients(sandbox: Sandbox, chart: Chart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        found = await theirs(sandbox, chart, "patients", offset=len(rows), limit=200)
        rows += found["patients"]
        if len(rows) == found["total"]:
            return rows


async def test_patients_are_all_there_in_the_ehrs_order(sandbox: Sandbox, connector: Connector, chart: Chart) -> None:
    rows = await all_patients(sandbox, chart)
    found = await connector.patients(chart, PatientQuery(limit=500))
    assert [each.ehr_id for each in found.items] == [row["id"] for row in rows]
    assert found.total == len(rows) > 20


async def test_a_patient_has_every_field_that_the_ehr_has(sandbox: Sandbox, connector: Connector, chart: Chart) -> None:
    rows = {row["id"]: row for row in await all_patients(sandbox, chart)}
    for each in (await connector.patients(chart, PatientQuery(limit=500))).items:
        row = rows[each.ehr_id]
        address, phones = row["address"], row["phones"]
        assert each == Patient(
            ehr_id=row["id"], mrn=row["mrn"], first_name=row["first_name"], last_name=row["last_name"],
            middle_name=row["middle_name"] or None, dob=date.fromisoformat(row["dob"]),
            sex=SEXES[row["sex"]],
            phone=phones["home"] or phones["mobile"] or None, cell_phone=phones["mobile"] or None,
            email=row["email"] or None, address_street=address["street"] or None,
            address_line2=address["line2"] or None, address_city=address["city"] or None,
            address_state=address["state"] or None, address_zip=address["zip"] or None,
            rendering_provider_ehr_id=row["provider_id"] or None,
            medications=tuple(
                PatientMedication(
                    name=taken["name"], strength=taken["strength"] or None, frequency=taken["frequency"] or None,
                    start_date=date.fromisoformat(taken["started_on"]), refills=taken["refills"],
                    notes=taken["notes"] or None,
                )
                for taken in row["medications"]
            ),
            pharmacies=tuple(
                PatientPharmacy(pharmacy_ehr_id=shop["pharmacy_id"], is_primary=shop["primary"])
                for shop in row["pharmacies"]
            ),
            updated_at=datetime.fromisoformat(row["updated_at"]),
        )  # fmt: skip
    assert all(any(each[name] for each in rows.values()) for name in ("provider_id", "medications", "pharmacies"))
    assert {each["sex"] for each in rows.values()} >= {"F", "M"}


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_pages_share_out_all_patients(limit: int, connector: Connector, chart: Chart) -> None:
    whole = await connector.patients(chart, PatientQuery(limit=500))
    offsets = range(0, min(whole.total, limit * 4) + limit, limit)
    pages = [await connector.patients(chart, PatientQuery(offset=offset, limit=limit)) for offset in offsets]
    together = [each for page in pages for each in page.items]
    assert together == list(whole.items)[: len(together)] and {page.total for page in pages} == {whole.total}
    assert not (await connector.patients(chart, PatientQuery(offset=whole.total, limit=limit))).items


@pytest.mark.parametrize("name", ["mrn", "ehr_id", "dob", "first_name", "last_name", "phone"])
async def test_every_filter_of_patients_finds_exactly_who_it_should(
    name: str, connector: Connector, chart: Chart
) -> None:
    whole = (await connector.patients(chart, PatientQuery(limit=500))).items
    someone = next(each for each in whole if getattr(each, name))
    value = getattr(someone, name)
    found = await connector.patients(chart, PatientQuery(limit=500, **{name: value}))
    if name == "phone":
        wanted = [each for each in whole if value in (each.phone, each.cell_phone)]
    elif "name" in name:
        wanted = [each for each in whole if value.casefold() in getattr(each, name).casefold()]
    else:
        wanted = [each for each in whole if getattr(each, name) == value]
    assert {each.ehr_id for each in wanted} <= {each.ehr_id for each in found.items}
    assert found.total == len(found.items) == len(wanted)


async def test_names_match_partly_and_in_any_case(connector: Connector, chart: Chart) -> None:
    someone = (await connector.patients(chart, PatientQuery(limit=1))).items[0]
    part = someone.last_name[1:4].upper()
    found = await connector.patients(chart, PatientQuery(limit=500, last_name=part))
    assert someone in found.items


@pytest.mark.parametrize("form", ["{}", "+1 {}", "({0:.3}) {0}", "1-{}"])
async def test_a_phone_is_found_in_any_spelling(form: str, connector: Connector, chart: Chart) -> None:
    whole = (await connector.patients(chart, PatientQuery(limit=500))).items
    someone, phone = next((each, each.phone) for each in whole if each.phone)
    spelled = form.format(phone) if "0" not in form else f"({phone[:3]}) {phone[4:]}"
    assert someone in (await connector.patients(chart, PatientQuery(limit=500, phone=spelled))).items


@pytest.mark.parametrize("phone", ["", "555", "abc", "+1", "0000000000"])
async def test_a_phone_that_is_nobodys_finds_nobody(phone: str, connector: Connector, chart: Chart) -> None:
    found = await connector.patients(chart, PatientQuery(phone=phone))
    assert (found.items, found.total) == ((), 0)
    assert not await listed(
        connector.appointments(chart, AppointmentQuery(start=TODAY, end=TODAY, patient_phone=phone))
    )


async def test_filters_have_to_match_all_of_them(connector: Connector, chart: Chart) -> None:
    one, other = (await connector.patients(chart, PatientQuery(limit=2))).items
    assert (await connector.patients(chart, PatientQuery(mrn=one.mrn, ehr_id=one.ehr_id))).items == (one,)
    assert not (await connector.patients(chart, PatientQuery(mrn=one.mrn, ehr_id=other.ehr_id))).items


async def test_appointments_are_all_there_by_start_with_the_practices_offset(
    sandbox: Sandbox, connector: Connector, chart: Chart
) -> None:
    days = {"start": MONTH.start.isoformat(), "end": MONTH.end.isoformat()}
    pages = [await theirs(sandbox, chart, "appointments", offset=offset, limit=1000, **days) for offset in (0, 1000)]
    rows = [row for page in pages for row in page["appointments"]]
    found = await listed(connector.appointments(chart, MONTH))
    assert [each.ehr_id for each in found] == [row["id"] for row in rows] and len(rows) > 1000
    starts = [each.start for each in found if each.start]
    assert len(starts) == len(found) and starts == sorted(starts)
    assert {each.utcoffset() for each in starts} == {timedelta(hours=-5), timedelta(hours=-4)}  # before, after DST


async def test_an_appointment_has_every_field_that_the_ehr_has(
    sandbox: Sandbox, connector: Connector, chart: Chart
) -> None:
    days = {"start": TODAY.isoformat(), "end": TODAY.isoformat()}
    rows = (await theirs(sandbox, chart, "appointments", include="progress_note", **days))["appointments"]
    providers = {row["id"]: row for row in (await theirs(sandbox, chart, "providers"))["providers"]}
    locations = {row["id"]: row for row in (await theirs(sandbox, chart, "locations"))["locations"]}
    found = await listed(connector.appointments(chart, AppointmentQuery(start=TODAY, end=TODAY, include_note=True)))
    for row, each in zip(rows, found, strict=True):
        provider, patient = providers[row["provider_id"]], row["patient"]
        assert (each.start, each.duration) == (datetime.fromisoformat(row["start"]), row["minutes"])
        assert (each.status, each.appointment_type) == (row["status"], row["type"])
        assert each.mode == {"office": "office", "video": "telemedicine"}[row["mode"]]
        assert (each.location_ehr_id, each.location_name) == (row["location_id"], locations[row["location_id"]]["name"])
        assert each.provider_name == f"{provider['last_name']}, {provider['first_name']}"
        assert (each.provider_ehr_id, each.provider_npi) == (provider["id"], provider["npi"])
        assert (each.patient.ehr_id, each.patient.mrn) == (patient["id"], patient["mrn"])
        assert (each.patient.first_name, each.patient.last_name) == (patient["first_name"], patient["last_name"])
        assert each.patient.sex == {"F": "female", "M": "male", "U": "unknown"}[patient["sex"]]
        assert (each.reason, each.complaint_type) == (row["reason"] or None, row["complaint"] or None)
        assert (each.note, each.progress_note) == (row["note"] or None, row["progress_note"] or None)
        assert (list(each.diagnoses), list(each.medications)) == (row["diagnoses"], row["medications"])
        first = next((one for one in row["insurance"] if one["rank"] == 1), None)
        assert (each.insurance, each.insurance_number) == (
            (first["payer"], first["member_id"]) if first else (None, None)
        )
        assert each.created_at == datetime.fromisoformat(row["created_at"])
    assert rows


@pytest.mark.parametrize("name", ["patient_mrn", "patient_name", "patient_phone", "mode"])
async def test_every_filter_of_appointments_finds_exactly_what_it_should(
    name: str, connector: Connector, chart: Chart
) -> None:
    read: dict[str, Callable[[Appointment], Any]] = {
        "patient_mrn": lambda each: each.patient.mrn,
        "patient_name": lambda each: each.patient.last_name,
        "patient_phone": lambda each: each.patient.phone,
        "mode": lambda each: each.mode,
    }
    field = read[name]
    whole = await listed(connector.appointments(chart, MONTH))
    values = {field(each) for each in whole} - {None}
    for value in sorted(values)[:5]:
        found = await listed(
            connector.appointments(chart, AppointmentQuery(start=MONTH.start, end=MONTH.end, **{name: value}))
        )
        same = [each for each in whole if value in (field(each), each.patient.first_name if "name" in name else None)]
        ids = {each.ehr_id for each in found}
        assert ids >= {each.ehr_id for each in same}
        if name != "patient_name":  # another patient's name may hold this one
            assert ids == {each.ehr_id for each in same}


async def test_notes_come_only_when_asked_for(connector: Connector, chart: Chart) -> None:
    assert not any(each.progress_note for each in await listed(connector.appointments(chart, MONTH)))
    asked = AppointmentQuery(start=MONTH.start, end=MONTH.end, include_note=True)
    assert any(each.progress_note for each in await listed(connector.appointments(chart, asked)))


async def test_one_appointment_is_the_one_of_the_list(connector: Connector, chart: Chart) -> None:
    day = AppointmentQuery(start=TODAY, end=TODAY, include_note=True)
    first = (await listed(connector.appointments(chart, day)))[0]
    assert await connector.appointment(chart, first.ehr_id) == first


@pytest.mark.parametrize("ehr_id", ["999999999", "../patients", "a/b", "?x=1", "é"])
async def test_an_appointment_that_nobody_has_is_none(ehr_id: str, connector: Connector, chart: Chart) -> None:
    assert await connector.appointment(chart, ehr_id) is None


async def test_more_days_than_the_ehr_gives_at_once_are_read_in_pieces(connector: Connector, chart: Chart) -> None:
    years = AppointmentQuery(start=TODAY - timedelta(days=400), end=TODAY + timedelta(days=400))
    assert await listed(connector.appointments(chart, years)) == await listed(connector.appointments(chart, MONTH))
    found = spans(date(2024, 1, 1), date(2026, 12, 31))
    assert [(str(start), str(end)) for start, end in found] == [
        ("2024-01-01", "2024-12-31"), ("2025-01-01", "2026-01-01"), ("2026-01-02", "2026-12-31"),
    ]  # fmt: skip


async def test_providers_locations_and_settings_are_the_clinics(
    sandbox: Sandbox, connector: Connector, opened: Open
) -> None:
    chart = await opened("user_clinics", {"value": "3"})
    names = {row["id"]: row["name"] for row in (await theirs(sandbox, chart, "locations"))["locations"]}

    def shift(row: dict[str, Any]) -> Shift:
        start, end = time.fromisoformat(row["start"]), time.fromisoformat(row["end"])
        place = row["location_id"]
        return Shift(weekday=row["weekday"], start=start, end=end, location_ehr_id=place, location_name=names[place])

    rows = (await theirs(sandbox, chart, "providers"))["providers"]
    assert await connector.providers(chart) == [
        Provider(ehr_id=row["id"], name=f"{row['last_name']}, {row['first_name']}", npi=row["npi"],
                 active=row["active"], timezone="America/Phoenix", hours=tuple(map(shift, row["hours"])))
        for row in rows
    ]  # fmt: skip
    assert shift(rows[0]["hours"][0]) == Shift(
        weekday=1, start=time(8), end=time(17), location_ehr_id="301", location_name="Harbor Heart, Pier Building"
    )
    closed = (await connector.locations(chart))[1]
    assert closed == Location(
        ehr_id="302", name="Harbor Heart, Old Mill (closed)", active=False, address1="9 Mill Yard", address2=None,
        city="Port Ellery", state="AZ", zip="00278", phone="602-555-0122", fax="602-555-0198",
    )  # fmt: skip
    settings = await connector.settings(chart)
    assert settings.timezone == "America/Phoenix"
    assert Coded(code="TELE", description="Video visit") in settings.visit_types
    assert Coded(code="NOSHOW", description="Patient did not come") in settings.visit_statuses
    assert settings.required_patient_fields == ("first_name", "last_name", "dob", "sex", "phone")


async def test_each_clinic_sees_its_own_patients(connector: Connector, opened: Open) -> None:
    seen = []
    for clinic in ("1", "2", "3"):
        chart = await opened("user_clinics", {"value": clinic})
        seen.append({each.ehr_id for each in (await connector.patients(chart, PatientQuery(limit=500))).items})
    assert all(seen) and not seen[0] & seen[1] and not seen[1] & seen[2]
