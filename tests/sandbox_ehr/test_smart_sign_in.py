"""The authorization server: discovery, the user's pages, and what an app gets at the end."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import CALLBACK, SmartApp, query_of, resources


@pytest.fixture
async def app(ehr: SandboxClient) -> SmartApp:
    app = SmartApp(ehr.http)
    await app.register()
    return app


async def test_the_discovery_document_names_endpoints_that_work(app: SmartApp) -> None:
    server = await app.discovered()
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-ehr", "launch-standalone", "client-confidential-asymmetric"} <= set(server["capabilities"])
    keys = (await app.http.get(server["jwks_uri"])).json()["keys"]
    assert [key["alg"] for key in keys] == ["RS256"]
    assert "d" not in keys[0]
    assert (await app.authorize()).status_code == 200


async def test_a_clinician_signs_in_consents_and_the_app_reads(app: SmartApp, ehr: SandboxClient) -> None:
    said = await app.allowed(await app.consent())
    assert said["state"] == "st-1"
    assert said["iss"] == (await app.discovered())["issuer"]
    tokens = (await app.post("token_endpoint", app.exchange_form(said["code"]))).json()
    assert tokens["scope"] == "openid fhirUser profile offline_access user/*.rs"
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    user = await app.read(tokens_user(await _identity(app, tokens)), tokens["access_token"])
    assert user["name"][0]["text"] == "Dana Goodwin"
    assert (await ehr.counts())["codes_exchanged"] == 1


async def test_the_id_token_is_signed_and_bound_to_app_and_request(app: SmartApp) -> None:  # S-027
    tokens = await app.tokens()
    claims = await _identity(app, tokens)
    assert (claims["aud"], claims["nonce"], claims["sub"]) == ("app", "n-1", "u1")
    assert claims["fhirUser"] == f"{app.fhir}/Practitioner/u1"
    assert claims["iss"] == (await app.discovered())["issuer"]


async def test_the_second_step_of_the_portal_comes_before_the_consent(app: SmartApp) -> None:
    page = await app.consent(username="user_code")
    assert "Enter your code" in page.text
    wrong = await app.submit(page, code="000000")
    assert "does not match" in wrong.text
    said = await app.allowed(await app.submit(wrong, code="123456"))
    assert "code" in said
    page = await app.consent(username="user_clinics")
    said = await app.allowed(await app.submit(page, clinic="2"))
    tokens = (await app.post("token_endpoint", app.exchange_form(said["code"]))).json()
    clinics = await app.read("Organization", tokens["access_token"], {"type": "prov"})
    assert [each["name"] for each in resources(clinics)] == ["Oakhill Pediatrics"]


async def test_a_wrong_password_shows_the_form_again_for_the_same_app(app: SmartApp) -> None:
    page = await app.authorize()
    again = await app.submit(page, username="user_good", password="wrong")
    assert again.status_code == 401
    consent = await app.submit(again, username="user_good", password="pass_good")
    assert "code" in await app.allowed(consent)


async def test_the_user_can_take_away_scopes_or_refuse(app: SmartApp) -> None:  # S-042
    scope = "openid user/Patient.rs user/Appointment.rs offline_access"
    said = await app.allowed(await app.consent(scope), "openid", "user/Patient.rs")
    tokens = (await app.post("token_endpoint", app.exchange_form(said["code"]))).json()
    assert tokens["scope"] == "openid user/Patient.rs"
    assert "refresh_token" not in tokens
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 200
    refused = await app.get("Appointment", tokens["access_token"])
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    denied = await app.submit(await app.consent(), decision="deny")
    assert query_of(denied)["error"] == "access_denied"
    assert query_of(denied)["state"] == "st-1"


async def test_an_app_that_needs_a_patient_makes_the_user_choose_one(app: SmartApp) -> None:
    page = await app.consent("launch/patient patient/Patient.rs patient/Appointment.rs patient/Practitioner.rs")
    assert "Choose a patient" in page.text
    page = await app.submit(page, search="Bellweather")
    assert "Whitlock" not in page.text
    said = await app.allowed(await app.submit(page, patient="10002"))
    tokens = (await app.post("token_endpoint", app.exchange_form(said["code"]))).json()
    assert tokens["patient"] == "10002"
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 404
    assert (await app.get("Patient/10002", tokens["access_token"])).status_code == 200
    seen = await app.read("Appointment", tokens["access_token"])
    actors = {one["actor"]["reference"] for each in resources(seen) for one in each["participant"]}
    assert {actor for actor in actors if actor.startswith("Patient/")} == {"Patient/10002"}
    assert resources(await app.read("Practitioner", tokens["access_token"]))


async def test_a_patient_signs_in_to_the_own_chart_only(app: SmartApp) -> None:
    scope = "openid fhirUser launch/patient patient/*.rs user/*.rs"
    tokens = await app.tokens(scope, "patient_good")
    assert tokens["scope"] == "openid fhirUser launch/patient patient/*.rs"
    assert tokens["patient"] == "10001"
    assert tokens_user(await _identity(app, tokens)) == "Patient/10001"
    assert [each["id"] for each in resources(await app.read("Patient", tokens["access_token"]))] == ["10001"]


async def test_what_is_wrong_with_a_request_is_said_to_the_right_one(app: SmartApp) -> None:  # S-017, S-018
    others = ("app.example/callback/", "APP.example/callback", "app.example/callback?x=1", "app.example:443/callback")
    for address in (*(f"https://{each}" for each in others), "http://app.example/callback", "https://evil.example/"):
        page = await app.authorize(redirect_uri=address)
        assert (page.status_code, page.headers.get("location")) == (400, None), address
    assert (await app.authorize(client_id="nobody")).status_code == 400
    wrong = {
        "unsupported_response_type": [{"response_type": "token"}],
        "invalid_request": [
            {"aud": ""},
            {"aud": "https://other.example/fhir"},
            {"code_challenge": "", "code_challenge_method": ""},
            {"code_challenge_method": "plain"},
            {"code_challenge": "short"},
            {"launch": "unknown"},
        ],
    }
    for error, changes in wrong.items():
        for change in changes:
            back = await app.authorize(**change)
            assert back.status_code == 303, change
            assert back.headers["location"].startswith(f"{CALLBACK}?")
            assert query_of(back)["error"] == error, change


async def test_an_ehr_launch_tells_the_app_which_patient_is_open(app: SmartApp, ehr: SandboxClient) -> None:
    await app.register(launch_url="https://app.example/launch")
    await ehr.http.post("/sign-in", data={"username": "user_good", "password": "pass_good"})
    page = await ehr.http.get("/oauth/launch")
    started = await app.submit(page, app="app", patient="10003")
    assert started.headers["location"].startswith("https://app.example/launch?")
    told = query_of(started)
    assert told["iss"] == app.fhir
    # The browser of the user is signed in, so the consent comes at once.
    consent = await app.authorize("launch openid user/Patient.rs", launch=told["launch"])
    assert "Allow Test app?" in consent.text
    said = await app.allowed(consent)
    tokens = (await app.post("token_endpoint", app.exchange_form(said["code"]))).json()
    assert tokens["patient"] == "10003"
    # Nobody else's browser is, and another app cannot use the launch.
    ehr.http.cookies.clear()
    page = await app.authorize("launch user/Patient.rs", launch=told["launch"])
    assert 'name="password"' in page.text
    other = SmartApp(ehr.http, client_id="other")
    await other.register()
    assert query_of(await other.authorize("launch", launch=told["launch"]))["error"] == "invalid_request"


async def test_a_consent_page_makes_one_code_and_the_old_id_of_a_request_makes_none(app: SmartApp) -> None:
    page = await app.authorize()
    consent = await app.submit(page, username="user_good", password="pass_good")
    stale = await app.submit(page, username="user_good", password="pass_good")
    assert (stale.status_code, "has ended" in stale.text) == (400, True)
    assert "code" in await app.allowed(consent)
    assert (await app.submit(consent, decision="allow")).status_code == 400


def tokens_user(claims: dict[str, Any]) -> str:
    """The `fhirUser` without the address of the server."""
    return "/".join(claims["fhirUser"].split("/")[-2:])


async def _identity(app: SmartApp, tokens: dict[str, Any]) -> dict[str, Any]:
    keys = (await app.http.get((await app.discovered())["jwks_uri"])).json()
    return jwt.decode(tokens["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"]).claims
