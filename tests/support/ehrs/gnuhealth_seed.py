"""Made-up people and visits, put into GNU Health through its own API in the order that it asks for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.ehrs.gnuhealth_server import Server

ZONE = ZoneInfo("America/New_York")
USERS = {"ccameron": "Cuddy-Ward-221B", "rforeman": "Foreman-Ward-221B", "clerk": "Front-Desk-221B"}
MOBILES = {"admin": "+15550100", "ccameron": "+15550101", "rforeman": "+15550102", "clerk": "+15550103"}

# first name, last name, sex, born, PUID, (kind of number, number)...
PATIENTS: list[tuple[Any, ...]] = [
    ("Ana", "Betz", "f", date(1985, 10, 4), "PUID-000", ("mobile", "+1 (555) 201-0001"), ("email", "ana@example.org")),
    ("Matt", "Betz", "m", date(1983, 2, 28), "PUID-001", ("phone", "555-201-0002")),
    ("Ángela", "Núñez Ibarra", "f", date(2001, 2, 3), "PUID-002", ("mobile", "555 201 0003")),
    ("John", "Zenon", "m", date(1958, 12, 31), "PUID-003", ("phone", "555-201-0004"), ("mobile", "555-201-0005")),
    ("Roberto", "O'Betza", "m", date(2016, 6, 15), "PUID-004"),
    ("Ines", "Marple", "f", date(1949, 5, 9), "PUID-005", ("phone", "555-201-0006")),
    ("Percent", "100% Test_Case", "nb", date(1990, 1, 1), "PUID-006", ("phone", "555-201-0007")),
]

# The patient's id, and the day in March 2025. Nobody else has orders.
PRESCRIPTIONS = [(6, 3), (6, 4), (7, 3)]


def a_date(day: date) -> dict[str, Any]:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def a_moment(moment: datetime) -> dict[str, Any]:
    """Naive UTC, as the server keeps it."""
    utc = moment.astimezone(UTC)
    parts = {part: getattr(utc, part) for part in ("year", "month", "day", "hour", "minute", "second", "microsecond")}
    return {"__class__": "datetime"} | parts


def one(server: Server, model: str, values: dict[str, Any], database: str | None = None) -> int:
    return server.rpc(f"model.{model}.create", [values], database=database)[0]


def people(server: Server) -> None:
    """Institution, company, users, professionals and patients."""
    clinic = one(server, "party.party", {"name": "Riverside Clinic", "is_institution": True, "ref": "INST-1"})
    numbers = [{"type": "phone", "value": "555-200-0000"}, {"type": "fax", "value": "555-200-0009"}]
    place = {"street": "1 River Road", "city": "Springfield", "postal_code": "01101"}
    server.rpc("model.party.party.write", [clinic], {"contact_mechanisms": [["create", numbers]]})
    addresses = server.rpc("model.party.address.search", [["party", "=", clinic]], 0, None, None)
    verb = ["write", addresses, place] if addresses else ["create", [place]]
    server.rpc("model.party.party.write", [clinic], {"addresses": [verb]})
    institution = one(
        server,
        "gnuhealth.institution",
        {"party": clinic, "code": "RIV", "institution_type": "clinic", "public_level": "private"},
    )
    company = _company(server, clinic)
    for login, name, code in (("ccameron", ("Cora", "Cameron"), "LIC-1"), ("rforeman", ("Ray", "Foreman"), "LIC-2")):
        user = _user(server, login, " ".join(name), company, health=True)
        _professional(server, user, name, code, institution)
    _user(server, "clerk", "Pat Clerk", company, health=False)
    server.rpc("model.res.user.write", [1], {"mobile": MOBILES["admin"]})
    for patient in PATIENTS:
        _patient(server, *patient)
    for patient, day in PRESCRIPTIONS:
        prescription(server, patient, datetime(2025, 3, day, 12, tzinfo=UTC))


def _company(server: Server, party: int) -> int:
    rounding = {"__class__": "Decimal", "decimal": "0.01"}
    dollar = {
        "name": "US Dollar",
        "symbol": "$",
        "code": "USD",
        "numeric_code": "840",
        "rounding": rounding,
        "digits": 2,
    }
    currency = one(server, "currency.currency", dollar)
    return one(server, "company.company", {"party": party, "currency": currency, "timezone": str(ZONE)})


def _user(server: Server, login: str, name: str, company: int, *, health: bool) -> int:
    groups = server.rpc("model.res.group.search", [["name", "ilike", "%Health%"]], 0, None, None) if health else []
    values = {"name": name, "login": login, "password": USERS[login], "mobile": MOBILES[login]}
    values |= {"email": f"{login}@example.org", "groups": [["add", groups]]}
    return one(server, "res.user", values | {"companies": [["add", [company]]], "company": company})


def _professional(server: Server, user: int, name: tuple[str, str], code: str, institution: int) -> None:
    person = {"name": name[0], "lastname": name[1], "is_person": True, "is_healthprof": True, "internal_user": user}
    person |= {"fed_country": "USA", "ref": code, "gender": "f", "dob": a_date(date(1979, 1, 1))}
    party = one(server, "party.party", person)
    one(server, "gnuhealth.healthprofessional", {"party": party, "institution": institution, "code": code})


def _patient(
    server: Server, name: str, lastname: str, gender: str, born: date, puid: str, *numbers: tuple[str, str]
) -> None:
    person = {"name": name, "lastname": lastname, "is_person": True, "is_patient": True, "fed_country": "USA"}
    person |= {"ref": puid, "gender": gender, "dob": a_date(born)}
    mechanisms = [{"type": kind, "value": value} for kind, value in numbers]
    party = one(server, "party.party", person | {"contact_mechanisms": [["create", mechanisms]] if mechanisms else []})
    one(server, "gnuhealth.patient", {"party": party})


def prescription(server: Server, patient: int, moment: datetime) -> int:
    """One medicine, prescribed by the first professional."""
    template = {"name": "Amoxicillin", "type": "goods", "default_uom": 1}
    made = one(server, "product.template", template | {"products": [["create", [{"is_medicament": True}]]]})
    (product,) = server.rpc("model.product.product.search", [["template", "=", made]], 0, 1, None)
    line = {"medicament": one(server, "gnuhealth.medicament", {"product": product}), "dose": 250.0, "quantity": 30}
    order = {"patient": patient, "healthprof": 1, "prescription_date": a_moment(moment)}
    order |= {"prescription_warning_ack": True, "prescription_line": [["create", [line]]]}
    number = one(server, "gnuhealth.prescription.order", order)
    server.rpc("model.gnuhealth.prescription.order.create_prescription", [number])
    return number


@dataclass(frozen=True)
class Visit:
    """A seeded appointment: `start` in the practice's time; None as patient is a free slot."""

    start: datetime
    patient: str | None
    professional: str
    state: str = "confirmed"
    type: str = "outpatient"
    visit: str | None = "followup"
    comments: str | None = None


def visits(today: date) -> list[Visit]:
    def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
        return datetime.combine(today + timedelta(days=days), time(hour, minute), ZONE)

    return [
        Visit(at(9), "PUID-000", "LIC-1", comments="Cough for three days"),
        Visit(at(9, 30), "PUID-001", "LIC-2", "checked_in", visit="new"),
        Visit(at(11), "PUID-002", "LIC-1", type="telemedicine"),
        Visit(at(13), None, "LIC-1", "free", visit=None),
        Visit(at(14), "PUID-003", "LIC-2", "user_cancelled"),
        # In UTC this one is on the next day.
        Visit(at(23, 30), "PUID-005", "LIC-1", visit="well_woman"),
        Visit(at(10, days=-1), "PUID-000", "LIC-1", "done"),
        Visit(at(0, 15, days=1), "PUID-004", "LIC-2", visit="well_child"),
        Visit(at(15, days=1), "PUID-000", "LIC-2", type="telemedicine"),
        Visit(at(10, days=6), "PUID-002", "LIC-1", "no_show"),
    ]


def schedule(server: Server, today: date, database: str | None = None) -> list[int]:
    """Creates the visits and gives their ids, in the same order."""

    def ids(model: str, field: str) -> dict[str, int]:
        rows = server.rpc(f"model.{model}.search_read", [], 0, None, None, [field], database=database)
        return {row[field]: row["id"] for row in rows}

    patients, professionals = ids("gnuhealth.patient", "puid"), ids("gnuhealth.healthprofessional", "code")
    (institution,) = server.rpc("model.gnuhealth.institution.search", [], 0, 1, None, database=database)
    rows = [
        {
            "patient": patients[visit.patient] if visit.patient else None,
            "healthprof": professionals[visit.professional],
            "institution": institution,
            "appointment_date": a_moment(visit.start),
            "state": visit.state,
            "urgency": "a",
            "appointment_type": visit.type,
            "visit_type": visit.visit,
            "comments": visit.comments,
        }
        for visit in visits(today)
    ]
    made = server.rpc("model.gnuhealth.appointment.create", rows, database=database)
    server.made_earlier(made[-1])
    return made
