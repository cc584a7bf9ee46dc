"""Vendor twins: each signs in and reads as its vendor's public documents say."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.server import running
from sandbox_ehr.twins import NAMES, load
from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp, resources

CAPTURES = Path(__file__).parents[3] / "shared/data/vendors"
CAPTURED = {"eclinicalworks": "ecw", "nextgen": "nextgen-enterprise"}
# What the twins write as the table of the vendors' facts says: create, update or patch.
WRITES = {
    "epic": {"Patient": "c", "DocumentReference": "cu", "ServiceRequest": "cu", "Task": "u", "Communication": "c"},
    "oracle": {
        "Patient": "cp",
        "Appointment": "cp",
        "Slot": "p",
        "DocumentReference": "cu",
        "Communication": "cp",
        "Coverage": "cp",
    },
}
LETTERS = {"create": "c", "update": "u", "patch": "p"}
V1 = "openid fhirUser offline_access user/*.read"


@asynccontextmanager
async def twin(name: str, path: Path, scope: str = V1) -> AsyncGenerator[tuple[SmartApp, dict[str, Any]], None]:
    """A linked app at a twin, with its tokens."""
    async with running(data=path, like=name) as address, AsyncClient(base_url=address, trust_env=False) as http:
        app = SmartApp(http, load(name).fhir)
        await app.register()
        yield app, await app.tokens(scope)


def offered(statement: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in statement["rest"][0]["resource"]:
        found.setdefault(each["type"], set()).update(one["code"] for one in each.get("interaction", []))
    return found


async def test_every_twin_is_linked_read_and_refreshed_as_its_vendor_says(tmp_path: Path) -> None:
    for name in NAMES:
        life, practice = load(name).tokens, {"ah-practice": load(name).practice} if load(name).practice else {}
        async with twin(name, tmp_path / name) as (app, tokens):
            assert tokens["expires_in"] == (570 if name == "oracle" else 3600), name
            assert (tokens["access_token"].count(".") == 2) == (name == "athenahealth"), name
            query = "&".join(f"{key}={value}" for key, value in practice.items())
            user = await app.get(f"Practitioner/u1?{query}", tokens["access_token"])
            assert (user.status_code, user.json()["name"][0]["text"]) == (200, "Dana Goodwin"), name
            again = (await app.refresh(tokens["refresh_token"])).json()
            assert ("refresh_token" in again) == life.rotate, name
            statement = (await app.http.get(f"{app.base}/metadata")).json()
            written = {
                kind: "".join(LETTERS[each] for each in ("create", "update", "patch") if each in interactions)
                for kind, interactions in offered(statement).items()
            }
            expected = WRITES.get(name, {"Communication": "c"} if name == "meditech" else {})
            assert {kind: letters for kind, letters in written.items() if letters} == expected, name
            scheduled = name in ("epic", "oracle", "athenahealth", "meditech")
            assert ("Appointment" in written) == scheduled, name


async def test_a_twin_offers_nothing_that_its_vendor_does_not() -> None:
    if not CAPTURES.is_dir():
        pytest.skip("the vendors' captured documents are not on this machine")
    for name in NAMES:
        text = (CAPTURES / f"{CAPTURED.get(name, name)}-capability.json").read_text("utf-8")
        vendor = offered(json.loads(text))
        for kind, resource in load(name).resources.items():
            assert set(resource.interactions) <= vendor[kind], (name, kind)
        smart = json.loads((CAPTURES / f"{CAPTURED.get(name, name)}-smart.json").read_text("utf-8"))
        for member in ("token_endpoint_auth_methods_supported", "revocation_endpoint", "introspection_endpoint"):
            assert (load(name).discovery.get(member) == "-") == (member not in smart), (name, member)


async def test_an_oracle_search_is_bounded_and_its_writes_answer_nothing(tmp_path: Path) -> None:
    async with twin("oracle", tmp_path, "openid fhirUser launch/patient offline_access user/*.cruds") as (app, tokens):
        token = tokens["access_token"]
        assert "patient" not in tokens
        day = {"date": ["ge2026-11-24T00:00:00Z", "lt2026-11-25T00:00:00Z"]}
        refused: list[tuple[str, dict[str, Any]]] = [
            ("Appointment", {}),
            ("Appointment", day),
            ("Appointment", {"practitioner": "501"}),
            ("Appointment", {"practitioner": "501", "date": "2026-11-24"}),
            ("Appointment", day | {"practitioner": "501", "location": "101"}),
            ("Appointment", day | {"practitioner": ["501", "502"]}),
            ("Patient", {"family": "Whitlock", "birthdate": "ge1984-01-01T00:00:00Z"}),
            ("Slot", {"schedule.actor": "Practitioner/503", "start": "ge2026-11-24"}),
        ]
        for kind, query in refused:
            assert (await app.get(kind, token, query)).status_code == 400, (kind, query)
        assert (await app.get("Appointment", token, day | {"practitioner": "501,502"})).status_code == 200
        start = {"start": ["ge2026-11-24", "lt2026-11-28"], "-location": "Location/102"}
        slots = resources(await app.read("Slot", token, start))
        assert {each["schedule"]["reference"][-3:] for each in slots} <= {"102"}
        other = app.base[:-4] + "0000"
        assert (await app.http.get(f"{other}/Patient/10001")).status_code == 403
        assert (await app.get("Patient/10001", token, accept="application/fhir+xml")).status_code == 406
        document = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/10001"}}
        content = {"content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0="}}]}
        made = await app.http.post(
            f"{app.base}/DocumentReference", json=document | content, headers={"authorization": f"Bearer {token}"}
        )
        assert (made.status_code, made.content, made.headers["content-type"][:9]) == (201, b"", "text/html")
        assert made.headers["location"].startswith(f"{app.fhir}/DocumentReference/D")


async def test_public_apps_get_no_refresh_token_where_the_vendor_gives_none(tmp_path: Path) -> None:
    for name, given in (("epic", False), ("eclinicalworks", False), ("meditech", True)):
        async with twin(name, tmp_path / name) as (app, _):
            await app.register(method="none")
            app.secret = ""
            assert ("refresh_token" in await app.tokens(V1)) == given, name


async def test_athenahealth_wants_a_nonce_and_its_practice_with_a_plain_slash(tmp_path: Path) -> None:
    async with twin("athenahealth", tmp_path) as (app, tokens):
        assert (await app.authorize("openid", nonce="")).headers["location"].find("error=invalid_request") > 0
        assert (await app.discovered())["issuer"].startswith("https://athena.okta.example/")
        for query, status in (("", 403), ("?ah-practice=Organization%2Fa-1.Practice-1", 403),
                              ("?ah-practice=Organization/a-1.Practice-1", 200)):  # fmt: skip
            assert (await app.get(f"Location{query}", tokens["access_token"])).status_code == status, query
        dated = await app.get(
            "Appointment?ah-practice=Organization/a-1.Practice-1&date=2026-11-24", tokens["access_token"]
        )
        assert dated.status_code == 400


async def test_a_nextgen_refresh_token_has_to_be_used_within_two_days(tmp_path: Path) -> None:
    async with twin("nextgen", tmp_path) as (app, tokens):
        page = await app.read("Patient", tokens["access_token"], {"_maxresults": "2"})
        assert len(resources(page)) == 2
        read = await app.get("Patient/10001", tokens["access_token"])
        assert "etag" not in read.headers
        await SandboxClient(app.http).wait(172801)
        assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_meditech_says_where_it_is_at_the_root_and_signs_with_a_slash(tmp_path: Path) -> None:
    async with twin("meditech", tmp_path, "openid user/*.read user/Patient.rs") as (app, tokens):
        assert (await app.http.get(f"{app.base}/.well-known/smart-configuration")).status_code == 404
        assert (await app.discovered())["issuer"] == f"{app.fhir.removesuffix(app.base)}/"
        assert tokens["scope"] == "openid user/*.read"
