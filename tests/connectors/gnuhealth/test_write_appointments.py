"""Appointments booked, moved, and cancelled at the real GNU Health, read back by the connector and by its own API."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import AppointmentQuery
from cobalt_link.connector.writes import AppointmentChange, NewAppointment
from cobalt_link.connector.writing import NotWritten
from cobalt_link.connectors.gnuhealth import GnuHealth, new_appointments
from tests.connectors.gnuhealth.written import count, do, held_of, raw, ref, refused
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
MODEL = "gnuhealth.appointment"


def a_time(bench: Bench, hour: int, minute: int = 0, days: int = 3) -> datetime:
    return datetime.combine(bench.today + timedelta(days=days), time(hour, minute), seed.ZONE)


def a_visit(start: datetime, **changes: Any) -> NewAppointment:
    fields: dict[str, Any] = {
        "patient_ehr_id": "1",
        "patient_mrn": "PUID-000",
        "provider_ehr_id": "2",
        "location_ehr_id": "1",
    }
    return NewAppointment(**(fields | {"ref": ref(), "type": "followup", "start": start} | changes))


async def test_a_booked_appointment_is_in_the_chart(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    start = a_time(written_to, 9, 20)
    held = await do(connector, doctor, a_visit(start, reason="  Sore throat ", prevent_double_booking=True))
    assert held.fields == {
        "patient_ehr_id": "1", "patient_mrn": "PUID-000", "provider_ehr_id": "2", "location_ehr_id": "1",
        "type": "followup", "start": start, "reason": "Sore throat",
    }  # fmt: skip
    assert held.fields["start"].utcoffset() == start.utcoffset() and not held.pending_signature
    read = await connector.appointment(doctor, held.ehr_id)
    assert read and (read.start, read.status, read.appointment_type, read.reason) == (
        start, "confirmed", "followup", "Sore throat",
    )  # fmt: skip
    theirs = raw(written_to, MODEL, held.ehr_id, "patient", "healthprof", "institution", "state", "visit_type",
                 "appointment_type", "urgency", "appointment_date")  # fmt: skip
    assert theirs == {
        "patient": 1, "healthprof": 2, "institution": 1, "state": "confirmed", "visit_type": "followup",
        "appointment_type": "outpatient", "urgency": "a", "appointment_date": seed.a_moment(start),
    }  # fmt: skip
    assert raw(written_to, MODEL, held.ehr_id, "name")["name"].startswith("CL-")


async def test_a_free_slot_is_taken_and_not_doubled(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    start = a_time(written_to, 10)
    slot = seed.one(written_to, MODEL, {
        "healthprof": 2, "institution": 1, "appointment_date": seed.a_moment(start), "state": "free",
    })  # fmt: skip
    held = await do(connector, doctor, a_visit(start, prevent_double_booking=True))
    assert held.ehr_id == str(slot)
    assert count(written_to, MODEL, ["appointment_date", "=", seed.a_moment(start)]) == 1


async def test_a_free_slot_that_somebody_takes_in_that_moment_is_a_conflict(
    written_to: Bench, connector: GnuHealth, doctor: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = a_time(written_to, 10, 30)
    free = {"healthprof": 2, "institution": 1, "appointment_date": seed.a_moment(start), "state": "free"}
    slot = seed.one(written_to, MODEL, free)
    # SQLite's times count whole seconds, and this one has to tell the two versions apart.
    written_to._rows("UPDATE gnuhealth_appointment SET create_date = '2020-01-01 00:00:00' WHERE id = ?", slot)
    sent = new_appointments.changed

    async def take_first(*words: Any, **context: Any) -> Any:
        written_to.rpc(f"model.{MODEL}.write", [slot], {"state": "confirmed", "patient": 3})
        return await sent(*words, **context)

    monkeypatch.setattr(new_appointments, "changed", take_first)
    with pytest.raises(NotWritten, match="SCHEDULE_CONFLICT"):
        await connector.writings["appointments.create"].write(connector, doctor, a_visit(start))
    assert raw(written_to, MODEL, slot, "patient") == {"patient": 3}


async def test_what_gnu_health_does_not_know_is_refused_before_anything_is_sent(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    start = a_time(written_to, 11)
    first = await do(connector, doctor, a_visit(start))
    before = count(written_to, MODEL)
    for changes, wanted in [
        ({"patient_ehr_id": "999"}, [("PATIENT_NOT_FOUND", "patient_ehr_id")]),
        ({"patient_ehr_id": "x"}, [("PATIENT_NOT_FOUND", "patient_ehr_id")]),
        ({"provider_ehr_id": "999"}, [("PROVIDER_NOT_FOUND", "provider_ehr_id")]),
        ({"location_ehr_id": "999"}, [("LOCATION_NOT_FOUND", "location_ehr_id")]),
        ({"type": "walk_in"}, [("INVALID_VISIT_TYPE", "type")]),
        ({"type": "free", "provider_ehr_id": "9"},
         [("PROVIDER_NOT_FOUND", "provider_ehr_id"), ("INVALID_VISIT_TYPE", "type")]),
        ({"prevent_double_booking": True}, [("SCHEDULE_CONFLICT", "start")]),
    ]:  # fmt: skip
        assert await refused(connector, doctor, a_visit(start, **changes)) == wanted, changes
    assert count(written_to, MODEL) == before
    await do(connector, doctor, AppointmentChange(ref=ref(), ehr_id=first.ehr_id, cancel=True))
    assert await do(connector, doctor, a_visit(start, prevent_double_booking=True)), "a cancelled visit is no conflict"
    assert await do(connector, doctor, a_visit(start)), "two at a time are booked if the app does not mind"


async def test_an_appointment_is_moved_and_changed(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    made = (await do(connector, doctor, a_visit(a_time(written_to, 12)))).ehr_id
    later = a_time(written_to, 15, 45)
    moved = AppointmentChange(ref=ref(), ehr_id=made, start=later, provider_ehr_id="1", type="new", reason="Two coughs")
    held = await do(connector, doctor, moved)
    asked = {"start": later, "provider_ehr_id": "1", "type": "new", "reason": "Two coughs"}
    assert {name: held.fields[name] for name in asked} == asked
    read = await connector.appointment(doctor, made)
    assert read and (read.start, read.provider_ehr_id, read.appointment_type) == (later, "1", "new")
    assert read.updated_at
    days = AppointmentQuery(start=later.date(), end=later.date(), updated_since=read.updated_at)
    assert made in [each.ehr_id for each in await listed(connector.appointments(doctor, days))]
    theirs = raw(written_to, MODEL, made, "healthprof", "visit_type", "comments", "appointment_date", "state")
    assert theirs == {
        "healthprof": 1, "visit_type": "new", "comments": "Two coughs", "appointment_date": seed.a_moment(later),
        "state": "confirmed",
    }  # fmt: skip


async def test_every_status_can_be_set_and_the_id_stays(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    made = (await do(connector, doctor, a_visit(a_time(written_to, 13)))).ehr_id
    name = raw(written_to, MODEL, made, "name")
    for coded in (await connector.settings(doctor)).visit_statuses:
        held = await do(connector, doctor, AppointmentChange(ref=ref(), ehr_id=made, status=coded.code))
        assert (held.fields["status"], raw(written_to, MODEL, made, "state")) == (coded.code, {"state": coded.code})
    await do(connector, doctor, AppointmentChange(ref=ref(), ehr_id=made, status="confirmed"))
    assert raw(written_to, MODEL, made, "name") == name
    assert raw(written_to, MODEL, made, "checked_in_date")["checked_in_date"], "the server notes when"


async def test_a_cancelled_appointment_stays_in_the_chart_as_cancelled(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    made = (await do(connector, doctor, a_visit(a_time(written_to, 14)))).ehr_id
    cancel = AppointmentChange(ref=ref(), ehr_id=made, cancel=True)
    assert (await do(connector, doctor, cancel)).fields["cancel"] is True
    assert raw(written_to, MODEL, made, "state") == {"state": "user_cancelled"}
    by_clinic = AppointmentChange(ref=ref(), ehr_id=made, status="center_cancelled")
    await do(connector, doctor, by_clinic)
    await do(connector, doctor, cancel)
    assert raw(written_to, MODEL, made, "state") == {"state": "center_cancelled"}, "it was cancelled already"


async def test_a_change_that_cannot_be_is_refused(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    made = (await do(connector, doctor, a_visit(a_time(written_to, 16)))).ehr_id
    slot = str(written_to.appointments[3])
    both = [("INVALID_VISIT_TYPE", "type"), ("EHR_VALIDATION_ERROR", "status")]
    refusals: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
        ("999999", {"status": "done"}, [("APPOINTMENT_NOT_FOUND", "ehr_id")]),
        (slot, {"status": "done"}, [("APPOINTMENT_NOT_FOUND", "ehr_id")]),
        (made, {"status": "free"}, [("EHR_VALIDATION_ERROR", "status")]),
        (made, {"status": "arrived", "type": "x"}, both),
        (made, {"provider_ehr_id": "7"}, [("PROVIDER_NOT_FOUND", "provider_ehr_id")]),
        (made, {"location_ehr_id": "7"}, [("LOCATION_NOT_FOUND", "location_ehr_id")]),
    ]
    for number, changes, wanted in refusals:
        assert await refused(connector, doctor, AppointmentChange(ref=ref(), ehr_id=number, **changes)) == wanted
    assert await held_of(connector, doctor, AppointmentChange(ref=ref(), ehr_id="999999", cancel=True)) is None
    held = await held_of(connector, doctor, AppointmentChange(ref=ref(), ehr_id=made, status="done"))
    assert held and not held.took and held.fields["status"] != "done"


async def test_the_specialty_is_the_professional_s_and_not_the_user_s(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    pairs = [(1, "Pediatrics", False), (2, "Cardiology", False), (2, "Surgery", True)]
    specialties = {}
    for number, name, main in pairs:
        specialties[name] = seed.one(written_to, "gnuhealth.specialty", {"name": name, "code": name[:4]})
        link = {"healthprof": number, "specialty": specialties[name], "mainsp": main}
        seed.one(written_to, "gnuhealth.hp_specialty", link)
    made = (await do(connector, doctor, a_visit(a_time(written_to, 19)))).ehr_id
    assert raw(written_to, MODEL, made, "speciality") == {"speciality": specialties["Surgery"]}
    await do(connector, doctor, AppointmentChange(ref=ref(), ehr_id=made, provider_ehr_id="1"))
    assert raw(written_to, MODEL, made, "speciality") == {"speciality": specialties["Pediatrics"]}


async def test_a_check_sends_nothing_that_changes(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    visit, before = a_visit(a_time(written_to, 17)), count(written_to, MODEL)
    check = connector.writings["appointments.create"].check
    assert check
    await check(connector, doctor, visit)
    assert count(written_to, MODEL) == before and await held_of(connector, doctor, visit) is None


async def test_a_professional_who_left_takes_no_appointments(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    written_to.rpc("model.gnuhealth.healthprofessional.write", [2], {"active": False})
    try:
        found = await refused(connector, doctor, a_visit(a_time(written_to, 18)))
        assert found == [("PROVIDER_NOT_FOUND", "provider_ehr_id")]
    finally:
        written_to.rpc("model.gnuhealth.healthprofessional.write", [2], {"active": True})
