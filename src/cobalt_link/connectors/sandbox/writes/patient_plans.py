"""The insurance that comes with a new patient: the plans, and a check of eligibility."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import JsonClient, NewPatient, NotWritten
from cobalt_link.connectors.sandbox.writes.choices import same_name
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.payers import payer_of
from cobalt_link.connectors.sandbox.writes.refused import Names, invalid

RANKS = {"primary": 1, "secondary": 2, "tertiary": 3}
SEQUENCES = {rank: sequence for sequence, rank in RANKS.items()}
# Of the first plan: what the EHR refuses of it.
NAMES: Names = {
    "payer_id": "insurance_name",
    "member_id": "insurance_subscriber_number",
    "insurance": "insurance_name",
    "rank": "insurance_sequence",
}


async def plans(api: JsonClient, write: NewPatient, names: Names) -> list[Row]:
    """As the EHR takes them. Raises NotWritten for a company that it does not have."""
    found = []
    if write.insurance_sequence not in (None, *RANKS):
        raise NotWritten(invalid("Send primary, secondary, or tertiary.", "insurance_sequence"))
    ehr_id, name = write.insurance_provider_ehr_id, write.insurance_name
    if payer := await payer_of(api, names, ehr_id=ehr_id, name=name):
        rank = RANKS[write.insurance_sequence or "primary"]
        found.append({"payer_id": payer["id"], "member_id": write.insurance_subscriber_number or "", "rank": rank})
    second = names | {"payer_id": "secondary_insurance_name"}
    if payer := await payer_of(api, second, name=write.secondary_insurance_name):
        number = write.secondary_insurance_subscriber_number or ""
        found.append({"payer_id": payer["id"], "member_id": number, "rank": RANKS["secondary"]})
    return found


async def insurance(api: JsonClient, write: NewPatient, names: Names) -> Row:
    """The members of a new patient for it."""
    found = await plans(api, write, names)
    return ({"insurance": found} if found else {}) | ({"check_eligibility": True} if write.check_eligibility else {})


async def plans_held(api: JsonClient, write: NewPatient, patient: Row) -> Row:
    """What the EHR holds of the insurance, if the app sent any."""
    held: Row = {}
    if write.insurance_provider_ehr_id or write.insurance_name or write.secondary_insurance_name:
        rows = (await api.get("/insurances", {"patient_id": patient["id"]}))["insurances"]
        plans = {row["rank"]: row for row in rows}
        first = plans.get(RANKS[write.insurance_sequence or "primary"])
        if write.insurance_provider_ehr_id or write.insurance_name:
            held |= _first(write, first)
        if write.secondary_insurance_name:
            held |= _second(write, plans.get(RANKS["secondary"]))
    if write.check_eligibility:
        # The EHR checks each plan of a patient who is new, so there are no others.
        checks = await api.get("/eligibility-checks", {"patient_id": patient["id"]})
        held["check_eligibility"] = bool(checks["eligibility_checks"])
    return held


def _first(write: NewPatient, row: Row | None) -> dict[str, Any]:
    plan = row or {}
    return {
        "insurance_name": _spelled(write.insurance_name, plan.get("payer")),
        "insurance_provider_ehr_id": plan.get("payer_id"),
        "insurance_subscriber_number": plan.get("member_id"),
        "insurance_sequence": SEQUENCES[plan["rank"]] if row else None,
    }


def _second(write: NewPatient, row: Row | None) -> dict[str, Any]:
    plan = row or {}
    return {
        "secondary_insurance_name": _spelled(write.secondary_insurance_name, plan.get("payer")),
        "secondary_insurance_subscriber_number": plan.get("member_id"),
    }


def _spelled(asked: str | None, there: str | None) -> str | None:
    return asked if asked and there and same_name(asked, there) else there
