"""Orders of a patient: ServiceRequest and MedicationRequest, and the results of those of a lab."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import LabResults, LabValue, NoRights, Order, OrderQuery, OrderStatus, OrderType, Stream
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.references import first, references
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, codes, day, every, moment, text, words

MOST = 1000
ENDED: dict[str, OrderStatus] = {
    "completed": "completed", "revoked": "cancelled", "cancelled": "cancelled", "stopped": "cancelled",
    "entered-in-error": "cancelled",
}  # fmt: skip
# By code of SNOMED CT or a word, of a ServiceRequest's category.
TYPES: dict[str, OrderType] = {
    "108252007": "lab", "laboratory": "lab", "lab": "lab", "363679005": "imaging", "imaging": "imaging",
    "radiology": "imaging", "rad": "imaging",
}  # fmt: skip
Reports = dict[str, Resource]
"""DiagnosticReports by the id of the request that they answer."""


async def of_patient(server: Server, query: OrderQuery) -> Stream[Order]:
    losses, patient = Losses(), query.patient_ehr_id or server.session.patient or ""
    found: list[Order] = []
    services = await _records(server, "ServiceRequest", patient, losses)
    results = await _results(server, patient, services, losses)
    found += losses.each(services, lambda record: _service(server, record, results))
    medications = await _records(server, "MedicationRequest", patient, losses)
    found += losses.each(medications, lambda record: _medication(server, record))
    for each in found:
        yield each
    losses.end()


async def _records(server: Server, kind: str, patient: str, losses: Losses) -> list[Resource]:
    """Those of one type. A server that has only one of the types, or shows only one, gives that one."""
    if not (server.offered(kind).can("search-type") and server.session.granted.allows(kind, "s")):
        losses.say(f"This user sees no {kind}.")
        return []
    page = await server.all(kind, {server.takes(kind, "patient", "subject") or "patient": patient}, most=MOST)
    losses.say(*page.losses)
    return page.matches


def _service(server: Server, record: Resource, results: dict[str, LabResults]) -> Order:
    ehr_id, kind = text(record, "id") or "", _type(record)
    code = next((code for _, code in codes(record.get("code"))), None)
    place = first(record, "locationReference", server.base, "Location").display or words(record.get("locationCode"))
    when = day(record, "occurrenceDateTime") or day(record, "occurrencePeriod.start")
    details = {"code": code, "location": place, "scheduled_date": when.isoformat() if when else None}
    return _order(
        server, record, kind, words(record.get("code")), day(record, "authoredOn"), details, results.get(ehr_id)
    )


def _medication(server: Server, record: Resource) -> Order:
    at = first(record, "medicationReference", server.base, "Medication")
    name = words(record.get("medicationCodeableConcept")) or at.display or words((at.resource or {}).get("code"))
    dosage = text(record, "dosageInstruction.text") or text(record, "dosageInstruction.patientInstruction")
    details = {"instructions": dosage, "refills": text(record, "dispenseRequest.numberOfRepeatsAllowed")}
    return _order(server, record, "medication", name, day(record, "authoredOn"), details, None)


def _order(
    server: Server,
    record: Resource,
    kind: OrderType,
    name: str | None,
    on: Any,
    details: dict[str, str | None],
    results: LabResults | None,
) -> Order:
    who = first(record, "subject", server.base, "Patient")
    requester = first(record, "requester", server.base, "Practitioner", "PractitionerRole")
    return Order(
        ehr_id=text(record, "id") or "",
        name=name or text(record, "identifier.value") or "",
        type=kind,
        status=ENDED.get(text(record, "status") or "", "pending"),
        ordered_on=on,
        patient_ehr_id=who.id,
        patient_name=who.display,
        provider_ehr_id=requester.id,
        details={name: value for name, value in details.items() if value},
        lab_results=results,
        updated_at=moment(record, "meta.lastUpdated"),
    )


def _type(record: Resource) -> OrderType:
    for category in every(record, "category"):
        for said in (*(code for _, code in codes(category)), words(category) or ""):
            if found := TYPES.get(said.casefold()):
                return found
    return "procedure"


async def _results(server: Server, patient: str, orders: list[Resource], losses: Losses) -> dict[str, LabResults]:
    """The results of lab orders, by the order's id. Two more requests, whatever the number of orders."""
    if not any(_type(each) == "lab" for each in orders):
        return {}
    reports = await _optional(server, "DiagnosticReport", patient, losses)
    answers = {ref.id: each for each in reports for ref in references(each, "basedOn", server.base) if ref.id}
    if not answers:
        return {}
    values = {text(each, "id"): each for each in await _optional(server, "Observation", patient, losses)}
    return {ehr_id: _lab(server, report, values) for ehr_id, report in answers.items()}


async def _optional(server: Server, kind: str, patient: str, losses: Losses) -> list[Resource]:
    if not (server.offered(kind).can("search-type") and server.session.granted.allows(kind, "s")):
        return []
    category = {"category": "laboratory" if kind == "Observation" else "LAB"} if server.takes(kind, "category") else {}
    try:
        page = await server.all(kind, {"patient": patient, **category}, most=MOST)
    except (FhirRefused, NoRights):
        losses.say("The EHR does not show the results of lab orders.")
        return []
    return page.matches


def _lab(server: Server, report: Resource, values: dict[str | None, Resource]) -> LabResults:
    found = [ref.resource or values.get(ref.id) for ref in references(report, "result", server.base)]
    return LabResults(
        status=text(report, "status"),
        resulted_on=day(report, "issued") or day(report, "effectiveDateTime"),
        text=text(report, "conclusion"),
        comment=text(report, "note.text"),
        values=tuple(_value(each) for each in found if each),
    )


def _value(record: Resource) -> LabValue:
    return LabValue(
        name=words(record.get("code")) or "",
        code=next((code for _, code in codes(record.get("code"))), None),
        value=text(record, "valueQuantity.value", "valueString", "valueInteger", "valueDateTime")
        or words(record.get("valueCodeableConcept")),
        unit=text(record, "valueQuantity.unit", "valueQuantity.code"),
        reference_range=text(record, "referenceRange.text") or _range(record),
        flag=next((code for each in every(record, "interpretation") for _, code in codes(each)), None),
    )


def _range(record: Resource) -> str | None:
    low, high = text(record, "referenceRange.low.value"), text(record, "referenceRange.high.value")
    return " - ".join(filter(None, (low, high))) or None
