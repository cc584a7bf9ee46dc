"""The line to the real GNU Health breaks in mid-write: nothing is sent again, and what is there is found."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.writes import (
    AppointmentChange,
    NewAppointment,
    NewNote,
    NewPatient,
    NoteChange,
    PatientChange,
    Write,
)
from cobalt_link.connectors.gnuhealth import GnuHealth
from cobalt_link.net.errors import HttpError
from tests.connectors.gnuhealth.written import called, count, cut, do, held_of, ref
from tests.net.wires import plain
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
START = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=5)
MODELS = ("gnuhealth.appointment", "party.party", "gnuhealth.patient", "gnuhealth.patient.evaluation")


def new(kind: str, visit: str, note: str) -> Write:
    """A write that nobody made before."""
    some = ref()
    match kind:
        case "gnuhealth.appointment.create":
            return NewAppointment(ref=some, patient_ehr_id="1", patient_mrn="PUID-000", location_ehr_id="1",
                                  provider_ehr_id="1", type="followup", start=START)  # fmt: skip
        case "gnuhealth.appointment.write":
            return AppointmentChange(ref=some, ehr_id=visit, reason=some)
        case "party.party.create":
            return NewPatient(ref=some, first_name=some, last_name="Cut")
        case "party.party.write":
            return PatientChange(ref=some, ehr_id="6", email=f"{some}@example.org")
        case "gnuhealth.patient.evaluation.create":
            return NewNote(ref=some, appointment_ehr_id=visit, text=some)
    return NoteChange(ref=some, ehr_id=note, text=some)


KINDS = [f"{model}.{verb}" for model in (MODELS[0], MODELS[1], MODELS[3]) for verb in ("create", "write")]


async def test_a_broken_line_writes_nothing_twice_and_loses_nothing(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    visit = (await do(connector, doctor, new(KINDS[0], "", ""))).ehr_id
    note = (await do(connector, doctor, new("gnuhealth.patient.evaluation.create", visit, ""))).ehr_id
    for kind in KINDS:
        # An older record that looks the same is not taken for this one.
        await do(connector, doctor, new(kind, visit, note))
        for before in (True, False):
            write, there = new(kind, visit, note), [count(written_to, model) for model in MODELS]
            async with cut(written_to, doctor, f"model.{kind}", before=before) as (wire, chart):
                with pytest.raises(HttpError):
                    await connector.writings[write.capability].write(connector, chart, write)
                held = await held_of(connector, chart, write)
                changes = [each for each in map(called, wire.heard) if each.endswith((".create", ".write"))]
            assert changes == [f"model.{kind}"], "sent once"
            # Of a change, the record is there all the same.
            assert (held is not None) == (kind.endswith(".write") or not before), (kind, before)
            assert held is None or held.took != before, (kind, before)
            added = sum(count(written_to, model) for model in MODELS) - sum(there)
            made = {"party.party.create": 2}.get(kind, 1) if kind.endswith("create") else 0
            assert added == (0 if before else made), (kind, before)


async def test_a_free_slot_is_found_as_ours_only_if_it_was_taken(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    at = seed.a_moment(START - timedelta(hours=1))
    slot = seed.one(written_to, MODELS[0], {"healthprof": 1, "appointment_date": at, "state": "free"})
    for before in (True, False):
        write = msgspec.structs.replace(new(KINDS[0], "", ""), start=START - timedelta(hours=1))
        async with cut(written_to, doctor, f"model.{MODELS[0]}.write", before=before) as (_, chart):
            with pytest.raises(HttpError):
                await connector.writings[write.capability].write(connector, chart, write)
            held = await held_of(connector, chart, write)
        assert (held and held.ehr_id) == (None if before else str(slot))


async def test_a_proxy_s_error_leaves_open_what_became_of_the_write(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    for before in (True, False):
        write, timeout = new(KINDS[0], "", ""), plain(status="504 Gateway Timeout")
        async with cut(written_to, doctor, f"model.{KINDS[0]}", before=before, instead=timeout) as (_, chart):
            with pytest.raises(HttpError):
                await connector.writings[write.capability].write(connector, chart, write)
            assert (await held_of(connector, chart, write) is None) == before


async def test_a_note_whose_signing_broke_off_is_found_unsigned(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    visit = (await do(connector, doctor, new(KINDS[0], "", ""))).ehr_id
    for before in (True, False):
        write = NewNote(ref=ref(), appointment_ehr_id=visit, text="Cough", sign=True)
        async with cut(written_to, doctor, "model.gnuhealth.patient.evaluation.end_evaluation", before=before) as (
            _,
            chart,
        ):
            held = await do(connector, chart, write)
        assert held.fields["text"] == "Cough"
        assert (held.fields["sign"], held.pending_signature) == (not before, before)
