"""Appointments of some days, and one by id. GNU Health keeps a start in UTC and no length; free slots are left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cobalt_link.connector import Appointment, AppointmentQuery, Stream, holds, same_phone
from cobalt_link.connectors.gnuhealth import search
from cobalt_link.connectors.gnuhealth.patients import patient
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import at, full_name, inside, number

MODEL = "gnuhealth.appointment"
OWN = ["appointment_date", "state", "appointment_type", "visit_type", "comments", "create_date", "write_date"]
PARTY = ["name", "lastname", "ref", "dob", "gender", "phone", "mobile"]
NUMBERS = ["contact_mechanisms.type", "contact_mechanisms.value"]
LINKED = [
    "healthprof.party.name",
    "healthprof.party.lastname",
    "institution.party.name",
    "insurance.rec_name",
    "insurance.number",
]
FIELDS = [*OWN, *LINKED, *(f"patient.party.{field}" for field in (*PARTY, *NUMBERS))]
ORDER = [["appointment_date", "ASC"], ["id", "ASC"]]
# A day more would leave the years that can be written, in one zone or another.
FIRST, LAST = date(1, 1, 3), date(9999, 12, 29)
# A slot that nobody has taken is no appointment. An appointment may have no state, and SQL's `!=` leaves that out.
TAKEN = [["patient", "!=", None], ["OR", ["state", "=", None], ["state", "!=", "free"]]]

# The patient does not come at that time.
OFF = ("user_cancelled", "center_cancelled", "no_show")
EVALUATION = "gnuhealth.patient.evaluation"
NOTE = {
    "chief_complaint": "Chief complaint",
    "present_illness": "Present illness",
    "evaluation_summary": "Evaluation",
    "info_diagnosis": "Assessment",
    "directions": "Plan",
    "notes": "Notes",
}


async def list_all(server: Server, query: AppointmentQuery) -> Stream[Appointment]:
    """Every appointment that starts on one of the days, cancelled ones included."""
    zone = timezone(server)
    async for page in server.pages(MODEL, [*TAKEN, *_domain(query, zone)], FIELDS, ORDER):
        rows = [row for row in page if _fits(row, query)] if _is_narrowed(query) else page
        notes = await _notes(server, rows) if query.include_note and rows else {}
        for row in rows:
            yield appointment(row, zone, notes.get(row["id"]))


async def find(server: Server, ehr_id: str) -> Appointment | None:
    wanted = number(ehr_id)
    if wanted is None:
        return None
    rows = [row async for row in server.rows(MODEL, [*TAKEN, ["id", "=", wanted]], FIELDS, ORDER)]
    return appointment(rows[0], timezone(server), None) if rows else None


def timezone(server: Server) -> tzinfo:
    """The company's; UTC where it has none."""
    return ZoneInfo(server.session.timezone) if server.session.timezone else UTC


def _domain(query: AppointmentQuery, zone: tzinfo) -> list[Any]:
    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone)

    domain: list[Any] = [
        ["appointment_date", ">=", at(midnight(max(query.start, FIRST)))],
        ["appointment_date", "<", at(midnight(min(query.end, LAST) + timedelta(days=1)))],
    ]
    if query.mode == "telemedicine":
        domain.append(["appointment_type", "=", "telemedicine"])
    if query.patient_mrn is not None:
        domain.append(["patient.party.ref", "=", query.patient_mrn])
    if query.patient_ehr_id is not None:
        domain.append(["patient", "=", number(query.patient_ehr_id) or -1])
    if query.updated_since is not None:
        since = at(query.updated_since)
        # What nobody has changed yet has no `write_date`.
        new = [["write_date", "=", None], ["create_date", ">=", since]]
        domain.append(["OR", ["write_date", ">=", since], new])
    if query.patient_phone is not None:
        domain.append(search.by_phone("patient.party", query.patient_phone))
    return [*domain, *(search.by_name("patient.party", word) for word in _words(query))]


def _is_narrowed(query: AppointmentQuery) -> bool:
    """Whether there is a filter of which the server may give more than it should."""
    return bool(query.patient_name or query.patient_phone is not None or query.mode)


def _words(query: AppointmentQuery) -> list[str]:
    """ "Betz, Ana" and "ana betz" are the same name."""
    return (query.patient_name or "").replace(",", " ").split()


def _fits(row: dict[str, Any], query: AppointmentQuery) -> bool:
    first, last = inside(row, "patient", "party", "name"), inside(row, "patient", "party", "lastname")
    numbers = [each["value"] for each in inside(row, "patient", "party", "contact_mechanisms.") or []]
    return (
        all(holds(first, word) or holds(last, word) for word in _words(query))
        and (query.mode is None or query.mode == mode(row))
        and (query.patient_phone is None or any(same_phone(query.patient_phone, each) for each in numbers))
    )


def mode(row: dict[str, Any]) -> Any:
    return "telemedicine" if row["appointment_type"] == "telemedicine" else "office"


def appointment(row: dict[str, Any], zone: tzinfo, progress_note: str | None) -> Appointment:
    return Appointment(
        ehr_id=str(row["id"]),
        start=_in(zone, row["appointment_date"]),
        patient=patient(row["patient."]),
        status=row["state"] or None,
        cancelled=row["state"] in OFF,
        appointment_type=row["visit_type"] or None,
        mode=mode(row),
        location_ehr_id=_id(row, "institution"),
        location_name=inside(row, "institution", "party", "name"),
        reason=row["comments"] or None,
        provider_ehr_id=_id(row, "healthprof"),
        provider_name=full_name(row.get("healthprof."), "party"),
        insurance=inside(row, "insurance", "rec_name"),
        insurance_number=inside(row, "insurance", "number"),
        progress_note=progress_note,
        created_at=_in(zone, row["create_date"]),
        updated_at=_in(zone, row["write_date"] or row["create_date"]),
    )


def _in(zone: tzinfo, moment: datetime | None) -> datetime | None:
    return moment.astimezone(zone) if moment else None


def _id(row: dict[str, Any], link: str) -> str | None:
    found = inside(row, link, "id")
    return str(found) if found is not None else None


async def _notes(server: Server, rows: list[dict[str, Any]]) -> dict[int, str]:
    """The evaluations written for these appointments, as text."""
    domain = [["appointment", "in", [row["id"] for row in rows]]]
    found: dict[int, str] = {}
    async for row in server.rows(EVALUATION, domain, ["appointment", *NOTE], [["id", "ASC"]]):
        text = "\n".join(f"{label}: {row[field]}" for field, label in NOTE.items() if row[field])
        found[row["appointment"]] = "\n\n".join(filter(None, (found.get(row["appointment"]), text)))
    return found
