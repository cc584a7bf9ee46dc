"""The registration doctor against a strict server: each mistake is named at its step, with the cure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import pytest

from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.oauth.registration import AuthMethod
from cobalt_link.registrations.doctor.doctor import RegistrationDoctor
from cobalt_link.registrations.doctor.findings import Finding
from cobalt_link.registrations.registration import Registration, Urls
from cobalt_link.registrations.registrations import RegistrationChange, Registrations
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault
from tests.registrations.conftest import add
from tests.registrations.small_ehr import SmallEhr, VendorApp, small_ehr
from tests.support.world import free_port

SECRET = "s3cret-of-the-app"


@pytest.fixture
async def ehr(db: Database, vault: Vault, clock: MovedClock) -> AsyncIterator[SmallEhr]:
    port = free_port()
    known = Registrations(db, vault, clock, Urls(f"http://127.0.0.1:{port}"))
    async with small_ehr(known, port) as ehr:
        yield ehr


async def examined(ehr: SmallEhr, http: Http, found: Registration, address: str | None = None) -> list[Finding]:
    doctor = RegistrationDoctor(http, ehr.known)
    async with aclosing(doctor.examine(found, address or found.addresses[0], ehr.approve)) as steps:
        return [finding async for finding in steps]


async def registered(ehr: SmallEhr, method: AuthMethod = "private_key_jwt", vendor: str = "other") -> Registration:
    """A registration of ours, and the app at the vendor, which fit each other."""
    for former in await ehr.known.all():
        await ehr.known.remove(former.id)
    secret = {"secret": SECRET} if method.startswith("client_secret") else {}
    found = await add(ehr.known, "mine", method, ehr.address, vendor=vendor, **secret)
    redirect_uri = ehr.known.urls.callback("mine")
    ehr.apps = {"c-1": VendorApp(redirect_uri, method=method, secret=SECRET if secret else "", keys_of="mine")}
    return found


METHODS: tuple[AuthMethod, ...] = ("private_key_jwt", "client_secret_basic", "client_secret_post")


async def test_a_registration_that_is_right_passes_all_steps(ehr: SmallEhr, http: Http) -> None:
    found, findings = await registered(ehr), list[Finding]()
    for method in METHODS:
        for pages in ("words", "late"):
            found, ehr.pages = await registered(ehr, method), pages
            findings = await examined(ehr, http, found)
            assert [each.step for each in findings] == [1, 2, 3, 4, 5, 6, 7, 8]
            assert [each.state for each in findings] == ["ok"] * 7 + ["warn"], (method, findings)
    assert "Each refresh brings a new token" in findings[5].text
    assert "Appointment lets the app in, and wants other parameters (400)" in findings[6].text
    assert findings[7].text == (
        "Can be written: appointments, tasks. Not offered by this FHIR server: notes and documents, messages."
    )
    assert len(ehr.revoked) == 6  # the tokens of each test are ended
    ehr.rotates = False
    assert "stays the same" in (await examined(ehr, http, found))[5].text
    # What a vendor is known to refuse counts, whatever its server says of itself.
    known = await registered(ehr, vendor="eclinicalworks")
    assert (
        "Not offered by this FHIR server: notes and documents, appointments"
        in (await examined(ehr, http, known))[-1].text
    )


class Mistake(NamedTuple):
    """`make` makes it. `method` and `pages` are how the app proves itself, and how the server shows mistakes."""

    name: str
    make: Callable[[SmallEhr], Any]
    step: int
    cure: str
    method: AuthMethod = "private_key_jwt"
    pages: str = "words"
    address: str = ""


def app(ehr: SmallEhr, **change: Any) -> None:
    for name, value in change.items():
        setattr(ehr.apps["c-1"], name, value)


def other_client(ehr: SmallEhr) -> None:
    ehr.apps = {"c-2": ehr.apps["c-1"]}


MISTAKES = (
    Mistake("a document, not the base", lambda ehr: None, 1, "base of the FHIR server", address="/fhir/nothing"),
    Mistake("no endpoint", lambda ehr: ehr.configuration.update(token_endpoint=None), 1, "CapabilityStatement"),
    Mistake("an older FHIR", lambda ehr: setattr(ehr, "fhir_version", "1.0.2"), 1, "R4"),
    Mistake("a slash too many", lambda ehr: app(ehr, redirect_uri=f"{ehr.origin}/oauth/callback/mine/"), 2,
            "http://127.0.0.1"),
    Mistake("another host, on a page that says nothing",
            lambda ehr: app(ehr, redirect_uri="https://link.example/oauth/callback/mine"), 2, "Enter exactly",
            pages="generic"),
    Mistake("another host, seen after the sign-in",
            lambda ehr: app(ehr, redirect_uri="https://link.example/oauth/callback/mine"), 2, "redirect address",
            pages="late"),
    Mistake("another client id", other_client, 3, "Compare the client id"),
    Mistake("another client id, on a page that says nothing", other_client, 3, "Compare the client id",
            pages="generic"),
    Mistake("another secret", lambda ehr: app(ehr, secret="former"), 3, "copy the client secret again",
            method="client_secret_basic"),
    Mistake("the secret in the wrong place", lambda ehr: app(ehr, method="client_secret_post"), 3, "--secret-in post",
            method="client_secret_basic"),
    Mistake("the key set of another registration", lambda ehr: app(ehr, keys_of="former"), 3,
            "/registrations/mine/jwks.json is right"),
    Mistake("an algorithm that the server does not take", lambda ehr: (app(ehr, keys_of="former"),
            ehr.configuration.update(token_endpoint_auth_signing_alg_values_supported=["RS384"])), 3, "not ES384"),
    Mistake("a public app there", lambda ehr: app(ehr, method="none"), 3, "public client"),
    Mistake("a confidential app there", lambda ehr: app(ehr, method="private_key_jwt"), 3, "--jwks", method="none"),
    Mistake("not turned on by the practice", lambda ehr: app(ehr, enabled=False), 3, "Ask the practice"),
    Mistake("registered for SMART v1", lambda ehr: app(ehr, smart="v1"), 4, "--smart v1"),
    Mistake("scopes that it does not know", lambda ehr: app(ehr, smart="strict-v1"), 4, "no other version"),
    Mistake("no consent", lambda ehr: setattr(ehr, "says_no", True), 4, "allow access"),
    Mistake("no offline access", lambda ehr: app(ehr, offline=False), 5, "offline or persistent access"),
    Mistake("a refresh that is off", lambda ehr: app(ehr, refreshes=False), 6, "refresh_token"),
    Mistake("an API that was not added", lambda ehr: app(ehr, apis={"Appointment"}), 7, "Add Patient to the app"),
)  # fmt: skip


async def test_each_deliberate_mistake_is_named_at_its_step_with_its_cure(ehr: SmallEhr, http: Http) -> None:
    assert len(MISTAKES) >= 12
    for mistake in MISTAKES:
        found, ehr.pages = await registered(ehr, mistake.method), mistake.pages
        mistake.make(ehr)
        findings = await examined(ehr, http, found, ehr.origin + mistake.address if mistake.address else None)
        failed = next((each for each in findings if each.state == "fail"), None)
        assert failed and failed.step == mistake.step, (mistake.name, findings)
        assert mistake.cure in failed.cure, (mistake.name, failed)
        assert SECRET not in str(findings)
        ehr.configuration, ehr.fhir_version, ehr.says_no = {}, "4.0.1", False


async def test_a_server_that_is_not_there_or_not_allowed_is_step_one(ehr: SmallEhr, http: Http) -> None:
    found = await registered(ehr)
    cases = {
        f"http://127.0.0.1:{free_port()}/fhir": "does not accept connections",
        "https://no-such-host.invalid/fhir": "cannot be found",
        "https://169.254.169.254/fhir": "cannot be allowed",
    }
    for address, text in cases.items():
        (finding,) = await examined(ehr, http, found, address)
        assert (finding.step, finding.state) == (1, "fail") and text in finding.text and finding.cure, finding
    strict = Http()
    (finding,) = await examined(ehr, strict, found)
    await strict.close()
    assert "COBALT_ALLOW_PRIVATE_NETWORKS" in finding.text


async def test_keys_that_an_ehr_cannot_read_are_found_from_here(
    ehr: SmallEhr, http: Http, db: Database, vault: Vault
) -> None:
    found = await registered(ehr)
    app(ehr, keys_of="former")
    elsewhere = {
        f"http://127.0.0.1:{free_port()}": "Start `cobalt serve`",
        f"{ehr.origin}/fhir": "COBALT_PUBLIC_URL",
    }
    for public, cure in elsewhere.items():
        ehr.known.urls = Urls(public)
        ehr.apps["c-1"].redirect_uri = ehr.known.urls.callback("mine")
        failed = (await examined(ehr, http, found))[-1]
        assert failed.step == 3 and cure in failed.cure, failed


async def test_what_is_known_of_a_vendor_stands_with_the_step_that_fails(ehr: SmallEhr, http: Http) -> None:
    found = await registered(ehr, vendor="oracle")
    app(ehr, enabled=False)
    failed = (await examined(ehr, http, found))[-1]
    assert failed.step == 3 and 'Subscribe the app to "FHIR R4, All"' in failed.cure
    # aud ends with a slash there, and the operator's own scopes are asked for as they are
    await ehr.known.update("mine", RegistrationChange(scopes=("openid", "user/Patient.rs")))
    app(ehr, enabled=True)
    findings = await examined(ehr, http, await ehr.known.find("mine"))
    assert findings[3].text == "All 2 scopes are granted." and findings[4].state == "fail"


async def test_without_a_sign_in_the_doctor_says_what_it_left_out(ehr: SmallEhr, http: Http) -> None:
    found = await registered(ehr)
    async with aclosing(RegistrationDoctor(http, ehr.known).examine(found, ehr.address, None)) as steps:
        findings = [finding async for finding in steps]
    assert [each.state for each in findings] == ["ok"] * 3 + ["skip"] * 4 + ["warn"]
    assert not ehr.access and msgspec.json.encode(findings)
