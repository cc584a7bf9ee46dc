"""Notes written, changed, and signed at the real GNU Health, read back by the connector and by its own API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import AppointmentQuery
from cobalt_link.connector.writes import NewNote, NoteChange, Soap
from cobalt_link.connector.writing import NotWritten
from cobalt_link.connectors.gnuhealth import GnuHealth, new_notes
from tests.connectors.gnuhealth import walk
from tests.connectors.gnuhealth.written import count, do, held_of, raw, ref, refused
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
MODEL = "gnuhealth.patient.evaluation"
TEXT = "S: Cough\nP: Rest"
PARTS = Soap(subjective="Cough for 3 days", objective="Lungs clear", assessment="Acute bronchitis", plan="Rest\nFluids")


def a_visit(bench: Bench, *, days: int = -1) -> str:
    """A new appointment of the first patient."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    values = {"patient": 1, "healthprof": 1, "institution": 1, "appointment_date": seed.a_moment(start)}
    values |= {"state": "checked_in", "visit_type": "followup", "appointment_type": "telemedicine", "urgency": "b"}
    return str(seed.one(bench, "gnuhealth.appointment", values))


def a_note(visit: str, **fields: Any) -> NewNote:
    return NewNote(ref=ref(), appointment_ehr_id=visit, **fields)


def a_change(note: str, **fields: Any) -> NoteChange:
    return NoteChange(ref=ref(), ehr_id=note, **fields)


async def test_a_text_is_in_the_chart_and_waits_for_a_signature(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    visit = a_visit(written_to)
    held = await do(connector, doctor, a_note(visit, text=TEXT))
    assert held.fields == {"appointment_ehr_id": visit, "text": TEXT} and held.pending_signature
    theirs = raw(written_to, MODEL, held.ehr_id, "patient", "appointment", "healthprof", "notes", "state", "visit_type",
                 "evaluation_type", "urgency", "institution", "present_illness", "signed_by")  # fmt: skip
    assert theirs == {
        "patient": 1, "appointment": int(visit), "healthprof": 1, "notes": TEXT, "state": "in_progress",
        "visit_type": "followup", "evaluation_type": "telemedicine", "urgency": "b", "institution": 1,
        "present_illness": None, "signed_by": None,
    }  # fmt: skip
    start = raw(written_to, "gnuhealth.appointment", visit, "appointment_date", "state")
    assert raw(written_to, MODEL, held.ehr_id, "evaluation_start")["evaluation_start"] == start["appointment_date"]
    assert start["state"] == "checked_in", "an open note does not end the visit"


async def test_the_parts_go_where_gnu_health_looks_for_them(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    visit = a_visit(written_to)
    held = await do(connector, doctor, a_note(visit, parts=PARTS))
    assert held.fields["parts"] == PARTS
    assert raw(written_to, MODEL, held.ehr_id, *new_notes.PARTS.values(), "notes") == {
        "present_illness": "Cough for 3 days", "evaluation_summary": "Lungs clear",
        "info_diagnosis": "Acute bronchitis", "directions": "Rest\nFluids", "notes": None,
    }  # fmt: skip
    day = written_to.today
    days = AppointmentQuery(start=day - timedelta(days=3), end=day + timedelta(days=3), include_note=True)
    (read,) = [each for each in await listed(connector.appointments(doctor, days)) if each.ehr_id == visit]
    assert read.progress_note == (
        "Present illness: Cough for 3 days\nEvaluation: Lungs clear\nAssessment: Acute bronchitis\nPlan: Rest\nFluids"
    )


async def test_a_note_is_changed_until_it_is_signed(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    note = (await do(connector, doctor, a_note(a_visit(written_to), parts=PARTS))).ehr_id
    held = await do(connector, doctor, a_change(note, parts=Soap(plan="Rest, tea")))
    assert held.fields == {"parts": Soap(plan="Rest, tea")} and held.pending_signature
    assert raw(written_to, MODEL, note, "directions", "evaluation_summary") == {
        "directions": "Rest, tea", "evaluation_summary": "Lungs clear",
    }  # fmt: skip
    signed = await do(connector, doctor, a_change(note, sign=True))
    assert signed.fields == {"sign": True} and not signed.pending_signature
    before = raw(written_to, MODEL, note, "write_date", "directions", "state", "signed_by")
    assert (before["state"], before["signed_by"]) == ("done", 1)
    for fields in ({"parts": Soap(plan="Surgery")}, {"text": "Surgery"}, {"sign": True}, {"text": "x", "sign": True}):
        assert await refused(connector, doctor, a_change(note, **fields)) == [("NOTE_SIGNED", "ehr_id")]
    assert raw(written_to, MODEL, note, "write_date", "directions", "state", "signed_by") == before
    held = await held_of(connector, doctor, a_change(note, text="Surgery"))
    assert held and not held.took and held.fields["text"] is None


async def test_a_note_can_be_signed_as_it_is_written(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    for days in (-1, 2):
        visit = a_visit(written_to, days=days)
        held = await do(connector, doctor, a_note(visit, text=TEXT, sign=True))
        assert held.fields["sign"] is True and not held.pending_signature
        assert raw(written_to, MODEL, held.ehr_id, "state", "notes") == {"state": "done", "notes": TEXT}
        assert raw(written_to, "gnuhealth.appointment", visit, "state") == {"state": "done"}, "signing ends the visit"


async def test_a_note_that_somebody_signs_in_that_moment_stays_as_it_was(
    written_to: Bench, connector: GnuHealth, doctor: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = (await do(connector, doctor, a_note(a_visit(written_to), text=TEXT))).ehr_id
    # SQLite's times count whole seconds, and this one has to tell the two versions apart.
    written_to._rows("UPDATE gnuhealth_patient_evaluation SET create_date = '2020-01-01 00:00:00' WHERE id = ?", note)
    sent = new_notes.changed

    async def sign_first(*words: Any, **context: Any) -> Any:
        written_to.rpc(f"model.{MODEL}.write", [int(note)], {"state": "done", "signed_by": 1})
        return await sent(*words, **context)

    monkeypatch.setattr("cobalt_link.connectors.gnuhealth.note_changes.changed", sign_first)
    with pytest.raises(NotWritten, match="NOTE_SIGNED"):
        await connector.writings["notes.update"].write(connector, doctor, a_change(note, text="Too late"))
    assert raw(written_to, MODEL, note, "notes") == {"notes": TEXT}


async def test_what_cannot_be_written_is_refused(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    before = count(written_to, MODEL)
    slot = str(written_to.appointments[3])
    for visit in ("999999", slot, "x"):
        assert await refused(connector, doctor, a_note(visit, text=TEXT)) == [
            ("APPOINTMENT_NOT_FOUND", "appointment_ehr_id")
        ]
    assert await refused(connector, doctor, a_change("999999", text=TEXT)) == [("NOTE_NOT_FOUND", "ehr_id")]
    assert count(written_to, MODEL) == before
    note = (await do(connector, doctor, a_note(a_visit(written_to), text=TEXT))).ehr_id
    ahead = seed.a_moment(datetime.now(UTC) + timedelta(days=1))
    written_to.rpc(f"model.{MODEL}.write", [int(note)], {"evaluation_start": ahead})
    assert await refused(connector, doctor, a_change(note, sign=True)) == [("EHR_VALIDATION_ERROR", "sign")]
    unsigned = await do(connector, doctor, a_note(a_visit(written_to), text=TEXT))
    assert unsigned.pending_signature


async def test_only_health_professionals_write_notes(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    """The front desk may book, and may not chart. What a group forbids is the administrator's to change."""
    groups = written_to.rpc("model.res.group.search", [["name", "=", "Health Front Desk"]], 0, None, None)
    user = written_to.rpc("model.res.user.search", [["login", "=", "clerk"]], 0, 1, None)
    written_to.rpc("model.res.user.write", user, {"groups": [["add", groups]]})
    clerk = (await walk.Walk(written_to.url).go(walk.credentials("clerk", seed.USERS["clerk"]))).chart
    visit = a_visit(written_to)
    assert await refused(connector, clerk, a_note(visit, text=TEXT)) == [("NO_RIGHTS", None)]
    person = {"name": "Pat", "lastname": "Clerk", "is_person": True, "fed_country": "USA", "gender": "f"}
    party = seed.one(written_to, "party.party", person | {"is_healthprof": True, "internal_user": user[0]})
    seed.one(written_to, "gnuhealth.healthprofessional", {"party": party, "institution": 1, "code": "LIC-3"})
    assert await refused(connector, clerk, a_note(visit, text=TEXT)) == [("NO_RIGHTS", None)]
    assert not count(written_to, MODEL, ["appointment", "=", int(visit)])
