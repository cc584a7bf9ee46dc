"""The registration doctor against an authorization server that others wrote, with other words for each mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.oauth.registration import AuthMethod
from cobalt_link.registrations.doctor.doctor import RegistrationDoctor
from cobalt_link.registrations.doctor.findings import StepFinding
from cobalt_link.registrations.registration import Urls
from cobalt_link.registrations.registrations import RegistrationChange, Registrations
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault
from tests.support.ehrs.nanoidp import SCOPES, NanoIdp, nanoidp

pytestmark = pytest.mark.skipif(find_spec("nanoidp") is None, reason="nanoidp is not installed: make setup-dev")

SECRET = "s3cret-of-the-app"
CALLBACK = "https://link.example/oauth/callback/mine"


def client(name: str, method: str = "client_secret_basic", **more: Any) -> dict[str, Any]:
    proof = {} if method == "none" else {"client_secret": SECRET}
    return {"client_id": name, "token_endpoint_auth_method": method, "redirect_uris": [CALLBACK]} | proof | more


CLIENTS = [
    client("basic"),
    client("post", "client_secret_post"),
    client("public", "none"),
    client("elsewhere", redirect_uris=["https://link.example/oauth/callback/mine/"]),
    client("narrow", allowed_scopes=["openid"]),
]


class Mistake(NamedTuple):
    """`client_id` is what NanoIDP has. The rest is what the operator typed here."""

    client_id: str
    step: int
    cure: str
    method: AuthMethod = "client_secret_basic"
    secret: str = SECRET
    scopes: tuple[str, ...] = tuple(SCOPES)
    path: str = ""
    change: str = ""


MISTAKES = (
    Mistake("basic", 1, "base of the FHIR server", path="/metadata"),
    Mistake("elsewhere", 2, CALLBACK),
    Mistake("basic", 2, "`cobalt serve` runs", change="stays_away"),
    Mistake("nobody", 3, "Compare the client id"),
    Mistake("Basic", 3, "Compare the client id"),
    Mistake("basic", 3, "copy the client secret again", secret="former-secret-of-the-app"),
    Mistake("post", 3, "--secret-in post"),
    Mistake("basic", 3, "--secret-in basic", method="client_secret_post"),
    Mistake("basic", 3, "confidential", method="none"),
    Mistake("basic", 3, "and not private_key_jwt", method="private_key_jwt"),
    Mistake("narrow", 4, "no other version"),
    Mistake("basic", 4, "no other version", scopes=("openid", "user/Patient.read")),
    Mistake("basic", 7, "Add Patient to the app", change="shut"),
)


@pytest.fixture
async def idp(tmp_path: Path) -> AsyncIterator[NanoIdp]:
    async with nanoidp(tmp_path, CLIENTS) as running:
        yield running


async def test_each_mistake_is_named_and_what_is_right_passes(
    idp: NanoIdp, db: Database, vault: Vault, clock: MovedClock, http: Http
) -> None:
    known = Registrations(db, vault, clock, Urls("https://link.example"))
    for name, method in (("basic", "client_secret_basic"), ("post", "client_secret_post"), ("public", "none")):
        findings = await examined(idp, known, http, Mistake(name, 0, "", method=method))
        assert [each.state for each in findings[:7]] == ["ok"] * 7, (name, findings)
    for mistake in MISTAKES:
        idp.stays_away, idp.lets_in = mistake.change == "stays_away", mistake.change != "shut"
        findings = await examined(idp, known, http, mistake)
        failed = next((each for each in findings if each.state == "fail"), None)
        assert failed and failed.step == mistake.step and mistake.cure in failed.cure, (mistake, findings)
        assert SECRET not in str(findings)


async def examined(idp: NanoIdp, known: Registrations, http: Http, mistake: Mistake) -> list[StepFinding]:
    for former in await known.all():
        await known.remove(former.id)
    secret = mistake.secret if mistake.method.startswith("client_secret") else None
    change = RegistrationChange(client_id=mistake.client_id, secret=secret, scopes=mistake.scopes, algorithm="ES384")
    found = await known.add("mine", "other", mistake.method, idp.address + mistake.path, change)
    async with aclosing(RegistrationDoctor(http, known).examine(found, found.addresses[0], idp.approve)) as steps:
        return [finding async for finding in steps]
