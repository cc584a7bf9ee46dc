"""What GNU Health keeps of a patient at the person (its `party`): names, numbers and addresses, in both directions."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import NewPatient, NotWritten, PatientChange, Reason, digits
from cobalt_link.connectors.gnuhealth.patients import ADDRESS, sex, state
from cobalt_link.connectors.gnuhealth.refused import RULE
from cobalt_link.connectors.gnuhealth.server import Server

KINDS = {"phone": "phone", "cell_phone": "mobile", "email": "email"}
PLACE = {"address_city": "city", "address_zip": "postal_code"}
HELD = [
    *(f"party.{name}" for name in ("name", "lastname", "ref", "dob", "gender")),
    *(f"party.contact_mechanisms.{name}" for name in ("type", "value")),
    *(f"party.addresses.{name}" for name in (*ADDRESS, "country", "subdivision")),
]
COPIED = ("street", "city", "postal_code", "country", "subdivision")


def numbers(write: NewPatient | PatientChange, kept: list[dict[str, Any]]) -> list[list[Any]]:
    """What to do with the list of numbers: the first one of a kind is the patient's, and takes the new value."""
    steps: list[list[Any]] = []
    for name, kind in KINDS.items():
        if (value := getattr(write, name)) is None:
            continue
        first = next((each["id"] for each in kept if each["type"] == kind), None)
        changed = [["write", [first], {"value": value}]] if first else [["create", [{"type": kind, "value": value}]]]
        steps += changed
    return steps


async def addresses(server: Server, write: NewPatient | PatientChange, kept: list[dict[str, Any]]) -> list[list[Any]]:
    """What to do with the addresses: the first one is the patient's. Before it changes, an inactive copy is made of it,
    if the app wants that. Raises NotWritten for a state that the server does not know."""
    old = kept[0] if kept else None
    values = _place(write, old) | await _state(server, write)
    if not values:
        return []
    if old is None:
        return [["create", [values]]]
    copy = {name: old[name] for name in COPIED} | {"active": False}
    saved = [["create", [copy]]] if isinstance(write, PatientChange) and write.save_previous_address else []
    return [*saved, ["write", [old["id"]], values]]


def held_fields(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of both writes, from a row with the fields of HELD."""
    party = row["party."]
    kept = party.get("contact_mechanisms.") or []
    place = next(iter(party.get("addresses.") or []), {})
    lines = (place.get("street") or "").splitlines()

    def first(kind: str) -> str | None:
        return next((each["value"] for each in kept if each["type"] == kind), None)

    return {
        "first_name": party["name"],
        "last_name": party["lastname"],
        "dob": party["dob"],
        "sex": sex(party["gender"]),
        "phone": dashed(first("phone")),
        "cell_phone": dashed(first("mobile")),
        "email": first("email"),
        "address_street": lines[0] if lines else None,
        "address_line2": ", ".join(lines[1:]) or None,
        "address_state": state(place),
        **{ours: place.get(theirs) or None for ours, theirs in PLACE.items()},
    }


def dashed(phone: str | None) -> str | None:
    """A number of ten digits as the contract writes it. Some servers write it with spaces and a country code."""
    found = digits(phone).removeprefix("1") if len(digits(phone)) == 11 else digits(phone)
    return f"{found[:3]}-{found[3:6]}-{found[6:]}" if len(found) == 10 else phone


def _place(write: NewPatient | PatientChange, old: dict[str, Any] | None) -> dict[str, Any]:
    values = {theirs: getattr(write, ours) for ours, theirs in PLACE.items() if getattr(write, ours) is not None}
    if write.address_street is None and write.address_line2 is None:
        return values
    lines = ((old or {}).get("street") or "").splitlines()
    first = lines[0] if lines and write.address_street is None else write.address_street
    rest = lines[1:] if write.address_line2 is None else [write.address_line2]
    return values | {"street": "\n".join(filter(None, (first, *rest)))}


async def _state(server: Server, write: NewPatient | PatientChange) -> dict[str, Any]:
    """The United States' state with its country, as ISO 3166-2 codes them."""
    if write.address_state is None:
        return {}
    code = f"US-{write.address_state.upper()}"
    found = await server.model("country.subdivision", "search_read", [["code", "=", code]], 0, 1, None, ["country"])
    if not found:
        text = f"This GNU Health does not know the state {code}. Its administrator can import the countries."
        raise NotWritten(Reason(RULE, text, "address_state"))
    return {"subdivision": found[0]["id"], "country": found[0]["country"]}
