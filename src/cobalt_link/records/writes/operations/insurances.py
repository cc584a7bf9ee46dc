"""Writes of a patient's insurances (contract §4.8)."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Done, Fields, Operation, Other
from cobalt_link.records.writes.shapes import ForPatientAsked, Text, cents, need_state, need_zip
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField

# The contract's names, with the codes that it pairs them with (§4.8).
CODES = {
    "self": "01",
    "spouse": "02",
    "mother": "32",
    "father": "33",
    "step parent": "17",
    "employee": "20",
    "life partner": "53",
    "other": "25",
    "child": "child",
}


class InsuranceAsked(ForPatientAsked, frozen=True, kw_only=True):
    """The plan's payer: `insurance_provider_id`, or `insurance_name` with or without `insurance_payer_id`."""

    insurance_provider_id: Annotated[Text, Meta(description="The payer, an id of GET /v1/insurance-providers.")] = None
    insurance_name: Annotated[Text, Meta(description="The payer's name, instead.")] = None
    insurance_payer_id: Annotated[Text, Meta(description="The payer's own id. Goes with insurance_name.")] = None
    member_id: Annotated[str | None, Cleaned(trimmed), Alias("insurance_subscriber_number")] = None
    group_id: Annotated[Text, Meta(description="Number of the group.")] = None
    priority: Annotated[Literal[1, 2, 3] | None, Meta(description="1 for the primary plan.")] = None
    plan_begin_date: Annotated[date | None, Meta(description="YYYY-MM-DD.")] = None
    copayment: Annotated[Decimal | None, Meta(description="An amount, 0 or more.")] = None
    relationship_to_subscriber: Annotated[Text, Meta(description="A word such as spouse, or its code.")] = None
    subscriber_demographics: Annotated[
        dict[str, str] | None, Meta(description="Who holds the plan: first_name, last_name, dob, …")
    ] = None


def _shape(asked: InsuranceAsked) -> Fields:
    fields: Fields = {}
    if asked.relationship_to_subscriber:
        said = re.sub(r"[\s_]+", " ", asked.relationship_to_subscriber).lower()
        code = said if said in CODES.values() else CODES.get(said)
        if code is None:
            raise InvalidRequest(f"Invalid relationship_to_subscriber. Use one of: {', '.join(CODES)}, or their codes.")
        fields["relationship_to_subscriber"] = code
    if asked.copayment is not None:
        fields["copayment"] = _amount(asked.copayment)
    if subscriber := {name: value for name, value in (asked.subscriber_demographics or {}).items() if value}:
        state = need_state("subscriber_demographics.state", subscriber.get("state"))
        need_zip("subscriber_demographics.zip", subscriber.get("zip"))
        fields["subscriber_demographics"] = subscriber | ({"state": state} if state else {})
    return fields


def _new(asked: InsuranceAsked) -> Fields:
    if not asked.insurance_provider_id and not asked.insurance_name:
        text = "Send insurance_provider_id, or insurance_name. A payer id alone does not name a plan."
        raise MissingField(message=f"Missing required field: insurance_provider_id. {text}")
    return _shape(asked)


def _change(asked: InsuranceAsked) -> Fields:
    named = ("patient_mrn", "patient_id", "expires_in")
    if all(value is None for name, value in msgspec.structs.asdict(asked).items() if name not in named):
        raise InvalidRequest("Send at least one field to change, such as member_id.")
    return _shape(asked)


def _amount(amount: Decimal) -> str:
    if not amount.is_finite() or amount < 0 or amount >= 10**9:
        raise InvalidRequest("Invalid copayment: send an amount of 0 or more, such as 20.00.")
    return cents(amount)


def _data(done: Done) -> Fields:
    return {"emr_insurance_id": done.held.ehr_id, "patient_mrn": done.write.patient_mrn, "audit_trail": []}


COMMON: Any = {
    "asked": InsuranceAsked,
    "record": "patient_insurance_id",
    "kind": "insurance",
    "message": "Insurance processing. A webhook event will be sent upon completion.",
    "failed": "patient.insurance.failed",
    "changes": frozenset({"patient"}),
    "ids": {"insurance_provider_id": Other(kinds=("insurance_provider",), field="insurance_provider_ehr_id")},
    "data": _data,
}
OPERATIONS = (
    Operation(
        name="insurances.create",
        path="/v1/patients/{patient_mrn}/insurances",
        summary="Add an insurance to a patient.",
        done="patient.insurance.added",
        shape=_new,
        **COMMON,
    ),
    Operation(
        name="insurances.update",
        method="PATCH",
        path="/v1/patients/{patient_mrn}/insurances/{emr_insurance_id}",
        target="emr_insurance_id",
        summary="Change an insurance of a patient. What is left out stays as it is.",
        done="patient.insurance.updated",
        shape=_change,
        **COMMON,
    ),
)
