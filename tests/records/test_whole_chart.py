"""Everything that the API reads, at the real Sandbox EHR: nothing is empty, by either name of a patient, by id."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

from msgspec import inspect as shapes

from cobalt_link.records.api import routes
from tests.records.conftest import Api, Caller, Charted, Doctor

TODAY = date.today()
MONTH = {"start_date": str(TODAY - timedelta(days=30)), "end_date": str(TODAY)}
QUERIES: dict[str, dict[str, str]] = {
    "/v1/appointments": MONTH | {"include_note": "true", "page_size": "500"},
    "/v1/appointments/{appointment_id}": {"include_note": "true"},
    "/v1/referrals": MONTH,
    "/v1/availability": {"start_date": str(TODAY), "end_date": str(TODAY + timedelta(days=7))},
}
# What the contract has and this EHR does not. `synced_at`, because reads are live.
NOT_HERE = {
    "partial_reason", "synced_at", "payment_id", "reference_number", "method", "modifiers[]",
    "guarantor_id", "plan_end_date", "due_date", "text", "comment", "results_url", "zip", "reason", "route",
    "freshness", "withheld[]",
    "visit_type_rules[]", "set_start_date", "set_end_date", "set_description", "rec_start_date", "rec_end_date",
    "required_filters[]", "total_visits", "start_time", "end_time", "visit_type_id", "visit_type_desc",
    "insurance_address_2",
    # Only what somebody writes has these.
    "subjective", "objective", "assessment", "plan", "notify_list[]", "phone_call_type_id", "documents[].notes",
    "document.notes", "job_id", "failure_reason", "note.status", "document.status",
}  # fmt: skip


def declared(kind: Any, where: str) -> set[str]:
    """Every field that an answer of this type may have, such as "appointments[].insurances[].group_id"."""
    found: set[str] = set()
    kind = kind.type if isinstance(kind, shapes.Metadata) else kind
    for each in kind.types if isinstance(kind, shapes.UnionType) else (kind,):
        if isinstance(each, shapes.StructType):
            for field in each.fields:
                found |= declared(field.type, f"{where}.{field.encode_name}".lstrip("."))
        elif isinstance(each, shapes.ListType | shapes.VarTupleType):
            found |= declared(each.item_type, f"{where}[]")
        elif not isinstance(each, shapes.NoneType):
            found.add(where)
    return found


def filled(value: Any, where: str = "") -> set[str]:
    """Those that an answer has."""
    if (
        isinstance(value, dict)
        and value
        and where.rpartition(".")[2] not in ("diagnoses[]", "medications[]", "details")
    ):
        return set().union(*(filled(each, f"{where}.{name}".lstrip(".")) for name, each in value.items()))
    if isinstance(value, list):
        return set().union(*(filled(each, f"{where}[]") for each in value))
    return {where} if value not in (None, "", {}) else set()


class Reader:
    """Reads routes with what each needs: a patient who has something there, the id of a record of the list."""

    def __init__(self, ask: Api, who: Caller, patients: list[str], ids: dict[str, list[str]]) -> None:
        self.ask, self.who, self.patients, self.ids = ask, who, patients, ids

    async def answers(self, path: str) -> list[Any]:
        query = QUERIES.get(path, {})
        if path == "/v1/orders":
            return [await self.read(path, {"patient_mrn": each}) for each in self.patients]
        if "{" not in path:
            first = await self.read(path, query)
            pages = first.get("pagination") and first["pagination"]["total_pages"]
            return [first, await self.read(path, query | {"page": str(pages)})] if pages else [first]
        start, name, rest = path.replace("{", "}").split("}")
        values = self.patients if name == "patient_mrn" else self.ids[name]
        return [await self.read(f"{start}{each}{rest}", query) for each in values]

    async def read(self, path: str, query: dict[str, str]) -> Any:
        status, body = await self.ask(self.who, path, params=query)
        assert status == 200, (path, body)
        return body


async def reader(ask: Api, doctor: Doctor) -> Reader:
    acme = await doctor()
    ids: dict[str, list[str]] = {}
    lists = {"/v1/appointments": "appointment_id", "/v1/patients": "patient_id", "/v1/notes": "note_id",
             "/v1/documents": "document_id", "/v1/tasks": "task_id",
             "/v1/telephone-encounters": "telephone_encounter_id",
             "/v1/eligibility-checks": "eligibility_check_id"}  # fmt: skip
    bare = Reader(ask, acme, [], ids)
    for path, name in lists.items():
        bodies = await bare.answers(path)
        rows = [row for body in bodies for value in body.values() if isinstance(value, list) for row in value]
        # Over several: no single record has everything.
        varied = {field: each["id"] for each in rows for field, value in each.items() if value}
        ids[name] = list(dict.fromkeys(varied.values()))
    body = await bare.read("/v1/eligibility-checks", {})
    ids["eligibility_check_id"] = [each["id"] for each in body["eligibility_checks"] if each["benefit_count"]][:3]
    body = await bare.read("/v1/appointments", QUERIES["/v1/appointments"])
    visited = dict.fromkeys(each["patient_mrn"] for each in body["appointments"] if each["secondary_insurance"])
    return Reader(ask, acme, [*visited][:25], ids)


async def test_no_declared_field_is_silently_empty(ask: Api, doctor: Doctor) -> None:
    """Each field of each read is filled by at least one EHR. One that no EHR fills must not be declared."""
    read, missing = await reader(ask, doctor), dict[str, list[str]]()
    for row in (each for each in routes if each.method == "GET" and each.media == "application/json"):
        has: set[str] = set().union(*(filled(body) for body in await read.answers(row.path)))
        answers = get_args(row.response) or (row.response,)  # also that of a record which is not there yet
        left = set[str]().union(*(declared(shapes.type_info(each), "") for each in answers)) - has
        missing[row.path] = sorted(each for each in left if not {each, each.rpartition(".")[2]} & NOT_HERE)
    empty = [f"{path} {name}" for path, names in missing.items() for name in names]
    assert not empty, "\n".join(empty)


async def test_lists_are_the_ehrs_own_and_their_records_are_found_by_either_id(
    ask: Api, doctor: Doctor, chart: Charted
) -> None:
    acme = await doctor()
    for path, theirs, one in (
        ("notes", "notes", "note"),
        ("documents", "documents", "document"),
        ("tasks", "tasks", "task"),
        ("telephone-encounters", "calls", "telephone_encounter"),
        ("patients", "patients", "patient"),
    ):
        listed = await chart(theirs, limit=3)
        _, body = await ask(acme, f"/v1/{path}", params={"page_size": "3"})
        found = body[path.replace("-", "_")]
        ids = [each.get("ehr_id") or each.get("emr_task_id") or each["emr_appointment_id"] for each in found]
        assert ids == [each["id"] for each in listed[theirs]]
        if path != "notes":  # which also has those about patients
            assert body["pagination"]["total_count"] == listed["total"]
        for either in (found[1]["id"], ids[1]):
            suffix = "/metadata" if path == "documents" else ""
            status, shown = await ask(acme, f"/v1/{path}/{either}{suffix}")
            assert (status, shown[one]) == (200, found[1]), path
        for unknown in ("0" * 32, "nothing", "..", "a/b"):
            answer = await ask.http.get(f"/v1/{path}/{unknown}{suffix}", headers=acme.headers)
            assert answer.status_code == 404, (path, unknown)


async def test_a_patient_is_named_by_record_number_or_by_our_id_everywhere(ask: Api, doctor: Doctor) -> None:
    acme = await doctor()
    _, body = await ask(acme, "/v1/claims", params={"page_size": "1"})
    claim = body["claims"][0]
    mrn, our_id, ehr_id = claim["patient_mrn"], claim["patient_id"], claim["emr_patient_id"]
    for path, key in (
        ("/v1/orders", "orders"),
        ("/v1/claims", "claims"),
        ("/v1/notes", "notes"),
        ("/v1/documents", "documents"),
        ("/v1/tasks", "tasks"),
        ("/v1/telephone-encounters", "telephone_encounters"),
        ("/v1/eligibility-checks", "eligibility_checks"),
        ("/v1/referrals", "referrals"),
        ("/v1/appointments", "appointments"),
    ):
        span = MONTH if key in ("referrals", "appointments") else {}
        forms = (
            {"patient_mrn": mrn},
            {"mrn": mrn},
            {"patient_mrn": our_id},
            {"patient_id": our_id},
            {"patient_id": ehr_id},
        )
        answers = [(await ask(acme, path, params=span | form))[1] for form in forms]
        assert all(each[key] == answers[0][key] for each in answers), path
        assert {each["patient_mrn"] for each in answers[0][key]} <= {mrn}
        status, nobody = await ask(acme, path, params=span | {"patient_id": "f" * 32})
        assert (status, nobody.get("error"), nobody.get(key, [])) in (
            (404, "patient_not_found", []), (200, None, []),
        ), path  # fmt: skip
    plans = [(await ask(acme, f"/v1/patients/{each}/insurances"))[1] for each in (mrn, our_id)]
    assert plans[0] == plans[1] and plans[0]["insurances"][0]["priority"] == 1
    status, body = await ask(acme, "/v1/orders")
    assert (status, body["message"]) == (400, "Missing required parameters: patient_mrn.")


async def test_a_document_is_the_ehrs_bytes_for_every_user_of_the_org(ask: Api, doctor: Doctor) -> None:
    acme = await doctor()
    _, body = await ask(acme, "/v1/referrals", params=MONTH)
    document_id = next(each["document_ids"][0] for each in body["referrals"] if each["document_ids"])
    _, shown = await ask(acme, f"/v1/documents/{document_id}/metadata")
    answer = await ask.http.get(f"/v1/documents/{document_id}", headers=acme.headers)
    assert answer.status_code == 200 and answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert int(answer.headers["Content-Length"]) == len(answer.content) == shown["document"]["size"]
    assert f'filename="{shown["document"]["filename"]}"' in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    status, missing = await ask(acme, f"/v1/documents/{'0' * 32}")
    assert (status, missing["message"]) == (404, "Document not found")


async def test_updated_since_leaves_only_what_changed_later(ask: Api, doctor: Doctor) -> None:
    acme = await doctor()
    for path, key in (("/v1/notes", "notes"), ("/v1/tasks", "tasks"), ("/v1/appointments", "appointments")):
        span = MONTH if key == "appointments" else {"page_size": "100"}
        _, whole = await ask(acme, path, params=span)
        since = sorted(each["updated_at"] for each in whole[key])[len(whole[key]) // 2]
        _, later = await ask(acme, path, params=span | {"updated_since": since})
        assert later[key] and all(each["updated_at"] >= since for each in later[key])
        assert len(later[key]) < len(whole[key]) or key != "appointments"
    status, body = await ask(acme, "/v1/notes", params={"updated_since": "yesterday"})
    assert status == 400 and "updated_since" in body["message"]


async def test_appointments_come_in_pages_if_they_are_asked_for(ask: Api, doctor: Doctor) -> None:
    acme = await doctor()
    _, whole = await ask(acme, "/v1/appointments", params=MONTH)
    assert whole["pagination"] is None and (whole["partial"], whole["partial_reason"]) == (False, None)
    pages = [
        (await ask(acme, "/v1/appointments", params=MONTH | {"page": str(n), "page_size": "400"}))[1] for n in (1, 2)
    ]
    assert pages[0]["appointments"] + pages[1]["appointments"] == whole["appointments"][:800]
    assert pages[0]["pagination"]["total_count"] == len(whole["appointments"])


async def test_a_filter_that_a_list_does_not_have_is_refused_by_the_name_of_the_nearest(
    ask: Api, doctor: Doctor
) -> None:
    # contract §9 row 44
    acme = await doctor()
    for path in sorted({row.path for row in routes if row.method == "GET" and row.body and "{" not in row.path}):
        status, body = await ask(acme, path, params={"patient_mrm": "1", "_": "2"})
        assert (status, body["error"]) == (400, "unknown_field"), path
        assert "patient_mrm" in body["message"]
