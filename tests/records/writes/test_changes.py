"""What is said of a schedule that staff and we change between two reads, while days go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.records.resources.appointments import AppointmentView, Insurance, Metadata
from cobalt_link.records.sync.changes import Digests, changes, digests, hold_back, is_cancelled

KEY = b"k" * 32
TODAY = date(2026, 3, 2)
WINDOW = 10  # days that a read goes ahead
PATIENTS = ("pat-0", "pat-1", "pat-2")
FIELDS = [each.name for each in msgspec.structs.fields(AppointmentView)]
Said = list[tuple[str, str]]


def visit(id_: str, day: int | None = 1, patient: str | None = "pat-0", **more: Any) -> AppointmentView:
    """An appointment so many days from TODAY, with made-up fields."""
    start = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day) if day is not None else None
    fields: dict[str, Any] = dict.fromkeys(FIELDS) | {
        "id": id_, "ehr_appointment_id": f"ehr-{id_}", "datetime": start, "status": "SCHED", "cancelled": False,
        "appointment_mode": "office", "patient_id": patient, "patient_name": "Ada Byron", "patient_first_name": "Ada",
        "patient_last_name": "Byron", "patient_mrn": f"mrn-{patient}", "patient_ehr_id": "77", "insurances": [],
        "patient_phone": "602-555-0101", "diagnoses": (), "medications": (), "reason": "Follow-up",
        "object_metadata": Metadata("ehr", None), **more,
    }  # fmt: skip
    return AppointmentView(**fields)


def seen(views: Iterable[AppointmentView], passed: int = 0, key: bytes = KEY) -> Digests:
    return digests(key, views, TODAY + timedelta(days=passed + WINDOW))


def said(
    before: Iterable[AppointmentView], now: Iterable[AppointmentView], passed: int = 0, ours: Collection[str] = ()
) -> Said:
    """Kinds and ids of what two reads say, the second so many days after the first."""
    views = {each.id: each for each in now}
    found = changes(seen(before), seen(views.values(), passed), views, TODAY + timedelta(days=passed), ours)
    assert all(each.view is views.get(each.id) for each in found if each.kind != "patient.updated")
    assert all(each.view and each.view.patient_id == each.id for each in found if each.kind == "patient.updated")
    return sorted((each.kind, each.id) for each in found)


class Slot(msgspec.Struct):
    """An appointment of the model, and what is done to it between the reads, by whom."""

    day: int
    patient: str
    cancelled: bool
    insurance: str | None
    done: str
    staff: bool


class Schedule:
    """The EHR of the model. `slots` are there before the first read, unless they are `create`d after it."""

    def __init__(self, slots: list[Slot], patients: dict[str, tuple[str, bool]], passed: int) -> None:
        self.slots = {f"apt-{number}": each for number, each in enumerate(slots)}
        self.patients, self.passed = patients, passed

    def read(self, later: bool, first: int) -> list[AppointmentView]:
        found = []
        for id_, slot in self.slots.items():
            there = slot.done != "remove" if later else slot.done != "create"
            if not there or not first <= slot.day <= first + WINDOW:
                continue
            changed = self.patients[slot.patient][0] if later else ""
            noted = later and slot.done == "note"
            found.append(visit(
                id_, slot.day, slot.patient,
                status="CANC" if slot.cancelled or (later and slot.done == "cancel") else "SCHED",
                reason="Other" if noted else "Follow-up",
                patient_phone="602-555-0199" if changed == "phone" else "602-555-0101",
                insurance="New payer" if changed == "insurance" else slot.insurance,
                # Of the time of the read, as some EHRs answer them.
                created_at=datetime(2026, 3, 2 + first + later, tzinfo=UTC),
                updated_at=datetime(2026, 3, 2 + first + later, tzinfo=UTC),
            ))  # fmt: skip
        return found

    @property
    def ours(self) -> set[str]:
        written = {id_ for id_, slot in self.slots.items() if slot.done and not slot.staff}
        return written | {id_ for id_, (change, staff) in self.patients.items() if change and not staff}

    def expected(self) -> Said:
        both = {id_: slot for id_, slot in self.slots.items() if self.passed <= slot.day <= WINDOW}
        found = []
        for id_, slot in both.items():
            cancels = slot.done in ("cancel", "remove") and not slot.cancelled
            kind = {"create": "created", "note": "updated"}.get(slot.done) or ("cancelled" if cancels else "")
            if kind and slot.staff:
                found.append((f"appointment.{kind}", id_))
        kept = {id_ for id_, slot in both.items() if slot.done not in ("create", "remove")}
        # A patient is told of who is on the schedule in both reads, with one appointment or with two.
        old, new = ({each.patient_id for each in self.read(*when)} for when in ((False, 0), (True, self.passed)))
        for id_, (change, staff) in self.patients.items():
            held = {self.slots[each].patient for each in kept}
            if staff and ((change == "phone" and id_ in old & new) or (change == "insurance" and id_ in held)):
                found.append(("patient.updated", id_))
        return sorted(found)


SLOTS = st.builds(
    Slot,
    day=st.integers(-2, WINDOW + 4),
    patient=st.sampled_from(PATIENTS),
    cancelled=st.booleans(),
    insurance=st.sampled_from([None, "Payer A", "Payer B"]),
    done=st.sampled_from(["", "", "create", "note", "cancel", "remove"]),
    staff=st.booleans(),
)
CHANGED = st.tuples(st.sampled_from(["", "", "phone", "insurance"]), st.booleans())
SCHEDULES = st.builds(
    Schedule, st.lists(SLOTS, max_size=8), st.fixed_dictionaries(dict.fromkeys(PATIENTS, CHANGED)), st.integers(0, 4)
)


@given(SCHEDULES, st.randoms(use_true_random=False))
def test_each_change_of_staff_is_said_once_and_neither_ours_nor_what_days_bring(model: Schedule, order: Any) -> None:
    before, now = model.read(False, 0), model.read(True, model.passed)
    order.shuffle(now)
    assert said(before, now, model.passed, model.ours) == model.expected()
    # Once: the next read, a day later, has nothing left to say.
    first, then = seen(now, model.passed), model.read(True, model.passed + 1)
    order.shuffle(then)
    last = digests(KEY, then, TODAY + timedelta(days=model.passed + 1 + WINDOW))
    day = TODAY + timedelta(days=model.passed + 1)
    assert changes(first, last, {each.id: each for each in then}, day, ()) == []


def test_what_is_cancelled_twice_is_said_once_and_what_is_booked_again_is_an_update() -> None:
    booked, cancelled = visit("a"), visit("a", status="user_cancelled")
    assert said([booked], [cancelled]) == [("appointment.cancelled", "a")]
    assert said([cancelled], [visit("a", status="CANCELED")]) == [("appointment.updated", "a")]
    assert said([cancelled], []) == []  # deleted after it was cancelled
    assert said([cancelled], [booked]) == [("appointment.updated", "a")]
    assert said([booked], [visit("a", status="CANC", reason="Other", day=2)]) == [("appointment.cancelled", "a")]


def test_only_a_code_that_says_so_is_a_cancellation() -> None:
    assert all(map(is_cancelled, ("CANC", "user_cancelled", "center_cancelled", "Canceled", "CANCELLED")))
    assert not any(map(is_cancelled, (None, "", "SCHED", "R/S", "NOSHOW", "no_show", "confirmed")))
    assert said([visit("a")], [visit("a", status="R/S")]) == [("appointment.updated", "a")]


def test_an_appointment_without_a_date_comes_and_changes_but_its_absence_says_nothing() -> None:
    undated = visit("a", day=None)
    assert said([], [undated]) == [("appointment.created", "a")]
    assert said([undated], [visit("a", day=3)]) == [("appointment.updated", "a")]
    assert said([undated], []) == []


def test_every_field_that_an_app_reads_is_compared_and_nothing_else() -> None:
    """Each field of the view, changed alone: the appointment's or the patient's, and never both."""
    insurance = Insurance(
        priority=1, insurance_name="A", insurance_subscriber_number=None, group_id=None, insurance_subscriber=None
    )
    others: dict[str, Any] = {
        "insurances": [insurance],
        "object_metadata": Metadata("ehr", datetime(2026, 1, 1, tzinfo=UTC)),
    }
    silent, patients = set(), set()
    for field in set(FIELDS) - {"id", "patient_id", "datetime"}:
        other = others.get(field, "changed")
        match said([visit("a")], [visit("a", **{field: other})]):
            case []:
                silent.add(field)
            case [("patient.updated", "pat-0")]:
                patients.add(field)
            case found:
                assert found == [("appointment.updated", "a")], (field, found)
    assert silent == {"created_at", "updated_at", "object_metadata"}
    own = {each for each in FIELDS if each.startswith("patient_") or "insurance" in each}
    assert patients == own - {"patient_id", "patient_ehr_id"}


def test_a_patient_with_many_appointments_is_said_once() -> None:
    before = [visit(f"a{number}", number) for number in range(5)]
    for change in ({"patient_phone": "602-555-0199"}, {"insurance": "Payer B"}):
        now = [msgspec.structs.replace(each, **change) for each in before]
        assert said(before, now) == [("patient.updated", "pat-0")]
        assert said(before, now, ours={"pat-0"}) == []
    nobody = [visit("a", patient=None)]
    assert said(nobody, [visit("a", patient=None, patient_phone="602-555-0199", insurance="B")]) == []


def test_another_patient_in_an_appointment_changes_the_appointment_and_no_patient() -> None:
    other = visit("a", patient="pat-1", patient_phone="602-555-0177", insurance="Payer B")
    assert said([visit("a"), visit("b", patient="pat-1", patient_phone="602-555-0177")], [
        other, visit("b", patient="pat-1", patient_phone="602-555-0177"),
    ]) == [("appointment.updated", "a")]  # fmt: skip


def test_what_is_held_back_is_said_by_the_next_read_and_what_came_with_the_days_never() -> None:
    """While a write of ours is under way, a new appointment may be ours."""
    before = seen([visit("old")])
    shown = [visit("old"), visit("new", 2), visit("later", WINDOW + 1)]
    now = seen(shown, 1)
    hold_back(before, now)
    views = {each.id: each for each in shown}
    assert changes(before, now, views, TODAY, ()) == []
    then = seen(shown, 1)
    assert [(each.kind, each.id) for each in changes(now, then, views, TODAY, ())] == [("appointment.created", "new")]
    assert changes(now, then, views, TODAY, {"new"}) == []


@given(st.text(max_size=40).map("Zoë {}".format), st.text(max_size=40).map("Knee {}".format))
def test_digests_show_nothing_and_differ_with_the_key(name: str, reason: str) -> None:
    views = [visit("a", patient_name=name, patient_last_name=name, reason=reason, insurance=name)]
    mine, theirs = seen(views), seen(views, key=b"j" * 32)
    stored = msgspec.msgpack.encode(mine)
    for secret in (name, reason, "Byron", "602-555", "mrn-", "ehr-a", "SCHED", "Follow-up"):
        assert secret.encode() not in stored
    assert mine.appointments["a"].digest != theirs.appointments["a"].digest
    assert mine.appointments["a"].insurance != theirs.appointments["a"].insurance
    assert mine.patients["pat-0"] != theirs.patients["pat-0"]
    assert seen(views) == mine and msgspec.msgpack.decode(stored, type=Digests) == mine
