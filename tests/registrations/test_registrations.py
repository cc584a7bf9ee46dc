"""Which registration belongs to which FHIR server, how each proves itself, and how its keys roll over."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.oauth.registration import AppRegistration
from cobalt_link.registrations.registration import RegistrationProblem
from cobalt_link.registrations.registrations import RegistrationChange, Registrations, as_jwks
from cobalt_link.store.database import Database
from tests.registrations.conftest import ISSUER, add

TOKEN = "https://ehr.example/oauth/token"


async def signed_by(app: AppRegistration) -> str:
    """The `kid` of the key that signs now."""
    form = (await app.prove(TOKEN)).form
    return jws.extract_compact(form["client_assertion"].encode()).headers()["kid"]


async def test_a_registration_is_found_at_the_addresses_that_were_approved_and_at_no_other(
    known: Registrations,
) -> None:
    await add(known)
    await known.approve("northlake", "https://other.example/fhir")
    for address in (ISSUER, f"{ISSUER}/", "https://other.example/fhir"):
        app = await known.at(address)
        assert app and (app.id, app.client_id, app.address) == ("northlake", "c-1", address.removesuffix("/"))
        assert app.redirect_uri == "https://link.example/oauth/callback/northlake"
    # S-017; design: an imported address never inherits a registration
    alike = (
        "https://EHR.example/fhir/r4", "https://ehr.example:443/fhir/r4", "http://ehr.example/fhir/r4",
        "https://ehr.example/fhir/R4", "https://ehr.example/fhir/r4//", "https://ehr.example/fhir/r4?", "",
        "https://ehr.example/fhir/r4#", "https://ehr.example/fhir", "https://ehr.example/fhir/r4/tenant-2",
        "https://ehr.example./fhir/r4", "https://sub.ehr.example/fhir/r4", "https://u@ehr.example/fhir/r4",
        "https://ehr.example/x/../fhir/r4", "https://ehr.example/fhir/%724", "https://ehr.example.evil.example/fhir/r4",
        " https://ehr.example/fhir/r4", "https://еhr.example/fhir/r4", "https://ehr.example\\fhir\\r4",
    )  # fmt: skip
    assert not [address for address in alike if await known.at(address)]
    await known.withdraw("northlake", ISSUER)
    assert await known.at(ISSUER) is None
    await known.remove("northlake")
    assert await known.at("https://other.example/fhir") is None


async def test_an_address_belongs_to_one_registration_and_one_without_a_client_id_does_not_work(
    known: Registrations,
) -> None:
    await known.add("pending", "epic", "private_key_jwt", ISSUER, RegistrationChange(algorithm="ES384"))
    assert await known.at(ISSUER) is None and len(await known.keys("pending")) == 1
    await known.update("pending", RegistrationChange(client_id="c-2"))
    app = await known.at(ISSUER)
    assert app and app.client_id == "c-2"
    with pytest.raises(RegistrationProblem, match="cobalt registrations withdraw pending https://ehr"):
        await add(known, "second")
    assert [each.id for each in await known.all()] == ["pending"]
    with pytest.raises(RegistrationProblem, match="cobalt registrations update pending"):
        await add(known, "pending", address="https://third.example")


async def test_each_kind_of_client_proves_itself(known: Registrations) -> None:
    # S-038, S-039
    await add(known, "public", "none", "https://a.example")
    await add(known, "basic", "client_secret_basic", "https://b.example", secret="s:e c")
    await add(known, "post", "client_secret_post", "https://c.example", secret="s3cret")
    proofs = [await app.prove(TOKEN) for each in "abc" if (app := await known.at(f"https://{each}.example"))]
    assert proofs[0].form == {"client_id": "c-1"} and not proofs[0].headers
    assert b64decode(proofs[1].headers["authorization"].split()[1]) == b"c-1:s%3Ae%20c" and not proofs[1].form
    assert proofs[2].form == {"client_id": "c-1", "client_secret": "s3cret"} and not proofs[2].headers
    for name, address in (
        ("RS384", "https://d.example"),
        ("ES384", "https://e.example"),
        ("ES256", "https://f.example"),
    ):
        change = RegistrationChange(client_id="c-1", algorithm=name)
        await known.add(name.lower(), "other", "private_key_jwt", address, change)
        app = await known.at(address)
        assert app
        form = (await app.prove(TOKEN)).form
        keys = as_jwks(await known.keys(name.lower()))
        found = jwt.decode(form["client_assertion"], KeySet.import_key_set({"keys": keys}), algorithms=[name])
        assert found.header == {"typ": "JWT", "alg": name, "kid": keys[0]["kid"]}
        assert found.claims["iss"] == found.claims["sub"] == "c-1" and found.claims["aud"] == TOKEN  # S-025
        assert "client_id" not in form  # SMART requirement 71
    # S-025: one registration's assertion is worth nothing with another's keys
    kids = {each["kid"] for name in ("rs384", "es384", "es256") for each in as_jwks(await known.keys(name))}
    assert len(kids) == 3


async def test_a_new_key_is_published_for_a_day_before_it_signs_and_the_former_for_a_day_after(
    known: Registrations, clock: MovedClock
) -> None:
    # S-026
    await add(known)
    app = await known.at(ISSUER)
    assert app
    first = await signed_by(app)
    former, new = (each.kid for each in await known.rotate("northlake", None))
    assert former == first and await signed_by(app) == first
    with pytest.raises(RegistrationProblem, match="published already"):
        await known.rotate("northlake", None)
    clock.move(timedelta(days=1, minutes=-5))
    assert await signed_by(app) == first
    clock.move(timedelta(minutes=5))
    assert await signed_by(app) == new and [each.kid for each in await known.keys("northlake")] == [first, new]
    clock.move(timedelta(days=1, minutes=-5))
    await known.prune(timedelta(days=30))
    assert len(await known.keys("northlake")) == 2
    clock.move(timedelta(minutes=5))
    assert [each.kid for each in await known.keys("northlake")] == [new]
    await known.prune(timedelta(days=30))
    # After a leak: at once, and in another algorithm
    (only,) = await known.rotate("northlake", "ES256", now=True)
    assert await signed_by(app) == only.kid and only.algorithm == "ES256"


async def test_the_key_set_has_public_keys_alone_and_may_be_cached(house: House, client: httpx2.AsyncClient) -> None:
    known = house.registrations.registrations
    await add(known)
    await known.add("rsa", "other", "private_key_jwt", "https://rsa.example", RegistrationChange(client_id="c"))
    await add(known, "secret", "client_secret_basic", "https://b.example", secret="s3cret")
    for name, kind, members in (("northlake", "EC", {"crv", "x", "y"}), ("rsa", "RSA", {"n", "e"})):
        response = await client.get(f"/registrations/{name}/jwks.json")
        (key,) = response.json()["keys"]
        assert response.status_code == 200 and response.headers["cache-control"] == "public, max-age=300"
        assert key.keys() == {"kty", "kid", "use", "alg"} | members and key["kty"] == kind
    for name in ("secret", "nobody", "..", "northlake%00"):
        assert (await client.get(f"/registrations/{name}/jwks.json")).status_code == 404, name
    # What connectors are given
    app = await house.deps.connectors["sandbox"].registrations.at(ISSUER)
    assert app and app.id == "northlake"


async def test_a_change_of_the_proof_erases_the_former_one_and_removal_erases_all(
    known: Registrations, db: Database
) -> None:
    await add(known, "one", "client_secret_basic", "https://one.example", secret="s3cret")
    await add(known, "two", address="https://two.example")
    with pytest.raises(RegistrationProblem, match="no client secret yet"):
        await known.update("two", RegistrationChange(method="client_secret_post"))
    await known.update("one", RegistrationChange(method="client_secret_post"))
    app = await known.at("https://one.example")
    assert app and (await app.prove(TOKEN)).form["client_secret"] == "s3cret"
    await known.update("one", RegistrationChange(method="private_key_jwt", algorithm="ES384"))
    assert await db.rows("SELECT FROM registrations WHERE sealed_secret IS NOT NULL") == []
    await known.update("one", RegistrationChange(method="none"))
    assert await known.keys("one") == []
    await known.remove("two")
    assert await db.rows("SELECT FROM registration_keys") == []
    owners = [row["owner"] for row in await db.rows("SELECT owner FROM data_keys")]
    assert owners == ["registration:one"]  # S-064: nothing that rests anywhere opens any more


async def test_every_use_of_a_secret_is_noted_without_the_secret(known: Registrations, db: Database) -> None:
    # S-130, S-136
    await add(known, "one", "client_secret_basic", "https://one.example", secret="s3cret-of-one")
    app = await known.at("https://one.example")
    assert app
    await app.prove(f"{TOKEN}?tenant=s3cret-of-one")
    await known.update("one", RegistrationChange(method="private_key_jwt", algorithm="ES384"))
    await app.prove(TOKEN)
    await known.remove("one")
    trail = [(each.what, each.detail) for each in await known.trail("one")]
    assert trail == [
        ("added", "client_secret_basic"),
        ("approved", "https://one.example"),
        ("proved", "https://ehr.example"),
        ("changed", "private_key_jwt"),
        ("proved", "https://ehr.example"),
        ("removed", None),
    ]
    everything = str(await db.rows("SELECT * FROM registration_audit"))
    assert "s3cret" not in everything
