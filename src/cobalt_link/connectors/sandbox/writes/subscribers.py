"""The subscriber of an insurance plan, and how the patient is related to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# The contract's codes and names, §4.8, and the EHR's words.
RELATIONS: Mapping[str, str] = {
    "01": "self",
    "02": "spouse",
    "32": "mother",
    "33": "father",
    "17": "step_parent",
    "20": "employee",
    "53": "life_partner",
    "25": "other",
}
# Our name of each member, and the EHR's.
MEMBERS: Mapping[str, str] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "street_line_1": "street",
    "city": "city",
    "state": "state",
    "zip": "zip",
    "sex": "sex",
    "dob": "dob",
    "phone": "phone",
}
SEX: Mapping[str, str] = {"female": "F", "male": "M", "unknown": "U"}


def relation(ours: str) -> str:
    """A code or a name. The EHR refuses one that is neither."""
    return RELATIONS.get(ours, ours.strip().lower().replace(" ", "_"))


def subscriber(ours: Mapping[str, str]) -> dict[str, str]:
    """What the app sent of the subscriber, as the EHR takes it. It refuses a member that it does not know."""
    theirs = {MEMBERS.get(name, name): value for name, value in ours.items()}
    return theirs | ({"sex": SEX.get(theirs["sex"].lower(), theirs["sex"].upper())} if "sex" in theirs else {})


def shown(theirs: Mapping[str, str | None], asked: Mapping[str, str] | None) -> dict[str, str]:
    """The subscriber under our names: all of it, or as much as was asked for. What is as asked is spelled as asked."""
    sent = subscriber(asked or {})
    names: Iterable[str] = MEMBERS if asked is None else asked
    found: dict[str, str] = {}
    for name in names:
        member = MEMBERS.get(name, name)
        there = theirs.get(member) or ""
        if asked is not None:
            found[name] = asked[name] if sent[member] == there else there
        elif there:
            found[name] = there
    return found
