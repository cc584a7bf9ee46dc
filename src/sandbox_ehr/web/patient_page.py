"""The page of one patient: what the clinic knows, what was written, and the documents."""

import sqlite3
from collections.abc import Callable
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.clinic import documents, patients, records, visits
from sandbox_ehr.clinic.calls import CALL
from sandbox_ehr.clinic.claims import CLAIM
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.documents import DOCUMENT
from sandbox_ehr.clinic.insurances import INSURANCE, InsuranceQuery
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.notes import NOTE, PATIENT_NOTE
from sandbox_ehr.clinic.orders import ORDER
from sandbox_ehr.clinic.payments import PAYMENT
from sandbox_ehr.clinic.practice import STATUSES, VISIT_TYPES
from sandbox_ehr.clinic.records import Kind, Row
from sandbox_ehr.clinic.referrals import REFERRAL
from sandbox_ehr.clinic.tasks import TASK
from sandbox_ehr.clinic.visits import VisitQuery
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login.chart_access import in_chart
from sandbox_ehr.refusals import RequestRefused, no_rights
from sandbox_ehr.web.browser_session import browser_session
from sandbox_ehr.web.rendering import chart_page, page, short_time

# The newest of each kind. A person who needs more asks the API.
SHOWN = 20
_TYPES = {kind.code: kind.description for kind in VISIT_TYPES}
_STATUSES = {status.code: status.description for status in STATUSES}


class Entry(msgspec.Struct, frozen=True):
    """One line: a day, what it is and more about it, its state, and for a document where its bytes are."""

    day: str
    title: str
    detail: str
    state: str = ""
    link: str = ""


class Section(msgspec.Struct, frozen=True):
    """The newest entries first. `total` counts those that are not shown, too."""

    title: str
    entries: list[Entry]
    total: int


def _note(row: Row) -> Entry:
    codes = " · ".join([*row["icd10"], *row["cpt"]])
    return Entry(row["created_at"][:10], row["text"], codes, "Signed" if row["signed"] else "Not signed")


def _patient_note(row: Row) -> Entry:
    return Entry(row["created_at"][:10], row["subject"], row["text"])


def _document(row: Row) -> Entry:
    state = "Reviewed" if row["reviewed"] else "Not reviewed"
    detail = " · ".join(filter(None, [f"{row['size']} bytes", row["notes"]]))
    return Entry(row["filed_on"], row["filename"], detail, state, f"/documents/{row['id']}")


def _insurance(row: Row) -> Entry:
    numbers = f"Member {row['member_id']}" + (f", group {row['group']}" if row["group"] else "")
    return Entry(row["begins_on"] or "", row["payer"], numbers, f"Rank {row['rank']}")


def _task(row: Row) -> Entry:
    return Entry(row["created_at"][:10], row["subject"], row["description"], row["status"].capitalize())


def _order(row: Row) -> Entry:
    results = (row["lab_results"] or {}).get("results", [])
    said = ", ".join(f"{each['name']} {each['value']} {each['unit']}" for each in results)
    return Entry(row["ordered_on"], row["name"], said, row["status"].capitalize())


def _referral(row: Row) -> Entry:
    title = f"{row['from_provider'] or 'Nobody'} to {row['to_provider'] or 'nobody'}"
    return Entry(row["referred_on"], title, row["reason"], row["priority"].capitalize())


def _call(row: Row) -> Entry:
    return Entry(row["created_at"][:10], row["reason"] or "Call", row["refill_medication"], row["status"].capitalize())


def _claim(row: Row) -> Entry:
    codes = ", ".join(line["cpt"] for line in row["lines"])
    return Entry(row["service_date"], f"${row['total_charge']}, open ${row['balance']}", codes, row["status_text"])


def _payment(row: Row) -> Entry:
    return Entry(row["deposited_on"], f"${row['amount']}", row["notes"], row["method"])


# Each with the right that a person needs to see it.
SECTIONS: tuple[tuple[str, str, Kind, Callable[[Row], Entry]], ...] = (
    ("Insurance", "insurance.read", INSURANCE, _insurance),
    ("Notes", "notes.read", NOTE, _note),
    ("Notes about the patient", "notes.read", PATIENT_NOTE, _patient_note),
    ("Documents", "documents.read", DOCUMENT, _document),
    ("Orders", "orders.read", ORDER, _order),
    ("Referrals", "referrals.read", REFERRAL, _referral),
    ("Tasks", "tasks.read", TASK, _task),
    ("Calls", "calls.read", CALL, _call),
    ("Claims", "billing.read", CLAIM, _claim),
    ("Payments", "billing.read", PAYMENT, _payment),
)


async def patient(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    if "patients.read" not in session.rights:
        return _refuse(request, "patients.read")
    ehr, patient_id = ehr_of(request), request.path_params["id"]
    found, sections = await in_chart(ehr.database, session, ehr.clock.now(), _chart, patient_id, session.rights)
    return chart_page(request, session, "patient.html", patient=found, sections=sections)


async def document(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    if "documents.read" not in session.rights:
        return _refuse(request, "documents.read")
    ehr = ehr_of(request)
    document_id = request.path_params["id"]
    row, content = await in_chart(ehr.database, session, ehr.clock.now(), documents.content, document_id)
    # Always saved and never shown: somebody may have uploaded a page with scripts.
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['filename'], safe='')}"}
    return Response(content, media_type=row["media_type"], headers=headers)


def _refuse(request: Request, right: str) -> Response:
    note_outcome(request, "no_rights")
    return page("refused.html", 403, notice=no_rights(right))


def _chart(
    connection: sqlite3.Connection, context: ChartContext, patient_id: str, rights: tuple[str, ...]
) -> tuple[Patient, list[Section]]:
    found = patients.one(connection, context.clinic.id, patient_id)
    if found is None:
        raise RequestRefused(refusals.not_found("patient"))
    sections = [_visits(connection, context, patient_id)] if "schedule.read" in rights else []
    for title, right, kind, entry in SECTIONS:
        if right in rights:
            total, rows = records.find(connection, context, kind, InsuranceQuery(patient_id=patient_id, limit=10**6))
            sections.append(Section(title, [entry(row) for row in reversed(rows[-SHOWN:])], total))
    return found, sections


def _visits(connection: sqlite3.Connection, context: ChartContext, patient_id: str) -> Section:
    rows = visits.find(connection, context.clinic, VisitQuery(patient_id=patient_id), context.now)
    entries = []
    for visit in reversed(rows[-SHOWN:]):
        starts = context.local(visit.starts_at)
        title = f"{short_time(starts)}, {_TYPES[visit.details.type]}"
        detail = " · ".join(filter(None, [visit.details.reason, visit.details.note]))
        status = _STATUSES[visit.status_at(context.now)]
        entries.append(Entry(starts.date().isoformat(), title, detail, status))
    return Section("Visits", entries, len(rows))


routes = [
    Route("/patients/{id}", patient, methods=["GET"]),
    Route("/documents/{id}", document, methods=["GET"]),
]
