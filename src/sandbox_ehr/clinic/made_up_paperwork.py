"""The made-up rows of one visit: they follow from the visit alone, so they are the same on every machine."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from sandbox_ehr.clinic import orders
from sandbox_ehr.clinic.calls import CALL, CALL_ACTION, CALL_TYPES
from sandbox_ehr.clinic.charges import CHARGES
from sandbox_ehr.clinic.claims import CLAIM, claim_of, paid, status_of
from sandbox_ehr.clinic.context import ChartContext, user_of
from sandbox_ehr.clinic.documents import DOCUMENT, made_up_file
from sandbox_ehr.clinic.eligibility import check_of
from sandbox_ehr.clinic.messages import MESSAGE
from sandbox_ehr.clinic.notes import NOTE, PATIENT_NOTE
from sandbox_ehr.clinic.orders import ORDER
from sandbox_ehr.clinic.payments import PAYMENT
from sandbox_ehr.clinic.records import Kind, MadeUpRow, Row
from sandbox_ehr.clinic.referrals import REFERRAL
from sandbox_ehr.clinic.seeded_choice import number, pick
from sandbox_ehr.clinic.tasks import TASK, TASK_NOTE
from sandbox_ehr.clinic.visits import Visit

MINUTE = 60
DAY = 86400
Made = tuple[Kind, MadeUpRow]
TASKS = (
    ("Call with results", "Lab results are back and need a call."),
    ("Send records", "The patient asked for a copy of the visit summary."),
    ("Prior authorization", "The payer asks for a prior authorization of the medication."),
)


def check(context: ChartContext, visit: Visit, plans: dict[str, list[Row]]) -> Iterator[MadeUpRow]:
    """The eligibility check of the patient's first plan, the day before the visit."""
    for plan in plans.get(visit.patient.id, [])[:1]:
        asked = visit.starts_at - DAY
        day = context.local(visit.starts_at).date().isoformat()
        doc = check_of(plan, visit.patient, day, context.shown(asked), visit.id, visit.details.provider_id)
        yield MadeUpRow(id=f"E{visit.id}", created_at=asked, created_by="u1", doc=doc)


def after_visit(context: ChartContext, visit: Visit, names: dict[str, str]) -> Iterator[Made]:
    """The note, and for some visits an order, a document, a referral, a task, a call, or a message."""
    yield NOTE, _row(visit, "N", 10, _note(context, visit))
    order = orders.made_up(visit, context.local(visit.starts_at).date())
    if order:
        yield ORDER, _row(visit, "O", 11, order)
    if number(3, visit.id, "summary") == 0 or _is_referred(visit):
        yield DOCUMENT, _row(visit, "D", 15, _summary(context, visit))
    if _is_referred(visit):
        yield REFERRAL, _row(visit, "R", 20, _referral(context, visit, names))
    yield from _errands(context, visit)


def billing(context: ChartContext, visit: Visit, plans: dict[str, list[Row]]) -> Iterator[Made]:
    """The claim, most often paid by now, and the copay."""
    mine = plans.get(visit.patient.id, [])
    made = claim_of(context, visit, mine, [], [each.code for each in visit.details.diagnoses])
    copay = Decimal(mine[0]["copay"]) if mine else Decimal(0)
    day = (context.local(visit.starts_at).date() + timedelta(days=2)).isoformat()
    made["claim_date"] = day
    state = pick(("48CL", "48CL", "20SB", "30RJ"), visit.id, "claim") if mine else "10RD"
    payment = Decimal(number(9000, visit.id, "allowed") + 6000) / 100
    claim = paid(made, payment, copay, day) if state == "48CL" else made | status_of(state)
    yield CLAIM, _row(visit, "C", 2 * DAY // MINUTE, claim)
    if copay:
        yield PAYMENT, _row(visit, "PY", 5, _copay(context, visit, copay))


def _row(visit: Visit, prefix: str, minutes: int, doc: Row) -> MadeUpRow:
    """A row of the visit's provider, so many minutes after the visit."""
    provider = user_of(visit.details.provider_id)
    at = visit.ends_at + minutes * MINUTE
    return MadeUpRow(id=f"{prefix}{visit.id}", created_at=at, created_by=provider, doc=doc)


def _note(context: ChartContext, visit: Visit) -> Row:
    details = visit.details
    return {
        "visit_id": visit.id,
        "patient_id": visit.patient.id,
        "provider_id": details.provider_id,
        "type": "progress",
        "text": details.progress_note,
        "sections": None,
        "icd10": [diagnosis.code for diagnosis in details.diagnoses],
        "cpt": [CHARGES[details.type][0]],
        "drafted_by": "",
        "signed": True,
        "signed_at": context.shown(visit.ends_at + 30 * MINUTE),
        "signed_by": user_of(details.provider_id),
    }


def _summary(context: ChartContext, visit: Visit) -> Row:
    patient, day = visit.patient, context.local(visit.starts_at).date()
    lines = [
        context.clinic.name,
        f"Visit summary, {day:%m/%d/%Y}",
        f"{patient.first_name} {patient.last_name}, MRN {patient.mrn}",
        visit.details.progress_note,
    ]
    return {
        "patient_id": patient.id,
        "visit_id": visit.id,
        "folder_id": "F4",
        "assigned_to": user_of(visit.details.provider_id),
        "reviewed": number(2, visit.id, "reviewed") == 0,
        "notes": "",
        "priority": "normal",
        "drafted_by": "",
        "filed_on": day.isoformat(),
        **made_up_file(f"visit-summary-{day}.pdf", lines),
    }


def _is_referred(visit: Visit) -> bool:
    return visit.details.new_patient or number(14, visit.id, "referred") == 0


def _referral(context: ChartContext, visit: Visit, names: dict[str, str]) -> Row:
    """A new patient was referred to the clinic. Others are referred to somebody elsewhere."""
    incoming, ours = visit.details.new_patient, visit.details.provider_id
    other = pick([provider_id for provider_id in names if provider_id.startswith(f"RP{context.clinic.id}")], visit.id)
    sides = (other, ours) if incoming else (ours, other)
    return {
        "patient_id": visit.patient.id,
        "direction": "incoming" if incoming else "outgoing",
        "from_provider_id": sides[0],
        "from_provider": names[sides[0]],
        "to_provider_id": sides[1],
        "to_provider": names[sides[1]],
        "priority": pick(("routine",) * 4 + ("urgent", "stat"), visit.id, "priority"),
        "reason": visit.details.reason,
        "icd10": [diagnosis.code for diagnosis in visit.details.diagnoses],
        "document_ids": [f"D{visit.id}"],
        "status": pick(("open", "scheduled", "closed"), visit.id, "referral status"),
        "referred_on": context.local(visit.starts_at).date().isoformat(),
        "last_activity_at": context.shown(visit.ends_at + 20 * MINUTE),
    }


def _errands(context: ChartContext, visit: Visit) -> Iterator[Made]:
    patient, staff = (
        visit.patient.id,
        user_of(pick([one.id for one in context.clinic.providers if one.active], visit.id)),
    )
    if number(10, visit.id, "task") == 0:
        subject, description = pick(TASKS, visit.id, "task subject")
        task = {"patient_id": patient, "subject": subject, "description": description, "assigned_to": staff}
        state = {"status": pick(("open", "done"), visit.id, "task status"), "call_type_id": "", "notify": []}
        yield TASK, _row(visit, "T", 25, {**task, **state, "priority": "normal"})
        note = {"task_id": f"T{visit.id}", "text": "Left a voicemail.", "by": "Dana Goodwin"}
        yield TASK_NOTE, _row(visit, "TN", 60, note)
    if number(20, visit.id, "call") == 0:
        yield from _call(context, visit, staff)
    if number(15, visit.id, "patient note") == 0:
        note = {"patient_id": patient, "location_id": visit.details.location_id, "drafted_by": ""}
        yield PATIENT_NOTE, _row(visit, "PN", 40, {**note, "subject": "Preference", "text": "Prefers morning visits."})
    if number(25, visit.id, "message") == 0:
        text = {"subject": "Form to sign", "text": "A form for this patient is on your desk.", "from": "Dana Goodwin"}
        sent = {"provider_id": visit.details.provider_id, "sent_at": context.shown(visit.ends_at + 50 * MINUTE)}
        yield MESSAGE, _row(visit, "M", 50, {**text, **sent, "read": True})


def _call(context: ChartContext, visit: Visit, staff: str) -> Iterator[Made]:
    """About one of the usual things. A refill goes to the patient's pharmacy, and somebody has tried it by now."""
    kind, patient = pick(CALL_TYPES, visit.id, "call type"), visit.patient
    is_refill = kind is CALL_TYPES[0]
    call = {
        "patient_id": patient.id,
        "provider_id": visit.details.provider_id,
        "location_id": visit.details.location_id,
        "assigned_to": staff,
        "call_type_id": kind.code,
        "reason": kind.description,
        "refill_medication": patient.medications[0].name if is_refill and patient.medications else "",
        "pharmacy_id": patient.pharmacies[0].pharmacy_id if is_refill and patient.pharmacies else "",
        "status": "open",
        "called_at": context.shown(visit.ends_at + 90 * MINUTE),
    }
    yield CALL, _row(visit, "TE", 90, call)
    if is_refill:
        tried = context.local(visit.ends_at + 120 * MINUTE)
        text = f"Dana Goodwin {tried:%m/%d/%Y %I:%M %p %Z}: Asked the pharmacy for a refill."
        action = {"call_id": f"TE{visit.id}", "text": text, "priority": "normal"}
        yield CALL_ACTION, _row(visit, "CA", 120, action)


def _copay(context: ChartContext, visit: Visit, copay: Decimal) -> Row:
    return {
        "patient_id": visit.patient.id,
        "method_id": "PM3",
        "method": "Card",
        "reference": f"{number(10**8, visit.id, 'reference'):08}",
        "location_id": visit.details.location_id,
        "amount": f"{copay:.2f}",
        "notes": "Copay",
        "deposited_on": context.local(visit.starts_at).date().isoformat(),
    }
