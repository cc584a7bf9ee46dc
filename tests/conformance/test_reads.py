"""What the check finds in the reads of a connector, on connectors in memory that each have one mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from cobalt_link.conformance import ended_sessions, grants
from cobalt_link.conformance.reads import PAGE, methods_of, misread
from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Renewed
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.manifest import Manifest
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
from cobalt_link.connector.refusals import EhrDown, NoRights, SessionEnded

TODAY = date(2026, 3, 10)
CHART = Chart(instance=EhrInstance(address="https://ehr.example"), tenant="", session={"token": "Ab9z", "user": 7})
READS = """
[reads]
appointments = ["appointment_mode", "include_note", "patient_mrn", "patient_name", "patient_phone"]
patients = ["dob", "last_name", "phone"]
providers = []
locations = []
settings = []
"""
ABOUT = 'key = "fake"\nname = "Fake"\nsummary = "Fake"\nmark = "F"\nsign_in_version = 1\n'


def patient(number: int, **fields: Any) -> Patient:
    own: dict[str, Any] = {
        "dob": date(1980, 1, number + 1),
        "phone": f"555-010{number}",
        "first_name": f"First{number}",
    }
    values: dict[str, Any] = {"ehr_id": f"{number}", "mrn": f"M{number}", "last_name": f"Last{number}"}
    return Patient(**values | own | fields)


def appointment(number: int, **fields: Any) -> Appointment:
    start = datetime(2026, 3, 8 + number, 15, 0, tzinfo=UTC)
    mode = "office" if number % 2 else "telemedicine"
    values: dict[str, Any] = {"ehr_id": f"a{number}", "start": start, "mode": mode, "progress_note": "note"}
    values["patient"] = patient(number)
    return Appointment(**values | fields)


def of(row: Appointment) -> dict[str, Any]:
    """The patient of an appointment, by the names of the filters."""
    who = row.patient
    return {"patient_mrn": who.mrn, "patient_name": who.last_name, "patient_phone": who.phone}


class Fake:
    """Reads everything from memory, without a mistake. `valid` is whether the EHR knows the session."""

    folder: ClassVar[Path]
    manifest: ClassVar[Manifest]

    def __init__(self) -> None:
        self.valid = True
        self.every_appointment = [appointment(number) for number in range(5)]
        self.every_patient = [patient(number) for number in range(7)]

    def known(self, chart: Chart) -> None:
        if not self.valid or chart.session != CHART.session:
            raise SessionEnded

    async def sign_out(self, chart: Chart) -> None:
        self.valid = False

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        self.known(chart)
        asked = {name: getattr(query, name) for name in ("patient_mrn", "patient_name", "patient_phone")}
        return [
            row if query.include_note else msgspec.structs.replace(row, progress_note=None)
            for row in self.every_appointment
            if row.start
            and query.start <= row.start.date() <= query.end
            and query.mode in (None, row.mode)
            and all(value in (None, of(row)[name]) for name, value in asked.items())
        ]

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        self.known(chart)
        return next((row for row in self.every_appointment if row.ehr_id == ehr_id), None)

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        self.known(chart)
        found = [
            row for row in self.every_patient
            if all(getattr(query, name) in (None, getattr(row, name)) for name in ("dob", "last_name", "phone"))
        ]  # fmt: skip
        return Patients(items=tuple(found[query.offset :][: query.limit]), total=len(found))

    async def providers(self, chart: Chart) -> list[Provider]:
        self.known(chart)
        return [Provider(ehr_id="1", name="Lamb, Ann")]

    async def locations(self, chart: Chart) -> list[Location]:
        self.known(chart)
        return [Location(ehr_id="1", name="North")]

    async def settings(self, chart: Chart) -> PracticeSettings:
        self.known(chart)
        return PracticeSettings()


@pytest.fixture(autouse=True)
def manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(ABOUT + READS)
    Fake.folder, Fake.manifest = tmp_path, msgspec.toml.decode(ABOUT + READS, type=Manifest)


async def texts(connector: Fake, capability: Capability) -> list[str]:
    """What the check says of a read, with the place of each finding."""
    found = misread(connector, CHART, capability, TODAY)
    return [f"{each.where}: {each.text}" async for each in found]


@pytest.mark.parametrize("capability", ["appointments", "patients", "providers", "locations", "settings"])
async def test_reads_as_they_should_be_are_let_through(capability: Capability) -> None:
    assert await texts(Fake(), capability) == []


class Exclusive(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return [row for row in await super().appointments(chart, query) if row.start and row.start.date() < query.end]


class Undated(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return [*await super().appointments(chart, query), msgspec.structs.replace(appointment(9), start=None)]


class AnyDay(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return await super().appointments(
            chart, msgspec.structs.replace(query, start=query.start - timedelta(days=9), end=query.end)
        )


class Unknown(Fake):
    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return None


class First(Fake):
    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return self.every_appointment[1]


class NoAppointments(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return []


class Unsorted(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return (await super().appointments(chart, query))[::-1]


class WithoutNotes(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return await super().appointments(chart, msgspec.structs.replace(query, include_note=False))


class AnyPhone(Fake):
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return await super().appointments(chart, msgspec.structs.replace(query, patient_phone=None))


def with_appointments(**fields: Any) -> Callable[[], Fake]:
    def make() -> Fake:
        fake = Fake()
        fake.every_appointment = [appointment(number, **fields) for number in range(5)]
        return fake

    return make


APPOINTMENTS: dict[str, tuple[Callable[[], Fake], str]] = {
    "the last day left out": (Exclusive, "`end` is included"),
    "days that are not sent": (AnyDay, "gives appointments of other days"),
    "an id that is not found": (Unknown, "does not find an id"),
    "an id that is not looked at": (First, "another appointment than the one asked for"),
    "no appointment to ask for": (NoAppointments, "There are no appointments"),
    "another order": (Unsorted, "Sort them"),
    "no start": (Undated, "has no start"),
    "a start without an offset": (with_appointments(start=datetime(2026, 3, 10, 9, 0)), "has no offset"),
    "notes that never come": (WithoutNotes, "No appointment proves the filter include_note"),
    "a filter by phone that does nothing": (AnyPhone, "not filtered by patient_phone"),
    "one mode for all": (with_appointments(mode="office"), "No appointment proves the filter appointment_mode"),
    "no phone at all": (
        with_appointments(patient=patient(0, phone=None)),
        "No appointment proves the filter patient_phone",
    ),
}


@pytest.mark.parametrize("case", APPOINTMENTS, ids=[name.replace(" ", "_") for name in APPOINTMENTS])
async def test_a_mistake_in_appointments_is_found(case: str) -> None:
    make, part = APPOINTMENTS[case]
    found = await texts(make(), "appointments")
    assert [each for each in found if part in each], found
    assert all(each.startswith(("test_reads.py:", "manifest.toml:8: ")) for each in found)


class CountsThePage(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        page = await super().patients(chart, query)
        return Patients(items=page.items, total=len(page.items))


class CountsTheRest(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        page = await super().patients(chart, query)
        return Patients(items=page.items, total=page.total - query.offset)


class CountsTooMany(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        page = await super().patients(chart, query)
        return Patients(items=page.items, total=1000)


class FirstPage(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await super().patients(chart, msgspec.structs.replace(query, offset=0))


class AnyBirthday(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await super().patients(chart, msgspec.structs.replace(query, dob=None))


class AnyPatientPhone(Fake):
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        return await super().patients(chart, msgspec.structs.replace(query, phone=None))


def with_patients(rows: Iterable[Patient]) -> Callable[[], Fake]:
    def make() -> Fake:
        fake = Fake()
        fake.every_patient = list(rows)
        return fake

    return make


PATIENTS: dict[str, tuple[Callable[[], Fake], str]] = {
    "a total that counts the page": (CountsThePage, f"`total` is {PAGE}, but there are more patients"),
    "a total that counts what is left": (CountsTheRest, "there are more patients"),
    "a total that counts others": (CountsTooMany, "`total` is 1000, but there are fewer patients"),
    "a page that comes again": (FirstPage, "on two pages"),
    "no patients": (with_patients([]), "There are no patients"),
    "a filter that does nothing": (AnyBirthday, "not filtered by dob"),
    "a filter by phone that does nothing": (AnyPatientPhone, "not filtered by phone"),
    "nobody with a phone": (with_patients(patient(n, phone=None) for n in range(4)), "proves the filter phone"),
    "one patient alone": (with_patients([patient(1)]), "proves the filter last_name"),
}


@pytest.mark.parametrize("case", PATIENTS, ids=[name.replace(" ", "_") for name in PATIENTS])
async def test_a_mistake_in_patients_is_found(case: str) -> None:
    make, part = PATIENTS[case]
    found = await texts(make(), "patients")
    assert [each for each in found if part in each], found
    assert all(each.startswith(("test_reads.py:", "manifest.toml:9: ")) for each in found)


class Streaming(Fake):
    async def providers(self, chart: Chart) -> AsyncIterator[Provider]:  # type: ignore[override]
        self.known(chart)
        yield Provider(ehr_id="1", name="Lamb, Ann")


async def test_records_may_be_yielded() -> None:
    assert await texts(Streaming(), "providers") == []


# Sessions that end.


async def ends(connector: Fake, *methods: str, hook: bool = False) -> list[str]:
    async def end() -> None:
        connector.valid = False

    found = ended_sessions.unrecognized_ends(connector, CHART, list(methods), end if hook else None)
    return [f"{each.where}: {each.text}" async for each in found]


METHODS = ["appointments", "appointment", "patients", "providers", "locations", "settings"]


class StaysSignedIn(Fake):
    """Its EHR does not honor a log-out."""

    async def sign_out(self, chart: Chart) -> None:
        return


@pytest.mark.parametrize("hook", [True, False])
@pytest.mark.parametrize("make", [Fake, StaysSignedIn])
async def test_an_ended_session_that_is_recognized_is_let_through(make: Callable[[], Fake], hook: bool) -> None:
    assert await ends(make(), *METHODS, hook=hook) == []


class Deaf(Fake):
    """Takes an ended session for an empty list, for a missing right, for a record that is not there, for a crash."""

    async def providers(self, chart: Chart) -> list[Provider]:
        return []

    async def locations(self, chart: Chart) -> list[Location]:
        raise NoRights

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        return None

    async def settings(self, chart: Chart) -> PracticeSettings:
        raise KeyError("timezone")


@pytest.mark.parametrize("hook", [True, False])
@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("providers", "providers gives records instead of SessionEnded"),
        ("locations", "locations ends in the refusal NoRights"),
        ("appointment", "appointment gives records instead of SessionEnded"),
        ("settings", "settings ends in KeyError"),
    ],
)
async def test_an_ended_session_that_is_not_recognized_is_found(method: str, part: str, hook: bool) -> None:
    (found,) = await ends(Deaf(), method, hook=hook)
    assert found.startswith("test_reads.py:") and part in found and "Raise SessionEnded" in found


class CannotSignOut(Fake):
    async def sign_out(self, chart: Chart) -> None:
        raise EhrDown


async def test_a_sign_out_that_fails_is_found() -> None:
    (found,) = await ends(CannotSignOut(), "providers")
    assert "Signing out ended in the refusal EhrDown" in found


def test_a_replaced_session_has_the_same_shape_and_other_texts() -> None:
    session = {"token": "Ab9z-Z_", "user": 7, "cookies": [{"name": "sid"}], "none": None}
    expected = {"token": "Bc0a-A_", "user": 7, "cookies": [{"name": "tje"}], "none": None}
    assert ended_sessions.replaced(session) == expected


def test_the_methods_of_a_capability() -> None:
    class WithoutOne:
        pass

    assert methods_of(Fake(), "appointments") == ["appointments", "appointment"]
    assert methods_of(WithoutOne(), "appointments") == ["appointments"]
    assert methods_of(Fake(), "patients") == ["patients"]


# Sessions that are renewed without a password.


class Renews(Fake):
    async def renew(self, chart: Chart) -> Renewed | None:
        return Renewed(session=CHART.session)


class RenewsBadly(Fake):
    async def renew(self, chart: Chart) -> Renewed | None:
        return Renewed(session={"token": "another"})


class CannotRenew(Fake):
    async def renew(self, chart: Chart) -> Renewed | None:
        raise SessionEnded


class Breaks(Fake):
    async def renew(self, chart: Chart) -> Renewed | None:
        return Renewed(session=chart.session["nothing"])


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (Renews, None),
        (RenewsBadly, "After `renew`, providers ends in SessionEnded"),
        (CannotRenew, "`renew` ends in session_ended although the session is valid"),
        (Breaks, "`renew` broke with KeyError"),
    ],
)
async def test_a_renewed_session_has_to_read(make: Callable[[], Fake], part: str | None) -> None:
    found = [f"{each.where}: {each.text}" for each in await grants.refreshed(make(), CHART, ["providers"])]
    assert len(found) == (part is not None)
    assert all(each.startswith("test_reads.py:") and part and part in each for each in found)
