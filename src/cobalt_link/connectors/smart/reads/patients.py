"""Patients: found by what the server can search for, and checked again here, because servers ignore parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cobalt_link.connector import Patient, PatientQuery, Patients, Sex, Unsupported, digits, matches_patient
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.names import mrn_of, name_of
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, day, every, moment, text, texts

MOST = 2000  # patients of one search that are looked at
SEXES: dict[str, Sex] = {"male": "male", "female": "female", "other": "unknown", "unknown": "unknown"}
_ADDRESS_USES = ("home", None, "work", "temp", "billing", "old")


async def page(server: Server, query: PatientQuery) -> Patients:
    """One page of those who match, in the server's order. With more than `MOST` the total is what was seen."""
    losses, found = Losses(), list[Patient]()
    if query.ehr_id or server.session.patient:
        one = await server.read("Patient", query.ehr_id or server.session.patient or "")
        found = list(losses.each([one] if one else [], lambda each: patient(each, server, losses)))
        found = [each for each in found if matches_patient(each, query)]
        items = tuple(found)[query.offset :][: query.limit]
        return Patients(items=items, total=len(found), partial=losses.said)
    wanted, seen, total, ended = query.offset + query.limit, 0, None, True
    try:
        async for each in server.pages(
            "Patient", _params(server, query), size=min(query.limit, server.vendor.page_size)
        ):
            losses.say(*each.losses)
            made = losses.each(each.matches, lambda record: patient(record, server, losses))
            found += [one for one in made if matches_patient(one, query)]
            seen, total = seen + len(each.matches), each.total if total is None else total
            if len(found) >= wanted or seen >= MOST:
                ended = each.next is None
                break
    except FhirRefused:
        if _is_narrowed(query):
            raise
        raise Unsupported(what="a list of all patients: name one by mrn, name, or dob") from None
    if not ended and seen >= MOST:
        losses.say(f"Only the first {seen} patients were looked at. Ask for fewer.")
    more = max(total or 0, len(found) + 1) if not ended else len(found)
    return Patients(items=tuple(found)[query.offset : wanted], total=more, partial=losses.said)


def patient(record: Resource, server: Server, losses: Losses) -> Patient:
    today = datetime.now(UTC).date()
    name, address = name_of(record, today), _address(record)
    born = text(record, "birthDate")
    if born and day(born) is None:
        losses.lacks("Patient", "an incomplete birth date")
    lines = texts(address, "line")
    phone, cell = _phones(record)
    return Patient(
        ehr_id=text(record, "id") or "",
        mrn=mrn_of(record, server.vendor.mrn, today),
        first_name=name.first,
        last_name=name.last,
        middle_name=name.middle,
        dob=day(born) if born else None,
        sex=SEXES.get(text(record, "gender") or ""),
        phone=phone,
        cell_phone=cell,
        email=_telecom(record, "email"),
        address_street=lines[0] if lines else None,
        address_line2=", ".join(lines[1:]) or None,
        address_city=text(address, "city"),
        address_state=text(address, "state"),
        address_zip=text(address, "postalCode"),
        updated_at=moment(record, "meta.lastUpdated"),
    )


def named(display: str | None, ehr_id: str) -> Patient:
    """A patient of whom only a name in a list is known."""
    name = name_of({"name": [{"text": display}]} if display else {}, datetime.now(UTC).date())
    return Patient(ehr_id=ehr_id, mrn="", first_name=name.first, last_name=name.last, middle_name=name.middle)


def _params(server: Server, query: PatientQuery) -> Params:
    """One parameter for each filter that the server serves. A name is searched by its beginning (FHIR R4, string)."""
    found: dict[str, Any] = {}
    if query.dob and (name := server.takes("Patient", "birthdate")):
        found[name] = query.dob.isoformat()
    if query.mrn and (name := server.takes("Patient", "identifier")):
        found[name] = query.mrn
    for value, *names in ((query.last_name, "family", "name"), (query.first_name, "given", "name")):
        if value and (name := server.takes("Patient", *names)):
            found[name] = [*found.get(name, []), value]
    if query.phone and not found and (name := server.takes("Patient", "phone", "telecom")):
        found[name] = ",".join(_spellings(query.phone))
    return found


def _is_narrowed(query: PatientQuery) -> bool:
    return any((query.dob, query.mrn, query.last_name, query.first_name, query.phone))


def _spellings(phone: str) -> list[str]:
    """A server compares phones as texts, and writes them in one of these ways."""
    number = digits(phone)[-10:]
    if len(number) < 10:
        return [phone]
    area, office, line = number[:3], number[3:6], number[6:]
    return [number, f"{area}-{office}-{line}", f"({area}) {office}-{line}", f"+1{number}", f"+1-{area}-{office}-{line}"]


def _address(record: Resource) -> Any:
    found = every(record, "address")
    return min(found, key=lambda each: _place(text(each, "use")), default={})


def _place(use: str | None) -> int:
    return _ADDRESS_USES.index(use) if use in _ADDRESS_USES else len(_ADDRESS_USES)


def _phones(record: Resource) -> tuple[str | None, str | None]:
    """The home phone, and the mobile one. With one only, it is both what it is and the first to call."""
    phones = [each for each in every(record, "telecom") if text(each, "system") in ("phone", None) and _number(each)]
    cell = next((_number(each) for each in phones if text(each, "use") == "mobile"), None)
    home = next((_number(each) for each in phones if text(each, "use") == "home"), None)
    other = next((_number(each) for each in phones if text(each, "use") not in ("mobile", "old")), None)
    return home or other or cell, cell


def _number(each: Any) -> str | None:
    value = text(each, "value")
    return value if value and digits(value) and "@" not in value else None


def _telecom(record: Resource, system: str) -> str | None:
    found = [each for each in every(record, "telecom") if text(each, "system") == system and text(each, "value")]
    return text(min(found, key=lambda each: text(each, "use") == "old", default={}), "value")
