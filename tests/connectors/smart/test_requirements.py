"""What SMART App Launch 2.2 requires of a client, where no other test shows it (compliance/smart.csv)."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse

from cobalt_link.connector import PatientQuery, SmartConfiguration
from cobalt_link.connectors.smart import Smart, scopes
from cobalt_link.connectors.smart.statement import statement_of
from cobalt_link.connectors.smart.vendors import named
from cobalt_link.oauth.scopes import written
from cobalt_link.signin.replay import Refused
from tests.connectors.smart.runs import chart_of, granted, run
from tests.support.ehrs.smart import SmartEhr, capability_statement


async def test_each_call_for_data_presents_the_token_as_a_bearer_and_discovery_none(
    connector: Smart, ehr: SmartEhr
) -> None:
    grant = granted(await run(connector, ehr))
    await connector.patients(chart_of(ehr.address, grant), PatientQuery(mrn="1"))
    sent: dict[str, set[str]] = {}
    for _, path, authorization, _ in ehr.heard:
        sent.setdefault(path.partition("?")[0], set()).add(authorization)
    bearer = {f"Bearer {grant.session['access_token']}"}
    assert sent["/fhir/Patient"] == sent["/fhir/Practitioner/dr-lee"] == bearer
    assert sent["/fhir/.well-known/smart-configuration"] == sent["/fhir/metadata"] == sent["/jwks"] == {""}


async def test_without_a_key_address_the_issuers_own_document_names_it(connector: Smart, ehr: SmartEhr) -> None:
    # OpenID Connect Discovery, "Obtaining OpenID Provider Configuration Information"
    ehr.configuration = {"jwks_uri": None}
    ehr.replies["/.well-known/openid-configuration"] = lambda request: JSONResponse({"jwks_uri": f"{ehr.origin}/jwks"})
    grant = granted(await run(connector, ehr))
    assert grant.user.id == "Practitioner/dr-lee"
    assert [ehr.count(path) for path in ("/.well-known/openid-configuration", "/jwks")] == [1, 1]
    ehr.replies["/.well-known/openid-configuration"] = lambda request: JSONResponse({"issuer": ehr.origin})
    assert isinstance(await run(connector, ehr), Refused)  # an id token that nobody can verify


@pytest.mark.parametrize("context", ["user", "patient"])
def test_a_sign_in_names_its_level_and_a_patient_their_own_context(context: scopes.Context) -> None:
    server = SmartConfiguration(base="https://e.example", authorization_endpoint="https://e.example/a",
                                token_endpoint="https://e.example/t", capabilities=("permission-v2",))  # fmt: skip
    asked = scopes.asked(server, statement_of(capability_statement()), named("other"), context)
    data = [each for each in asked if "." in each]
    assert len(data) == len(scopes.WANTED) and all(each.startswith(f"{context}/") for each in data)
    assert ("launch/patient" in asked) is (context == "patient")
    assert [each for each in asked if each.startswith("launch")] == (["launch/patient"] if context == "patient" else [])


def test_each_interaction_has_its_letter() -> None:
    for letters in ("c", "r", "u", "d", "s", "cruds", "sr"):
        text = written("user", "Patient", letters, "v2")
        assert text == "user/Patient." + "".join(each for each in "cruds" if each in letters)
