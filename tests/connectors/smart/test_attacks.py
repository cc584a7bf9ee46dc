"""The attacks on an OAuth client of many EHRs, each by a server or a browser that plays it."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from starlette.responses import JSONResponse, Response

from cobalt_link.connector import AppointmentQuery, DocumentQuery, PatientQuery
from cobalt_link.connector.panes import Redirect
from cobalt_link.connectors.smart import Smart
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Asking, Refused
from tests.connectors.smart.runs import advance, answer, granted, open_chart, run
from tests.support.ehrs.smart import KEY, App, Registered, SmartEhr, outcome, smart_ehr, to


def ends(result: object) -> str:
    assert isinstance(result, Refused), result
    return result.refusal.code


async def test_an_answer_of_another_issuer_sends_no_token_request(connector: Smart, ehr: SmartEhr) -> None:
    # S-021: RFC 9207 §2.4, compared as texts
    for other in ("https://evil.example", f"{ehr.origin}/", ehr.origin.upper(), ehr.address, f"{ehr.origin} "):
        ehr.comes_back = {"iss": other}
        assert ends(await run(connector, ehr)) == "unexpected", other
    ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    ehr.comes_back = {"iss": None}  # one that always names itself did not send this
    assert ends(await run(connector, ehr)) == "unexpected"
    assert ehr.count("/token") == 0
    ehr.configuration, ehr.comes_back = {}, {"iss": None}
    granted(await run(connector, ehr))


async def test_the_code_of_an_honest_ehr_reaches_no_other(connector: Smart, ehr: SmartEhr) -> None:
    # S-022: the malicious EHR names the honest one's authorization endpoint; the browser returns to the callback of the
    # registration that it left with, so the honest code comes into the malicious EHR's own sign-in only with its state.
    async with smart_ehr() as evil:
        evil.configuration = {"authorization_endpoint": f"{ehr.origin}/authorize", "issuer": ehr.origin}
        app = App(evil.address)
        app.id, app.redirect_uri = "evil", "https://link.example/oauth/callback/evil"
        both = Smart(connector.http, Registered(App(ehr.address), app))
        journal = MemoryJournal()
        asking = await advance(both, evil.address, journal)
        assert isinstance(asking, Asking) and isinstance(asking.pane, Redirect)
        query = {name: values[0] for name, values in parse_qs(urlsplit(asking.pane.url).query).items()}
        # The honest EHR knows the client by another callback address, so it refuses to send the browser there.
        assert (asking.pane.registration, query["redirect_uri"]) == ("evil", app.redirect_uri)
        assert query["aud"] == evil.address != ehr.address
        assert app.redirect_uri != App(ehr.address).redirect_uri


async def test_discovery_that_changes_afterwards_changes_nothing(connector: Smart, ehr: SmartEhr) -> None:
    # S-022, S-025: the code and the secret go to the endpoint that was read before the browser left
    journal = MemoryJournal()
    asking = await advance(connector, ehr.address, journal)
    assert isinstance(asking, Asking) and isinstance(asking.pane, Redirect)
    async with smart_ehr() as evil:
        ehr.configuration = {"token_endpoint": f"{evil.origin}/token", "jwks_uri": f"{evil.origin}/jwks"}
        await answer(journal, asking, await ehr.approve(asking.pane.url))
        granted(await advance(connector, ehr.address, journal))
        assert evil.heard == [] and ehr.count("/token") == 1


async def test_an_injected_code_is_worth_nothing(connector: Smart, ehr: SmartEhr) -> None:
    # S-023, S-020: the verifier is of another transaction
    attackers, victims = MemoryJournal(), MemoryJournal()
    one, other = await advance(connector, ehr.address, attackers), await advance(connector, ehr.address, victims)
    assert isinstance(one, Asking) and isinstance(other, Asking)
    assert isinstance(one.pane, Redirect)
    code = await ehr.approve(one.pane.url)
    await answer(victims, other, code)
    assert ends(await advance(connector, ehr.address, victims)) == "session_ended"
    assert ehr.access == set()


async def test_a_registration_that_changed_meanwhile_gets_no_code(ehr: SmartEhr) -> None:
    # S-022: another app at the same address, approved while the browser was away
    http, registered, journal = Http(allow_private=True), Registered(App(ehr.address)), MemoryJournal()
    connector = Smart(http, registered)
    asking = await advance(connector, ehr.address, journal)
    assert isinstance(asking, Asking) and isinstance(asking.pane, Redirect)
    came_back = await ehr.approve(asking.pane.url)
    registered.apps[ehr.address].client_id = "another"
    await answer(journal, asking, came_back)
    assert ends(await advance(connector, ehr.address, journal)) == "session_ended"
    await http.close()
    assert ehr.count("/token") == 0


def id_token(claims: dict[str, Any], header: dict[str, Any], key: Any = KEY) -> str:
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


async def test_no_id_token_is_believed_that_is_not_right(connector: Smart, ehr: SmartEhr) -> None:
    # S-027
    now = int(time())
    for wrong in (
        {"iss": "https://evil.example"}, {"aud": "another-client"}, {"aud": ["client-1", "another"]}, {"nonce": "n"},
        {"nonce": None}, {"exp": now - 600}, {"iat": now + 600, "exp": now + 900}, {"azp": "another"}, {"sub": None},
    ):  # fmt: skip
        ehr.claims = wrong
        assert ends(await run(connector, ehr)) == "unexpected", wrong
    ehr.claims = {}
    right = {"iss": ehr.origin, "aud": "client-1", "sub": "u-1", "iat": now, "exp": now + 300, "nonce": "?"}
    none = ".".join(("eyJhbGciOiJub25lIn0", "eyJzdWIiOiJ1LTEifQ", ""))
    forged = [
        none, id_token(right, {"alg": "ES256", "kid": "k1"}, ECKey.generate_key("P-256")),
        id_token(right, {"alg": "HS256", "kid": "k1"}, OctKey.import_key(json.dumps(KEY.as_dict(private=False)))),
        "not.a.token", "x" * 60_000,
    ]  # fmt: skip
    for token in forged:
        ehr.answer = {"id_token": token}
        result = await run(connector, ehr)
        # One that is far too long is none, and then nobody says who signed in.
        assert ends(result) in ("unexpected", "unsupported"), token[:40]


async def test_a_server_that_names_nobody_is_refused(connector: Smart, ehr: SmartEhr) -> None:
    ehr.answer = {"id_token": None}
    outcome = await run(connector, ehr)
    assert isinstance(outcome, Refused) and outcome.refusal.details == {"reason": "nobody_named"}


async def test_a_token_goes_to_no_other_host(connector: Smart, ehr: SmartEhr) -> None:
    # S-036
    ehr.add("Patient", "p-1", name=[{"family": "Betz"}])
    async with smart_ehr() as evil:
        chart, here = open_chart(ehr), urlsplit(ehr.address)
        elsewhere = [
            f"{evil.address}/Patient?page=2", f"//{urlsplit(evil.origin).netloc}/fhir/Patient", "http://evil.example/",
            f"http://evil.example@{here.netloc}/fhir/Patient", f"{ehr.address}@evil.example/x",
            f"{ehr.address}x/Patient", f"{ehr.address}/../admin", f"{ehr.address}/%2e%2e/admin",
            f"{ehr.origin}/admin", "\\\\evil.example\\x",
            f"https://{here.netloc}/fhir/Patient", f"http://{here.hostname}:1/fhir/Patient", "javascript:alert(1)",
            "file:///etc/passwd", f"{ehr.address}/Patient\n?x", f" {evil.address}/Patient", "http://[::1", "ftp://x/y",
        ]  # fmt: skip
        for link in elsewhere:
            page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": link}],
                    "entry": [{"resource": ehr.records["Patient"]["p-1"]}]}  # fmt: skip
            ehr.replies["/fhir/Patient"] = lambda request, page=page: JSONResponse(page)
            before = len(ehr.heard)
            found = await connector.patients(chart, PatientQuery(last_name="betz", limit=500))
            assert [each.ehr_id for each in found.items] == ["p-1"], link
            assert found.partial and "another address" in found.partial, link
            assert len(ehr.heard) == before + 1, link
        assert evil.heard == []


async def test_a_redirect_of_a_signed_in_call_is_not_followed(connector: Smart, ehr: SmartEhr) -> None:
    # S-036, S-034
    async with smart_ehr() as evil:
        chart = open_chart(ehr)
        for status in (301, 302, 303, 307, 308):
            ehr.replies["/fhir/Patient"] = to(f"{evil.address}/Patient", status)
            with pytest.raises(Exception, match="a redirect"):
                await connector.patients(chart, PatientQuery(mrn="1"))
            ehr.replies["/token"] = to(f"{evil.origin}/token", status)
            assert isinstance(await run(connector, ehr), Refused)
        assert evil.heard == []


async def test_documents_and_references_elsewhere_are_not_fetched(connector: Smart, ehr: SmartEhr) -> None:
    # S-036
    async with smart_ehr() as evil:
        for n, url in enumerate((f"{evil.address}/Binary/1", "./x.txt", "https://evil.example/b", "#1", "urn:uuid:1")):
            ehr.add("DocumentReference", f"d-{n}", subject={"reference": "Patient/p-1"},
                    content=[{"attachment": {"contentType": "application/pdf", "url": url}}])  # fmt: skip
        chart = open_chart(ehr)
        assert len([each async for each in connector.documents(chart, DocumentQuery(patient_ehr_id="p-1"))]) == 5
        for n in range(5):
            assert await connector.document_files(chart, f"d-{n}") is None, n
        assert evil.heard == []


async def test_private_addresses_are_asked_nothing(ehr: SmartEhr) -> None:
    guarded = Http()  # as in production: loopback is private
    connector = Smart(guarded, Registered(App(ehr.address)))
    outcome = await advance(connector, ehr.address, MemoryJournal())
    assert isinstance(outcome, Refused) and outcome.refusal.details == {"reason": "not_allowed"}
    await guarded.close()
    assert ehr.heard == []


async def test_pages_floods_and_silence_end_as_refusals(connector: Smart, ehr: SmartEhr) -> None:
    async def hangs(request: object) -> Response:
        await asyncio.sleep(30)
        return Response()

    deep = b'{"resourceType":"Bundle","entry":' + b"[" * 5000 + b"]" * 5000 + b"}"
    quick = Http(allow_private=True, timeout=0.3, max_body=100_000)
    impatient = Smart(quick, connector.registrations)
    for reply in (
        lambda request: Response("<html>Sign in</html>", media_type="text/html"),
        lambda request: Response(b'{"a":"' + b"x" * 200_000 + b'"}', media_type="application/fhir+json"),
        lambda request: Response(deep, media_type="application/fhir+json"),
        lambda request: Response(b"\xff\xfe", media_type="application/fhir+json"),
        lambda request: JSONResponse([1, 2]), lambda request: JSONResponse("x"), lambda request: Response(b""),
        lambda request: JSONResponse({"resourceType": "Patient", "id": "p"}), hangs,
    ):  # fmt: skip
        ehr.replies = {"/fhir/Patient": reply, "/token": reply}
        chart = open_chart(ehr)
        with pytest.raises(Exception) as trouble:
            await impatient.patients(chart, PatientQuery(mrn="1"))
        assert "x" * 50 not in str(trouble.value)
        assert isinstance(await run(impatient, ehr), Refused)
    await quick.close()


async def test_a_list_without_an_end_ends(connector: Smart, ehr: SmartEhr) -> None:
    pages = {"n": 0}

    def endless(request: Any) -> Response:
        pages["n"] += 1
        entry = {"resource": {"resourceType": "Appointment", "id": f"a-{pages['n']}"}}
        url = f"{ehr.address}/Appointment?page={pages['n'] % 300}"
        return JSONResponse({"resourceType": "Bundle", "entry": [entry], "link": [{"relation": "next", "url": url}]})

    ehr.replies["/fhir/Appointment"] = endless
    query = AppointmentQuery(start=date(2026, 3, 4), end=date(2026, 3, 4))
    with pytest.raises(Exception, match="The list did not end"):
        assert [each async for each in connector.appointments(open_chart(ehr), query)] == []
    assert pages["n"] <= 201


async def test_a_password_grant_is_never_asked_for(connector: Smart, ehr: SmartEhr) -> None:
    # S-033
    granted(await run(connector, ehr))
    ehr.replies["/fhir/Patient"] = lambda request: JSONResponse(outcome("login"), 401)
    grants = {heard[3].get("grant_type") for heard in ehr.heard if heard[1] == "/token"}
    assert grants == {"authorization_code"}
