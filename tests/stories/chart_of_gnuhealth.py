"""What GNU Health's own JSON-RPC tells, in the words of the contract. Times are those of the practice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.support.ehrs.gnuhealth import GnuHealth
from tests.support.ehrs.gnuhealth_seed import MOBILES, ZONE

VISIT = ["appointment_date", "state", "appointment_type", "visit_type", "comments", "patient", "healthprof"]
NAMES = ["patient.puid", "patient.party.name", "patient.party.lastname", "healthprof.rec_name", "institution.rec_name"]


def days(server: GnuHealth) -> dict[str, str]:
    """The days around which the visits were seeded, as query parameters."""
    return {
        "start_date": str(server.today - timedelta(days=1)),
        "end_date": str(server.today + timedelta(days=6)),
    }


def texts(server: GnuHealth, login: str) -> int:
    """How many text messages this user was sent."""
    return sum(text["to"] == MOBILES[login] for text in server.texts())


def appointments(server: GnuHealth, database: str | None = None) -> list[dict[str, Any]]:
    """Every visit that has a patient, in the order of its start."""
    rows = search_read(server, "gnuhealth.appointment", [["patient", "!=", None]], VISIT + NAMES, database)
    return sorted((_visit(row) for row in rows), key=lambda visit: visit["datetime"])


def patients(server: GnuHealth) -> list[dict[str, Any]]:
    fields = ["puid", "party.name", "party.lastname", "party.dob", "party.mobile", "party.email"]
    rows = search_read(server, "gnuhealth.patient", [], fields)
    return sorted((_patient(row) for row in rows), key=lambda patient: int(patient["ehr_id"]))


def names(server: GnuHealth, model: str) -> dict[str, str]:
    """Names by id, inactive ones too."""
    return {str(row["id"]): row["rec_name"] for row in search_read(server, model, [], ["rec_name"])}


def search_read(
    server: GnuHealth, model: str, domain: list[Any], fields: list[str], database: str | None = None
) -> list[dict[str, Any]]:
    return server.rpc(f"model.{model}.search_read", domain, 0, None, None, fields, database=database)


def _visit(row: dict[str, Any]) -> dict[str, Any]:
    patient, party = row["patient."], row["patient."]["party."]
    return {
        "ehr_appointment_id": str(row["id"]),
        "datetime": _moment(row["appointment_date"]).isoformat(),
        "status": row["state"],
        "appointment_type": row["visit_type"],
        "appointment_mode": "telemedicine" if row["appointment_type"] == "telemedicine" else "office",
        "reason": row["comments"] or None,
        "patient_ehr_id": str(row["patient"]),
        "patient_mrn": patient["puid"],
        "patient_name": f"{party['name']} {party['lastname']}",
        "provider_ehr_id": str(row["healthprof"]),
        "provider_name": row["healthprof."]["rec_name"],
        "location_name": row["institution."]["rec_name"],
    }


def _patient(row: dict[str, Any]) -> dict[str, Any]:
    party = row["party."]
    born = party["dob"]
    return {
        "ehr_id": str(row["id"]),
        "mrn": row["puid"],
        "first_name": party["name"],
        "last_name": party["lastname"],
        "dob": str(date(born["year"], born["month"], born["day"])),
        "cell_phone": party["mobile"] or None,
        "email": party["email"] or None,
    }


def _moment(value: dict[str, Any]) -> datetime:
    parts = {name: number for name, number in value.items() if name != "__class__"}
    return datetime(**parts, tzinfo=UTC).astimezone(ZONE)
