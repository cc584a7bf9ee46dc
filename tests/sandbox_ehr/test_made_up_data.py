"""The made-up data: clearly nobody's, varied, and the same on every machine."""

import unicodedata
from datetime import date, timedelta

import pytest

from sandbox_ehr.clinic.made_up_patients import patients
from sandbox_ehr.clinic.made_up_visits import visits_on
from sandbox_ehr.clinic.pharmacies import pharmacies
from sandbox_ehr.clinic.practice import CLINICS, STATUSES, VISIT_TYPES, Clinic
from sandbox_ehr.clinic.search_text import fold

PATIENTS = [patient for _, patient in patients()]


def test_there_are_enough_patients_providers_and_locations() -> None:
    assert sum(clinic == "1" for clinic, _ in patients()) == 300
    assert len(CLINICS["1"].providers) == 5
    assert len(CLINICS["1"].locations) == 3


def test_names_have_accents_many_scripts_and_every_length() -> None:
    names = [f"{patient.first_name} {patient.last_name}" for patient in PATIENTS]
    scripts = {unicodedata.name(letter).split()[0] for name in names for letter in name if letter.isalpha()}
    assert {"LATIN", "CJK", "HANGUL", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI", "GREEK"} <= scripts
    assert max(map(len, names)) > 50
    assert min(map(len, names)) < 5


def test_no_two_patients_have_the_same_name_and_birth_date_or_the_same_mobile_phone() -> None:
    people = [(fold(one.first_name), fold(one.last_name), one.dob) for one in PATIENTS]
    mobiles = [one.phones.mobile for one in PATIENTS if one.phones.mobile]
    assert len(set(people)) == len(people)
    assert len(set(mobiles)) == len(mobiles)


def test_ids_and_mrns_are_unique() -> None:
    for values in ([one.id for one in PATIENTS], [one.mrn for one in PATIENTS]):
        assert len(set(values)) == len(PATIENTS)
    staff = [provider.id for clinic in CLINICS.values() for provider in clinic.providers]
    assert len(set(staff)) == len(staff)


def test_no_npi_passes_the_check_of_the_real_registry() -> None:
    for clinic in CLINICS.values():
        for provider in clinic.providers:
            assert len(provider.npi) == 10
            assert not _luhn("80840" + provider.npi), provider.npi


def test_no_phone_or_zip_code_belongs_to_anybody() -> None:
    phones = [phone for one in PATIENTS for phone in (one.phones.home, one.phones.mobile) if phone]
    phones += [
        number for clinic in CLINICS.values() for place in clinic.locations for number in (place.phone, place.fax)
    ]
    phones += [
        number for clinic in CLINICS.values() for store in pharmacies(clinic) for number in (store.phone, store.fax)
    ]
    phones += [one.emergency_contact.phone for one in PATIENTS if one.emergency_contact.phone]
    assert phones
    for phone in phones:
        area, exchange, line = phone.split("-")
        assert (len(area), exchange) == (3, "555")
        assert 100 <= int(line) <= 199
    zips = [one.address.zip for one in PATIENTS]
    zips += [store.address.zip for clinic in CLINICS.values() for store in pharmacies(clinic)]
    zips += [place.address.zip for clinic in CLINICS.values() for place in clinic.locations]
    assert all(len(code) == 5 and "00200" <= code < "00500" for code in zips)


def test_birth_dates_are_valid_and_in_the_past() -> None:
    for one in PATIENTS:
        assert date(1930, 1, 1) < date.fromisoformat(one.dob) < date(2024, 1, 1)


def test_some_patients_have_no_phone_email_or_insurance() -> None:
    assert any(not (one.phones.home or one.phones.mobile) for one in PATIENTS)
    assert any(not one.email for one in PATIENTS)
    assert {len(one.insurance) for one in PATIENTS} == {0, 1, 2}


def test_the_schedule_of_a_day_is_the_same_every_time() -> None:
    day = date(2026, 11, 24)
    first = visits_on("1", day)[0]
    visits_on.cache_clear()
    assert visits_on("1", day)[0] == first
    # Written out, so that the test sees a change of the seed. People keep these ids in notes and tests.
    assert (first.id, first.starts.isoformat(), first.patient_number % 52) == (
        "2026112450100",
        "2026-11-24T08:00:00-05:00",
        4,
    )


@pytest.mark.parametrize("clinic", CLINICS.values(), ids=lambda clinic: clinic.name)
def test_visits_fit_into_the_working_day_and_refer_only_to_what_exists(clinic: Clinic) -> None:
    types, statuses = {kind.code for kind in VISIT_TYPES}, {status.code for status in STATUSES}
    places, staff = {place.id for place in clinic.locations}, {one.id for one in clinic.providers}
    seen: set[str] = set()
    for away in range(28):
        for visit in visits_on(clinic.id, date(2026, 3, 1) + timedelta(days=away)):
            assert visit.id not in seen
            seen.add(visit.id)
            ends = visit.starts + timedelta(minutes=visit.details.minutes)
            assert visit.starts.hour >= 8
            assert (ends.hour, ends.minute) <= (17, 0)
            assert visit.details.type in types
            assert {visit.plan, visit.outcome} <= statuses
            assert visit.details.location_id in places
            assert {visit.details.provider_id, visit.details.second_provider_id} <= staff | {""}


@pytest.mark.parametrize("clinic", CLINICS.values(), ids=lambda clinic: clinic.name)
def test_no_provider_has_two_visits_at_once(clinic: Clinic) -> None:
    for away in range(14):
        ends: dict[str, float] = {}
        for visit in visits_on(clinic.id, date(2026, 3, 1) + timedelta(days=away)):
            provider, starts = visit.details.provider_id, visit.starts.timestamp()
            assert starts >= ends.get(provider, 0)
            ends[provider] = starts + visit.details.minutes * 60


def test_no_day_is_empty_so_a_demo_has_visits_even_on_a_sunday() -> None:
    for away in range(7):
        assert len(visits_on("1", date(2026, 3, 1) + timedelta(days=away))) >= 2


def test_folding_removes_case_and_accents_and_keeps_other_scripts() -> None:
    assert fold("ÉMILE Đặng") == "emile đang"
    assert fold("Анна") == fold("АННА")
    assert fold("王") == "王"


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
