"""The practice itself: health professionals, institutions, and the codes that its appointments use."""

from __future__ import annotations

from typing import Any, NamedTuple

from cobalt_link.connector import Coded, Location, PracticeSettings, Provider
from cobalt_link.connectors.gnuhealth.patients import ADDRESS, state
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import full_name, inside

BY_ID = [["id", "ASC"]]
PROVIDER = ["party.name", "party.lastname", "active"]
LOCATION = [
    *("party.name", "party.active", "party.phone", "party.fax"),
    *(f"party.addresses.{each}" for each in ADDRESS),
]


async def providers(server: Server) -> list[Provider]:
    """Inactive ones too. The licence number that GNU Health keeps is not an NPI."""
    rows = server.rows("gnuhealth.healthprofessional", [], PROVIDER, BY_ID, active_test=False)
    return [
        Provider(
            ehr_id=str(row["id"]),
            name=full_name(row, "party") or "",
            active=bool(row["active"]),
            timezone=server.session.timezone,
        )
        async for row in rows
    ]


async def locations(server: Server) -> list[Location]:
    return [_location(row) async for row in server.rows("gnuhealth.institution", [], LOCATION, BY_ID)]


def _location(row: dict[str, Any]) -> Location:
    address = next(iter(inside(row, "party", "addresses.") or []), {})
    street = (address.get("street") or "").splitlines()
    return Location(
        ehr_id=str(row["id"]),
        name=inside(row, "party", "name") or "",
        active=bool(inside(row, "party", "active")),
        address1=street[0] if street else None,
        address2=", ".join(street[1:]) or None,
        city=address.get("city") or None,
        state=state(address),
        zip=address.get("postal_code") or None,
        phone=inside(row, "party", "phone") or None,
        fax=inside(row, "party", "fax") or None,
    )


async def settings(server: Server) -> PracticeSettings:
    """Codes and their labels in the user's language."""
    known = await codes(server)
    return PracticeSettings(
        timezone=(await company(server)).timezone,
        visit_types=tuple(known["visit_type"].values()),
        visit_statuses=tuple(known["state"].values()),
        required_patient_fields=("first_name", "last_name"),
    )


async def codes(server: Server) -> dict[str, dict[str, Coded]]:
    """Those of the appointment's `visit_type` and `state`, by code. A free slot is not a status of an appointment."""
    fields = await server.model("gnuhealth.appointment", "fields_get", ["visit_type", "state"])
    return {
        name: {
            code: Coded(code=code, description=label) for code, label in field["selection"] if code and code != "free"
        }
        for name, field in fields.items()
    }


class Company(NamedTuple):
    """The user's company, which is the practice. `timezone` is an IANA name."""

    name: str | None = None
    timezone: str | None = None


async def company(server: Server) -> Company:
    """Each part is None where there is no company, or the company has none."""
    chosen = server.session.context.get("company")
    if chosen is None:
        return Company()
    rows = await server.model("company.company", "read", [chosen], ["rec_name", "timezone"])
    if not rows:
        return Company()
    return Company(rows[0]["rec_name"] or None, rows[0]["timezone"] or None)
