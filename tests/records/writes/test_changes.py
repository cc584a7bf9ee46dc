"""What is said of a schedule that staff and we change between two reads, while days go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.records.resources.appointments import AppointmentView, Insurance, Metadata
from cobalt_link.records.sync.changes import (
    Digests,
    ScheduleRead,
    Span,
    arrived,
    changes,
    digests,
    gone,
    hold_back,
    is_cancelled,
    keep,
)

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


def said(before: Iterable[AppointmentView], now: Iterable[AppointmentView], passed: int = 0, **more: Any) -> Said:
    """Kinds and ids of what two reads say, the second so many days after the first."""
    return compared(seen(before), now, passed, **more)[0]


def compared(
    before: Digests,
    now: Iterable[AppointmentView],
    passed: int = 0,
    *,
    ours: Collection[str] = (),
    elsewhere: Iterable[AppointmentView] = (),
    older: Collection[str] = (),
    most: int = 99,
    form: object = (),
) -> tuple[Said, Digests]:
    """What a read says, and what it leaves to the next one. The EHR has the appointments that are `elsewhere`, if
    somebody asks for them, and up to `most` are asked for; `older` are known since before the last read."""
    views, moved = {each.id: each for each in now}, {each.id: each for each in elsewhere}
    first = TODAY + timedelta(days=passed)
    later = digests(KEY, views.values(), first + timedelta(days=WINDOW), form)
    missing = gone(before, later, first)[:most]
    assert set(arrived(before, later, ours)) <= views.keys() - before.appointments.keys()
    there = seen(each for each in moved.values() if each.id in missing).appointments
    known = ScheduleRead(
        views=views | moved, first=first, ours=ours, older=older, looked_up={id_: there.get(id_) for id_ in missing}
    )
    found = changes(before, later, known)
    keep(before, later, known)
    shown = views | moved
    assert all(each.view is shown.get(each.id) for each in found if each.kind != "patient.updated")
    assert all(each.view and each.view.patient_id == each.id for each in found if each.kind == "patient.updated")
    return sorted((each.kind, each.id) for each in found), later


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
    found, known = compared(seen(before), now, model.passed, ours=model.ours)
    assert found == model.expected()
    # Once: the next read, a day later, has nothing left to say.
    then = model.read(True, model.passed + 1)
    order.shuffle(then)
    assert compared(known, then, model.passed + 1)[0] == []


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


def test_what_is_no_longer_on_these_days_is_cancelled_only_if_the_ehr_has_it_no_longer() -> None:
    booked = [visit("a"), visit("b", 2)]
    for day in (WINDOW + 5, -9):
        moved = visit("a", day)
        found, known = compared(seen(booked), [booked[1]], elsewhere=[moved])
        assert found == [("appointment.updated", "a")]
        # Nobody asks for it again, and it says nothing when the days come to it.
        assert gone(known, seen([booked[1]]), TODAY) == []
        later = [booked[1], moved] if day > 0 else [booked[1]]
        assert compared(known, later, 2 if day < 0 else 5)[0] == []
        # Moved back, it is not created.
        assert compared(known, booked, older={"a"})[0] == [("appointment.updated", "a")]
    off = visit("a", WINDOW + 5, status="CANC")
    assert said(booked, [booked[1]], elsewhere=[off]) == [("appointment.cancelled", "a")]
    assert said(booked, [booked[1]]) == [("appointment.cancelled", "a")]
    assert said(booked, [booked[1]], ours={"a"}) == said(booked, [booked[1]], ours={"a"}, elsewhere=[off]) == []


def test_what_the_ehr_leaves_out_of_its_list_and_has_is_unchanged_or_cancelled_and_said_once() -> None:
    booked, other = visit("a"), visit("b", 2)
    found, known = compared(seen([booked, other]), [other], elsewhere=[booked])
    assert (found, compared(known, [booked, other])[0]) == ([], [])
    off = visit("a", status="CANC")
    found, known = compared(seen([booked, other]), [other], elsewhere=[off])
    assert found == [("appointment.cancelled", "a")]
    for _ in range(3):
        assert gone(known, seen([other]), TODAY) == []
        found, known = compared(known, [other])
        assert found == []
    assert compared(known, [off, other])[0] == []
    assert compared(known, [booked, other])[0] == [("appointment.updated", "a")]


def test_more_than_are_asked_for_at_once_are_said_by_later_reads() -> None:
    known, counts = seen(visit(f"a{number}", 3) for number in range(7)), list[int]()
    while not counts or counts[-1]:
        found, known = compared(known, [], most=3)
        counts.append(len(found))
    assert counts == [3, 3, 1, 0]


def test_nobody_knows_what_is_new_in_a_part_of_what_the_ehr_has() -> None:
    part, whole = seen([visit("a")]), [visit("a", reason="Other"), visit("b", 2)]
    part.is_partial = True
    found, known = compared(part, whole)
    assert found == [("appointment.updated", "a")]
    assert compared(known, [*whole, visit("c", 2)])[0] == [("appointment.created", "c")]


def test_a_new_way_to_look_at_an_ehr_is_no_change_in_it() -> None:
    before = [visit("a"), visit("b", 2), visit("c", 3, patient="pat-1")]
    now = [visit("a", reason="Other", insurance="B"), visit("c", 3, patient="pat-1", status="CANC"), visit("d", 3)]
    found, known = compared(seen(before), now, form="next release")
    # What is there and what is not can be told even so.
    assert found == [("appointment.cancelled", "b"), ("appointment.cancelled", "c"), ("appointment.created", "d")]
    again = [visit("a", reason="Third", insurance="B"), *now[1:]]
    assert compared(known, again, form="next release")[0] == [("appointment.updated", "a")]
    shown = visit("a", datetime=datetime(2026, 3, 3, 4, tzinfo=timezone(timedelta(hours=-5))))
    assert said([visit("a")], [shown]) == [], "the same moment in another zone"


def test_what_may_be_ours_is_said_by_a_later_read_and_what_came_with_the_days_never() -> None:
    """While a write of ours is under way, a new appointment may be ours."""
    before, shown = seen([visit("old")]), [visit("old"), visit("new", 2), visit("later", WINDOW + 1)]

    def read(known: Digests, arriving: Collection[Span], came: Span, **more: Any) -> tuple[Said, Digests]:
        now = seen(shown, 1)
        hold_back(known, now, arriving, came)
        return compared_with(known, now, shown, **more)

    ours = (95.0, 140.0)
    found, now = read(before, [ours], (40, 100))
    assert found == []
    for came in ((100, 101), (101, 150), (150, 500)):
        # The id is not the one of our write as long as that is under way.
        found, still = read(now, [ours], came)
        assert (found, still.held.keys()) == ([], {"new"})
    assert read(now, [], (100, 160))[0] == [("appointment.created", "new")]
    # That its id is known since then does not make it older.
    assert (arrived(now, seen(shown, 1), ()), arrived(before, seen(shown, 1), ())) == ([], ["new"])
    assert read(now, [], (100, 160), ours={"new"})[0] == []
    # Another write of ours that began when this one was there already does not keep it any longer.
    assert read(now, [(101.0, 200.0)], (100, 160))[0] == [("appointment.created", "new")]
    assert read(before, [(10.0, 39.0), (101.0, 200.0)], (40, 100))[0] == [("appointment.created", "new")]


def compared_with(before: Digests, now: Digests, shown: Iterable[AppointmentView], **more: Any) -> tuple[Said, Digests]:
    found = changes(before, now, ScheduleRead(views={each.id: each for each in shown}, first=TODAY, **more))
    return [(each.kind, each.id) for each in found], now


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
