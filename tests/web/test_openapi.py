"""The document is valid, complete, and true of the server that it describes."""

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from cobalt_link.web import Auth, mount, openapi, system
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import Problem
from tests.support.proof import FUZZED_SAMPLE
from tests.web.fuzzing import fuzz
from tests.web.sample import ACCOUNT_HEADERS, Shop, authenticate, faults, routes
from tests.web.servers import on_uvicorn
from tests.web.test_system import working


class LinkExpired(Problem):
    """The link of this account has expired. Send its user through Link again."""

    code = "sample_link_expired"
    status = 403


def described() -> dict[str, Any]:
    auth_problems = {Auth.ACCOUNT: (LinkExpired,)}
    rows = [*routes, *system.routes]
    return openapi.document(rows, version="0.1.0", server="http://127.0.0.1", auth_problems=auth_problems)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return described()


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_public_route_is_one_operation_that_names_its_other_paths_and_no_page_is_there(
    document: dict[str, Any],
) -> None:
    text = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    rows = [row for row in [*routes, *system.routes] if not row.page]
    assert text == {(row.path, row.method) for row in rows}
    for row in rows:
        said = document["paths"][row.path][row.method.lower()].get("description", "")
        assert all(f"`{path}`" in said for path in row.also)
    assert any(row.also for row in rows)
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_credentials_are_the_contracts_three_headers(document: dict[str, Any]) -> None:
    # Contract §2
    assert document["components"]["securitySchemes"] == {
        "ClientCredentials": {"type": "apiKey", "in": "header", "name": "client_id"},
        "ClientSecret": {"type": "apiKey", "in": "header", "name": "client_secret"},
        "AccessToken": {"type": "apiKey", "in": "header", "name": "access_token"},
    }
    paths = document["paths"]
    assert paths["/me"]["get"]["security"] == [{"ClientCredentials": [], "ClientSecret": [], "AccessToken": []}]
    assert paths["/things"]["post"]["security"] == [{"ClientCredentials": [], "ClientSecret": []}]
    assert paths["/healthz"]["get"]["security"] == []


def codes(document: dict[str, Any], path: str, method: str) -> set[str]:
    answers = document["paths"][path][method]["responses"]
    components = document["components"]
    named = [answer["$ref"].rpartition("/")[2] for status, answer in answers.items() if status >= "4"]
    return {
        code
        for name in named
        for code in components["schemas"][f"{name}Problem"]["properties"]["error"]["enum"]
        if components["responses"][name]["content"]["application/json"]["schema"]["$ref"].endswith(f"/{name}Problem")
    }


def test_the_same_errors_are_one_component(document: dict[str, Any]) -> None:
    refusals = [str(each) for each in document["components"]["responses"].values()]
    assert len(refusals) == len({*refusals})
    used = [
        answer["$ref"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status >= "4"
    ]
    assert len({*used}) == len(refusals) < len(used) / 2


def test_no_enum_mixes_types(document: dict[str, Any]) -> None:
    def enums(schema: Any) -> Any:
        for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            yield from enums(each)
        if isinstance(schema, dict) and isinstance(schema.get("enum"), list):
            yield schema

    found = [*enums(document)]
    assert found
    assert all(len({type(value) for value in each["enum"]}) == 1 and each["type"] in ("string", "integer")
               for each in found)  # fmt: skip


def test_each_route_tells_every_code_that_it_can_answer_with(document: dict[str, Any]) -> None:
    always = {"internal_error", "unavailable", "too_large", "rate_limited"}
    credentials = always | {"unauthorized", "invalid_request"}
    assert codes(document, "/things", "post") == credentials | {"missing_field", "packed_body", "conflict"}
    assert codes(document, "/me", "get") == credentials | {"sample_link_expired"}
    assert codes(document, "/things/{number}", "get") == always | {"not_found"}
    assert "unknown_field" in codes(document, "/things/{number}/subject", "patch")
    assert codes(document, "/healthz", "get") == always - {"rate_limited"}


def test_fields_are_told_as_they_are_accepted(document: dict[str, Any]) -> None:
    sent = document["components"]["schemas"]["NewThing"]
    assert sent["required"] == ["user_id", "org_id"]
    assert sent["properties"]["emr_name"]["description"] == "Also accepted as `emr`, `emrName`."
    query = {field["name"]: field for field in document["paths"]["/things"]["get"]["parameters"]}
    assert query["start_date"]["required"] is True
    assert query["page"]["required"] is False
    header = next(field for field in document["paths"]["/things"]["post"]["parameters"] if field["in"] == "header")
    assert header["name"] == "Idempotency-Key"


def test_a_struct_that_is_sent_and_answered_stands_once_for_each() -> None:
    schemas = openapi.Schemas([Shop], [Shop])
    assert schemas.response(Shop) == {"$ref": "#/components/schemas/Shop"}
    assert schemas.request(Shop) == {"$ref": "#/components/schemas/ShopInput"}
    assert schemas.components["Shop"]["properties"]["name"] == {"type": "string"}
    assert schemas.components["ShopInput"]["properties"]["name"] == {"type": ["string", "integer"], "minLength": 1}


async def test_a_fuzzer_finds_no_contradiction_between_document_and_server(tmp_path: Path) -> None:
    # S-145, on a table with a route of every kind; tests/api does the same with the whole app.
    room = system.System(document=described, ready=working, metrics=Metrics(), readers=())
    shop = Shop("shop")
    app = mount([(routes, shop), (faults, shop), (system.routes, room)], authenticate=authenticate)
    async with on_uvicorn(app) as (host, port):
        found = await fuzz(f"http://{host}:{port}", ACCOUNT_HEADERS, tmp_path, examples=FUZZED_SAMPLE.times)
    assert not found, found
