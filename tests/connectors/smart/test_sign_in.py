"""The sign-in on the EHR's own page: what is asked for, what a grant holds, and what it says of a narrower one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.responses import Response

from cobalt_link.connector import EhrInstance, PatientQuery
from cobalt_link.connector.panes import Redirect
from cobalt_link.connectors.smart import Smart
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Asking, Refused
from tests.connectors.smart.runs import ALL, advance, answer, chart_of, granted, run
from tests.support.ehrs.smart import App, Registered, SmartEhr, capability_statement


async def asked(connector: Smart, ehr: SmartEhr) -> dict[str, str]:
    """The parameters of the authorization request."""
    outcome = await advance(connector, ehr.address, MemoryJournal())
    assert isinstance(outcome, Asking) and isinstance(outcome.pane, Redirect)
    assert outcome.pane.registration == "northlake"
    return {name: values[0] for name, values in parse_qs(urlsplit(outcome.pane.url).query).items()}


async def test_a_clinician_signs_in_and_the_grant_holds_who_and_what(connector: Smart, ehr: SmartEhr) -> None:
    grant = granted(await run(connector, ehr))
    assert (grant.user.id, grant.user.name) == ("Practitioner/dr-lee", "Lee, Ana")
    assert grant.session["access_token"] in ehr.access and ehr.refresh[grant.session["refresh_token"]]
    assert grant.offers and {"appointments", "patients", "notes", "slots"} <= set(grant.offers.reads)
    assert "notes.create" not in grant.offers.not_granted and grant.offers.reasons == {}
    life = (grant.expires_at or datetime.max.replace(tzinfo=UTC)) - datetime.now(UTC)
    assert timedelta(seconds=200) < life < timedelta(seconds=290)  # early


async def test_the_request_names_the_audience_the_proof_and_one_scope_for_each_need(
    connector: Smart, ehr: SmartEhr
) -> None:
    given = await asked(connector, ehr)
    assert given["aud"] == ehr.address and given["code_challenge_method"] == "S256"
    assert given["redirect_uri"] == "https://link.example/oauth/callback/northlake"
    scopes = given["scope"].split()
    assert {"openid", "fhirUser", "offline_access", "user/Patient.rs", "user/DocumentReference.crs"} <= {*scopes}
    assert "state" not in given  # Link makes it when a browser goes
    assert given["nonce"] != (await asked(connector, ehr))["nonce"]


async def test_scopes_are_asked_for_as_the_server_publishes_them(connector: Smart, ehr: SmartEhr) -> None:
    cases = [
        (["user/Patient.read", "user/Appointment.read", "openid"], {"user/Patient.read", "user/Appointment.read"}),
        (["user/*.rs", "offline_access"], {"user/Patient.rs", "user/Slot.rs", "offline_access"}),
        (["user/*.*", "offline_access"], {"user/Patient.read", "user/Appointment.write", "offline_access"}),
        (["user/Patient.cruds", "online_access"], {"user/Patient.cruds", "online_access"}),
        (["openid", "fhirUser", "launch"], {"user/Patient.rs", "offline_access"}),  # Epic lists nearly nothing
    ]
    for published, wanted in cases:
        versions = [] if any(each.endswith((".read", ".*")) for each in published) else ["permission-v2"]
        ehr.configuration = {"scopes_supported": published, "capabilities": versions}
        scopes = set((await asked(connector, ehr))["scope"].split())
        assert wanted <= scopes, published
        limit = {each.split(".")[0] for each in published if each.startswith("user/")}
        assert "user/*" in limit or not limit or {each.split(".")[0] for each in scopes if "/" in each} <= limit


async def test_the_operators_scopes_are_asked_for_as_they_are(ehr: SmartEhr) -> None:
    own = ("openid", "fhirUser", "launch/patient", "patient/*.read", "patient/Observation.rs?category=laboratory")
    http = Http(allow_private=True)
    given = await asked(Smart(http, Registered(App(ehr.address, scopes=own))), ehr)
    assert given["scope"] == " ".join(own)
    await http.close()


async def test_an_address_that_nobody_registered_is_refused_before_anybody_goes_there(ehr: SmartEhr) -> None:
    http = Http(allow_private=True)
    for near in (f"{ehr.address}/", f"{ehr.address}2", f"{ehr.origin}/FHIR"):
        connector = Smart(http, Registered(App(near)))
        outcome = await advance(connector, ehr.address, MemoryJournal())
        assert isinstance(outcome, Refused) and outcome.refusal.details == {"reason": "no_registration"}, near
    await http.close()
    assert ehr.count("/token") == 0


async def test_a_narrowed_grant_is_said_and_never_looks_empty(connector: Smart, ehr: SmartEhr) -> None:
    # S-042
    kept = "openid fhirUser user/Patient.rs user/Practitioner.rs user/DocumentReference.rs?category=clinical-note"
    ehr.answer = {"scope": kept}
    grant = granted(await run(connector, ehr))
    offers = grant.offers
    assert offers and {"patients", "providers", "notes", "documents"} <= set(offers.reads)
    assert {"appointments", "slots", "tasks", "orders", "notes.create"} <= set(offers.not_granted)
    assert "offline_access" in grant.known["lacks"] and "user/Appointment.crus" in grant.known["lacks"]


async def test_what_the_server_lacks_has_a_reason(connector: Smart, ehr: SmartEhr) -> None:
    ehr.statement = capability_statement(without=("Appointment", "Slot"), Task=("read",))
    offers = granted(await run(connector, ehr)).offers
    assert offers and offers.reasons["appointments"] == "SMART on FHIR’s FHIR server has no Appointment."
    assert offers.reasons["tasks"] == "SMART on FHIR’s FHIR server has no search for Task."
    assert not set(offers.not_granted) & {"appointments", "slots", "tasks"}


async def test_a_sign_in_survives_every_change_of_process(connector: Smart, ehr: SmartEhr) -> None:
    journal = MemoryJournal()
    first = await advance(connector, ehr.address, journal)
    assert isinstance(first, Asking)
    again = await advance(connector, ehr.address, journal)
    assert first == again and ehr.count("/fhir/metadata") == 1  # the verifier is the one that the browser left with
    await answer(journal, first, await ehr.approve(first.pane.url))  # type: ignore[union-attr]
    outcomes = [granted(await advance(connector, ehr.address, journal)) for _ in range(5)]
    assert len({each.session["access_token"] for each in outcomes}) == 1
    assert ehr.count("/token") == 1  # S-015


async def test_who_signed_in_is_known_without_a_right_to_read_it(connector: Smart, ehr: SmartEhr) -> None:
    del ehr.records["Practitioner"]["dr-lee"]
    ehr.claims = {"name": "Ana Lee", "preferred_username": "alee"}
    grant = granted(await run(connector, ehr))
    assert (grant.user.id, grant.user.username, grant.user.name) == ("Practitioner/dr-lee", "alee", "Ana Lee")
    ehr.claims = {"fhirUser": "https://elsewhere.example/fhir/Practitioner/dr-lee", "sub": "u-7"}
    grant = granted(await run(connector, ehr))
    assert grant.user.id == "u-7" and grant.session["user"] is None  # another server's Practitioner is nobody here


async def test_a_patient_signs_in_too(connector: Smart, ehr: SmartEhr) -> None:
    ehr.add("Patient", "p-1", name=[{"family": "Betz", "given": ["Ana"]}])
    ehr.user, ehr.answer = "Patient/p-1", {"patient": "p-1"}
    grant = granted(await run(connector, ehr))
    assert (grant.user.id, grant.session["patient"]) == ("Patient/p-1", "p-1")
    chart = chart_of(ehr.address, grant)
    assert [each.ehr_id for each in (await connector.patients(chart, PatientQuery())).items] == ["p-1"]


async def test_the_patient_whose_chart_is_open_is_not_the_user(connector: Smart, ehr: SmartEhr) -> None:
    for ehr_id in ("p-1", "p-2"):
        ehr.add("Patient", ehr_id, name=[{"family": "Poe", "given": ["Ida"]}])
    ehr.answer = {"patient": "p-1", "scope": f"{ALL} launch"}
    grant = granted(await run(connector, ehr, launched=True))
    assert (grant.user.id, grant.session["patient"]) == ("Practitioner/dr-lee", None)
    found = await connector.patients(chart_of(ehr.address, grant), PatientQuery(last_name="Poe"))
    assert [each.ehr_id for each in found.items] == ["p-1", "p-2"]
    ehr.answer |= {"id_token": None}
    outcome = await run(connector, ehr, launched=True)
    assert isinstance(outcome, Refused) and outcome.refusal.details == {"reason": "nobody_named"}


@pytest.mark.parametrize(
    ("error", "code"),
    [("access_denied", "declined"), ("unauthorized_client", "unsupported"), ("invalid_scope", "unsupported"),
     ("server_error", "ehr_down"), ("temporarily_unavailable", "ehr_down"), ("something else", "declined")],
)  # fmt: skip
async def test_a_refusal_at_the_ehr_ends_without_a_token_request(
    connector: Smart, ehr: SmartEhr, error: str, code: str
) -> None:
    ehr.comes_back = {"error": error, "code": None}
    outcome = await run(connector, ehr)
    assert isinstance(outcome, Refused) and outcome.refusal.code == code
    assert ehr.count("/token") == 0


async def test_what_a_server_lacks_is_known_before_anybody_signs_in(connector: Smart, ehr: SmartEhr) -> None:
    instance = EhrInstance(address=ehr.address)
    ehr.statement = capability_statement(without=("Slot", "Coverage"), Task=("read",))
    offers = await connector.recognize(instance)
    assert offers and {"slots", "patient_insurances", "tasks", "tasks.create"} == set(offers.reasons)
    here = connector.manifest.offering(offers)
    assert not {"openings", "tasks"} & {*here.topics} and "tasks.create" not in here.writes
    assert "visits" in here.topics and not ehr.access  # nobody has signed in
    # One that shows strangers nothing may offer everything.
    ehr.replies["/fhir/metadata"] = lambda request: Response(status_code=401)
    assert await connector.recognize(instance) is None
