"""What a patient is insured by: FHIR's Coverage."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from cobalt_link.connector import PatientInsurance, PatientInsuranceQuery, Stream
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.references import first
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, codes, day, every, text, whole, words

MOST = 200
GONE = ("entered-in-error", "draft")
COPAY = ("copay", "copaypct", "gpvisit", "spvisit")


async def of_patient(server: Server, query: PatientInsuranceQuery) -> Stream[PatientInsurance]:
    losses, patient = Losses(), query.patient_ehr_id or server.session.patient or ""
    page = await server.all(
        "Coverage", {server.takes("Coverage", "patient", "beneficiary") or "patient": patient}, most=MOST
    )
    losses.say(*page.losses)
    current = [each for each in page.matches if text(each, "status") not in GONE]
    found = [*losses.each(current, lambda record: _insurance(server, record))]
    for each in sorted(found, key=lambda each: (each.priority is None, each.priority)):
        yield each
    losses.end()


def _insurance(server: Server, record: Resource) -> PatientInsurance:
    payor = first(record, "payor", server.base, "Organization")
    subscriber = first(record, "subscriber", server.base, "Patient", "RelatedPerson")
    relation = words(record.get("relationship"))
    who = first(record, "beneficiary", server.base, "Patient")
    return PatientInsurance(
        ehr_id=text(record, "id") or "",
        patient_ehr_id=who.id,
        priority=whole(record, "order"),
        insurance_ehr_id=payor.id,
        insurance_name=payor.display or text(payor.resource, "name") or _of_class(record, "plan", "name"),
        insurance_subscriber_number=text(record, "subscriberId") or text(record, "identifier.value"),
        insurance_subscriber=subscriber.display,
        group_id=_of_class(record, "group", "value"),
        plan_begin_date=day(record, "period.start"),
        plan_end_date=day(record, "period.end"),
        copayment=_copayment(record),
        relationship_to_subscriber=relation.casefold() if relation else None,
    )


def _of_class(record: Resource, kind: str, part: str) -> str | None:
    for each in every(record, "class"):
        if kind in {code for _, code in codes(each.get("type"))}:
            return text(each, part)
    return None


def _copayment(record: Resource) -> Decimal | None:
    for each in every(record, "costToBeneficiary"):
        if {code for _, code in codes(each.get("type"))} & {*COPAY} and (said := text(each, "valueMoney.value")):
            try:
                return Decimal(said)
            except InvalidOperation:
                return None
    return None
