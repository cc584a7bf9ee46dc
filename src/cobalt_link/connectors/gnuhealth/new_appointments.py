"""Books appointments. The ID that people see on one is made of our reference, so that it can be found again.

A free slot of the professional at that time is taken, as GNU Health's own clients do. GNU Health has no lengths, so a
conflict is another visit with the same start.
"""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import Held, NewAppointment, NotWritten, Reason, Written
from cobalt_link.connectors.gnuhealth.appointments import MODEL, TAKEN, timezone
from cobalt_link.connectors.gnuhealth.refused import (
    LOCATION,
    PATIENT,
    PROVIDER,
    changed,
    may,
    missing,
    row,
    unknown_codes,
)
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import at, inside, number, tag

ENDED = ["user_cancelled", "center_cancelled", "no_show", "free"]
HELD = ["patient", "patient.party.ref", "healthprof", "institution", "visit_type", "appointment_date", "comments",
        "state", "name"]  # fmt: skip
TAKEN_NOW = Reason("SCHEDULE_CONFLICT", "Somebody took this free slot just now.", "start")


async def check(server: Server, write: NewAppointment) -> None:
    await may(server, MODEL, "create")
    await _can_be(server, write)


async def _can_be(server: Server, write: NewAppointment) -> None:
    """Raises NotWritten with every reason why this appointment cannot be made."""
    reasons = [
        *await missing(server, PATIENT, write.patient_ehr_id, "patient_ehr_id"),
        *await missing(server, PROVIDER, write.provider_ehr_id, "provider_ehr_id"),
        *await missing(server, LOCATION, write.location_ehr_id, "location_ehr_id"),
        *await unknown_codes(server, write.type, None),
    ]
    if not reasons and write.prevent_double_booking:
        reasons = await _conflicts(server, write)
    if reasons:
        raise NotWritten(*reasons)


async def create(server: Server, write: NewAppointment) -> Written:
    await _can_be(server, write)
    values = {
        "name": tag(write.ref),
        "state": "confirmed",
        "patient": number(write.patient_ehr_id),
        "institution": number(write.location_ehr_id),
        "visit_type": write.type,
        "appointment_date": at(write.start),
        "comments": write.reason,
        **await provider_values(server, write.provider_ehr_id),
    }
    slot = await _free_slot(server, values)
    if slot is None:
        made = await changed(server, MODEL, "create", [values])
        return Written(ehr_id=str(made[0]))
    seen = {f"{MODEL},{slot['id']}": slot["_timestamp"]}
    await changed(server, MODEL, "write", [slot["id"]], values, meanwhile=TAKEN_NOW, _timestamp=seen)
    return Written(ehr_id=str(slot["id"]))


async def held(server: Server, write: NewAppointment, ehr_id: str | None) -> Held | None:
    """By the id that the server gave, else by our reference."""
    if ehr_id is not None:
        found = await row(server, MODEL, ehr_id, HELD, *TAKEN)
    else:
        mine = [*TAKEN, ["name", "=", tag(write.ref)], ["patient", "=", number(write.patient_ehr_id) or -1]]
        rows = await server.model(MODEL, "search_read", mine, 0, 1, None, HELD)
        found = rows[0] if rows else None
    if found is None:
        return None
    patient = {"patient_ehr_id": str(found["patient"]), "patient_mrn": inside(found, "patient", "party", "ref") or ""}
    return Held(ehr_id=str(found["id"]), fields=patient | held_fields(server, found))


async def provider_values(server: Server, ehr_id: str) -> dict[str, Any]:
    """With the main specialty. The server itself would take the one of the signed-in user."""
    found = await row(server, PROVIDER.model, ehr_id, ["specialties.specialty", "specialties.mainsp"])
    known = inside(found, "specialties.") or []
    main = [each for each in known if each["mainsp"] or len(known) == 1]
    return {"healthprof": number(ehr_id), "speciality": main[0]["specialty"] if main else None}


async def _conflicts(server: Server, write: NewAppointment) -> list[Reason]:
    same = [["healthprof", "=", number(write.provider_ehr_id)], ["appointment_date", "=", at(write.start)]]
    taken = [*TAKEN, *same, ["OR", ["state", "=", None], ["state", "not in", ENDED]]]
    if not await server.model(MODEL, "search_count", taken):
        return []
    text = f"The health professional has another visit that starts at {write.start.isoformat()}."
    return [Reason("SCHEDULE_CONFLICT", text, "start")]


async def _free_slot(server: Server, values: dict[str, Any]) -> dict[str, Any] | None:
    same = [[name, "=", values[name]] for name in ("healthprof", "appointment_date")]
    here = ["OR", ["institution", "=", None], ["institution", "=", values["institution"]]]
    free = [["state", "=", "free"], ["patient", "=", None], *same, here]
    found = await server.model(MODEL, "search_read", free, 0, 1, [["id", "ASC"]], ["_timestamp"])
    return found[0] if found else None


def held_fields(server: Server, found: dict[str, Any]) -> dict[str, Any]:
    def id_of(link: str) -> str | None:
        return str(found[link]) if found[link] is not None else None

    start = found["appointment_date"]
    return {
        "provider_ehr_id": id_of("healthprof"),
        "location_ehr_id": id_of("institution"),
        "type": found["visit_type"],
        "start": start.astimezone(timezone(server)) if start else None,
        "reason": found["comments"] or None,
    }
