"""Generated from the route table: every call takes what clients of the contract send (§9), or says what it takes."""

import gzip
from typing import Any, TypeVar

import httpx2
import msgspec
import pytest
from msgspec import inspect as shapes

from cobalt_link import app
from cobalt_link.web import Auth
from cobalt_link.web.conversion import convert
from cobalt_link.web.problems import Problem
from cobalt_link.web.table import members

ROWS = [row for routes in app.TABLE for row in routes if not row.page]
BODIES = {str(row): row.body for row in ROWS if row.body}
T = TypeVar("T", bound=shapes.Type)
CHART_LISTS = {"/v1/patients", "/v1/appointments", "/v1/providers", "/v1/locations", "/v1/visit-types"}
CHART_LISTS |= {"/v1/visit-statuses", "/v1/webhook-events"}


@pytest.fixture
async def http(full_app_url: str, full_app_credentials: dict[str, str]) -> Any:
    async with httpx2.AsyncClient(base_url=full_app_url, headers=full_app_credentials) as http:
        yield http


def said(kind: type[msgspec.Struct], **fields: Any) -> str:
    """What a struct says about these fields; "" if it takes them."""
    try:
        convert(fields, kind, query=True)
    except Problem as problem:
        return problem.message
    return ""


def fields_of(body: type[msgspec.Struct], wanted: type[T]) -> dict[str, T]:
    """The fields of a request that are of this type, by name."""
    found, info = {}, shapes.type_info(body)
    assert isinstance(info, shapes.StructType)
    for field in info.fields:
        kind = field.type.type if isinstance(field.type, shapes.Metadata) else field.type
        for each in kind.types if isinstance(kind, shapes.UnionType) else (kind,):
            if isinstance(each, wanted):
                found[field.encode_name] = each
    return found


def test_a_whole_number_is_taken_wherever_a_text_is() -> None:
    # Contract §9 row 41
    tried = {name for body in BODIES.values() for name in fields_of(body, shapes.StrType)}
    assert {"user_id", "org_id", "mrn", "ehr_id", "access_token_reference_id", "patient_mrn"} <= tried
    for row, body in BODIES.items():
        for name in fields_of(body, shapes.StrType):
            assert "expected text" not in said(body, **{name: 12345678}), (row, name)


def test_every_word_of_a_list_is_taken_in_any_case_and_any_other_is_told_the_words() -> None:
    tried = 0
    for row, body in BODIES.items():
        for name, kind in fields_of(body, shapes.LiteralType).items():
            words = [str(word) for word in kind.values]
            for word in words:
                assert f"Invalid {name}" not in said(body, **{name: word.upper()}), (row, name)
            refusal = said(body, **{name: "canary"})
            assert all(word in refusal for word in words) and "canary" not in refusal
            tried += 1
    assert tried


async def test_a_packed_body_is_a_415_in_our_envelope_on_every_call(http: httpx2.AsyncClient) -> None:
    for row in (each for each in ROWS if each.body):
        path = row.path.replace("{", "").replace("}", "")
        content, headers = gzip.compress(b"{}"), {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        answer = await http.request(row.method, path, content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (415, "packed_body"), str(row)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["accept-encoding"] == "identity"


async def test_every_list_of_a_chart_refuses_a_filter_that_it_does_not_have(http: httpx2.AsyncClient) -> None:
    # Contract §9 row 44. Whatever answers with a list of the chart is one, also a route that somebody adds.
    reads = [row for row in ROWS if row.auth is Auth.ACCOUNT and row.method == "GET"]
    lists = {
        row.path.replace("{", "").replace("}", "")
        for row in reads
        if row.media == "application/json" and "list[" in str(msgspec.structs.fields(members(row.response)[0])[0].type)
    }
    assert lists >= CHART_LISTS
    for path in lists:
        for how in ({"params": {"patientname": "Betz"}}, {"json": {"patientname": "Betz"}}):
            answer = await http.request("GET", path, **how)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["error"]) == (400, "unknown_field"), path
            assert answer.json()["message"].startswith("Unknown query parameter: patientname.")
        answer = await http.get(path, params={"_": "1699999999", "utm_medium": "mail", "client-id": "x"})
        assert answer.json().get("error") != "unknown_field", answer.text


async def test_ids_of_ours_are_taken_in_upper_case_and_with_hyphens(http: httpx2.AsyncClient) -> None:
    (account,) = (await http.get("/v1/accounts")).json()["accounts"]
    plain = account["id"]
    uuid = f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
    for spelled in (uuid, uuid.upper(), plain.upper(), plain):
        answer = await http.post(f"/v1/accounts/{spelled}/rotate-token", json={"overlap_seconds": 60})
        assert (answer.status_code, answer.json().get("account_id")) == (200, plain), answer.text
    answer = await http.request("DELETE", f"/v1/accounts/{uuid.upper()}", content=b"null")
    assert (answer.status_code, answer.json()["account_id"]) == (200, plain)
