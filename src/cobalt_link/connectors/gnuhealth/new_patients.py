"""Registers patients.

It is one request, which makes the person and the patient together. The person's internal code, a UUID in
GNU Health, is made of our reference. The server refuses a second person with the same one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from cobalt_link.connector import Held, NewPatient, NotWritten, PatientQuery, Reason, Written
from cobalt_link.connectors.gnuhealth import demographics, patients
from cobalt_link.connectors.gnuhealth.demographics import HELD, addresses, numbers
from cobalt_link.connectors.gnuhealth.refused import RULE, changed, may
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import inside, on

PARTY = "party.party"
OLDEST = 200  # years
GENDERS = {"male": "m", "female": "f", "unknown": "u", None: "u"}


async def check(server: Server, write: NewPatient) -> None:
    """Raises NotWritten with every reason why this patient cannot be registered."""
    await may(server, PARTY, "create")
    await _address_of_new(server, write)


async def create(server: Server, write: NewPatient) -> Written:
    place = await _address_of_new(server, write)
    defaults = await server.model(PARTY, "default_get", ["fed_country"])
    values = {
        "code": _internal_code(server, write),
        "name": write.first_name,
        "lastname": write.last_name,
        "dob": on(write.dob) if write.dob else None,
        "gender": GENDERS[write.sex],
        "is_person": True,
        "is_patient": True,
        # The server makes the patient only if it is told so, whatever its default is.
        "create_target": True,
        # It fails without the key.
        "fed_country": defaults.get("fed_country"),
        "contact_mechanisms": numbers(write, []),
        "addresses": place,
    }
    await changed(server, PARTY, "create", [values])
    return Written()


async def held(server: Server, write: NewPatient, _: str | None) -> Held | None:
    """By our reference. The server's answer names the person, not the patient."""
    mine = [["party.code", "like", f"{UUID(write.ref)}-%"]]
    found = await server.model(patients.MODEL, "search_read", mine, 0, 1, None, HELD)
    return held_patient(found[0]) if found else None


async def _address_of_new(server: Server, write: NewPatient) -> list[list[Any]]:
    names = (("first_name", "first name"), ("last_name", "last name"))
    reasons = [
        Reason(RULE, f"The patient needs a {words}.", field) for field, words in names if not getattr(write, field)
    ]
    if write.dob and not 0 <= _age(write.dob) <= OLDEST:
        reasons.append(Reason(RULE, f"GNU Health takes nobody who is not born yet or older than {OLDEST}.", "dob"))
    place: list[list[Any]] = []
    try:
        place = await addresses(server, write, [])
    except NotWritten as no:
        reasons += no.reasons
    if reasons := reasons or await _duplicates(server, write):
        raise NotWritten(*reasons)
    return place


async def _duplicates(server: Server, write: NewPatient) -> list[Reason]:
    """GNU Health takes the same person twice. People do not want that."""
    if write.dob is None:
        return []
    query = PatientQuery(first_name=write.first_name, last_name=write.last_name, dob=write.dob, limit=500)
    wanted = _folded(write.first_name, write.last_name)
    same = [each for each in (await patients.page(server, query)).items
            if _folded(each.first_name, each.last_name) == wanted]  # fmt: skip
    text = "GNU Health has a patient with this name and date of birth."
    return [Reason("DUPLICATE_PATIENT", text)] if same else []


def _age(born: date) -> int:
    today = datetime.now(UTC).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _folded(*names: str | None) -> list[list[str]]:
    return [(name or "").casefold().split() for name in names]


def _internal_code(server: Server, write: NewPatient) -> str:
    return f"{UUID(write.ref)}-{server.session.context.get('company.rec_name') or write.first_name}"


def held_patient(found: dict[str, Any]) -> Held:
    mrn = inside(found, "party", "ref")
    return Held(ehr_id=str(found["id"]), fields=demographics.held_fields(found), shown={"mrn": mrn} if mrn else {})
