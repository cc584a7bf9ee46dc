"""What the sandbox EHR's own API tells about a clinic, in the words of the contract."""

from __future__ import annotations

from typing import Any

from tests.support.world import Sandbox

SEX = {"F": "female", "M": "male", "U": "unknown"}
LINES = {"street": "address1", "line2": "address2", "city": "city", "state": "state", "zip": "zip"}


class Chart:
    """One clinic, as its own user sees it."""

    def __init__(self, sandbox: Sandbox, session: str) -> None:
        self.sandbox, self.session = sandbox, session

    async def appointments(self, first: str, last: str) -> list[dict[str, Any]]:
        """With their progress notes."""
        asked = {"start": first, "end": last, "include": "progress_note"}
        rows = (await self.sandbox.read("appointments", self.session, **asked))["appointments"]
        providers = {row["id"]: row for row in await self._rows("providers")}
        places = {row["id"]: row["name"] for row in await self._rows("locations")}
        return [appointment(row, providers[row["provider_id"]], places) for row in rows]

    async def patients(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            found = await self.sandbox.read("patients", self.session, offset=len(rows), limit=200)
            rows += found["patients"]
            if len(rows) >= found["total"]:
                return [patient(row) for row in rows]

    async def providers(self) -> list[dict[str, Any]]:
        return [
            {
                "ehr_id": row["id"],
                "name": f"{row['last_name']}, {row['first_name']}",
                "npi": row["npi"],
                "timezone": row["timezone"],
                "status": "active" if row["active"] else "inactive",
            }
            for row in await self._rows("providers")
        ]

    async def locations(self) -> list[dict[str, Any]]:
        return [
            {
                "ehr_id": row["id"],
                "name": row["name"],
                "status": "active" if row["active"] else "inactive",
                "address": {ours: row["address"][theirs] or None for theirs, ours in LINES.items()}
                | {"address2": row["address"]["line2"]},  # an empty text: contract §9 row 42
                "phone": row["phone"] or None,
                "fax": row["fax"] or None,
            }
            for row in await self._rows("locations")
        ]

    async def settings(self) -> dict[str, Any]:
        found = await self.sandbox.read("settings", self.session)
        coded = {
            name: [{"code": each["code"], "description": each["description"]} for each in found[name]]
            for name in ("visit_types", "visit_statuses")
        }
        return coded | {name: found[name] for name in ("timezone", "required_patient_fields")}

    async def _rows(self, kind: str) -> list[dict[str, Any]]:
        return (await self.sandbox.read(kind, self.session))[kind]


def patient(row: dict[str, Any]) -> dict[str, Any]:
    plain = {name: row[name] or None for name in ("mrn", "first_name", "middle_name", "email")}
    return plain | {
        "ehr_id": row["id"],
        "last_name": row["last_name"],
        "dob": row["dob"],
        "sex": SEX[row["sex"]],
        "phone": row["phones"]["home"] or row["phones"]["mobile"] or None,
        "cell_phone": row["phones"]["mobile"] or None,
        "address_street": row["address"]["street"] or None,
        "address_line2": row["address"]["line2"] or None,
        "address_city": row["address"]["city"] or None,
        "address_state": row["address"]["state"] or None,
        "address_zip": row["address"]["zip"] or None,
    }


def appointment(row: dict[str, Any], provider: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
    who = row["patient"]
    return {
        "ehr_appointment_id": row["id"],
        "datetime": row["start"],
        "duration": row["minutes"],
        "status": row["status"],
        "appointment_type": row["type"],
        "appointment_mode": "telemedicine" if row["mode"] == "video" else "office",
        "location": row["location_id"] or None,
        "location_name": places.get(row["location_id"]),
        "reason": row["reason"] or None,
        "complaint_type": row["complaint"] or None,
        "note": row["note"] or None,
        "progress_note": row["progress_note"] or None,
        "patient_ehr_id": who["id"],
        "patient_mrn": who["mrn"],
        "patient_name": f"{who['first_name']} {who['last_name']}",
        "patient_dob": who["dob"],
        "patient_sex": SEX[who["sex"]],
        "patient_phone": who["phone"] or None,
        "provider_ehr_id": provider["id"],
        "provider_name": f"{provider['last_name']}, {provider['first_name']}",
        "provider_npi": provider["npi"],
        "secondary_provider_ehr_id": row["second_provider_id"] or None,
        "diagnoses": row["diagnoses"],
        "medications": row["medications"],
        "insurances": [insurance(each) for each in row["insurance"]],
        "created_at": row["created_at"] or None,
    }


def insurance(row: dict[str, Any]) -> dict[str, Any]:
    """Group and subscriber are those of the first insurance only (contract §4.5)."""
    first = row["rank"] == 1
    return {
        "priority": row["rank"],
        "insurance_name": row["payer"],
        "insurance_subscriber_number": row["member_id"],
        "group_id": row["group"] if first else None,
        "insurance_subscriber": row["subscriber"] if first else None,
    }


def only(told: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Our records with the keys that the EHR tells about."""
    return [{name: record.get(name) for name in told[0]} for record in ours]
