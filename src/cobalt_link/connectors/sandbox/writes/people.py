"""Who sent a patient, and who cares for them: the EHR keeps the name of each in one text."""

from __future__ import annotations

from cobalt_link.connector import NewPatient, PatientChange
from cobalt_link.connectors.sandbox.writes.fields import Row

# Our fields for the first and the last name, and the EHR's member.
PEOPLE = (
    ("referring_provider_first_name", "referring_provider_last_name", "referred_by"),
    ("pcp_first_name", "pcp_last_name", "primary_care"),
)


def people(write: NewPatient | PatientChange) -> Row:
    """What the app sent of them, as the EHR takes it."""
    return {member: name for member, name, _ in _asked(write)}


def people_took(write: NewPatient | PatientChange, row: Row) -> bool:
    return all(row[member] == name for member, name, _ in _asked(write))


def people_held(write: NewPatient | PatientChange, row: Row) -> Row:
    """The names as they were asked for, if the EHR has them. Else its text, divided before the last word."""
    held: Row = {}
    wanted = {member: fields for member, name, fields in _asked(write) if row[member] == name}
    for first, last, member in PEOPLE:
        before, _, end = row[member].rpartition(" ")
        held |= wanted.get(member) or {first: before or None, last: end or None}
    return held


def _asked(write: NewPatient | PatientChange) -> list[tuple[str, str, Row]]:
    """The EHR's member, the text for it, and our fields, of each whom the app named."""
    found = []
    for first, last, member in PEOPLE:
        fields = {name: getattr(write, name) for name in (first, last)}
        if name := " ".join(filter(None, fields.values())):
            found.append((member, name, fields))
    return found
