"""Who signed in, from an id token, and everything that makes one unbelievable (S-027)."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cobalt_link.oauth.id_token import BadIdToken, identity, needs_keys

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
EC = ECKey.generate_key("P-384", {"kid": "e1"})
OTHER = RSAKey.generate_key(2048, {"kid": "r1"})
KEYS = {"keys": [each.as_dict(private=False) for each in (RSA, EC)]}
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example", "sub": "u-1", "aud": "client-1", "nonce": "n-1", "iat": SECONDS - 1,
    "exp": SECONDS + 300,
    "fhirUser": "https://ehr.example/fhir/Practitioner/12", "name": "Ann Lee",
}  # fmt: skip


def token(claims: dict[str, Any] | None = None, key: Any = RSA, **header: Any) -> str:
    head = {"alg": "RS256", "kid": key.kid, **header}
    return jwt.encode({name: value for name, value in head.items() if value is not None},
                      CLAIMS | (claims or {}), key, algorithms=[head["alg"]])  # fmt: skip


def who(text: str, keys: Any = KEYS, **more: Any) -> Any:
    given: dict[str, Any] = {
        "issuer": "https://login.example",
        "client_id": "client-1",
        "nonce": "n-1",
        "now": NOW,
    } | more
    return identity(text, keys, **given)


def unsigned(alg: str, signature: bytes = b"") -> str:
    parts = [json.dumps({"alg": alg, "kid": "r1"}).encode(), json.dumps(CLAIMS).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts)


def with_the_public_key_as_a_secret() -> str:
    signed = unsigned("HS256").rpartition(".")[0]
    mac = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_good_tokens_say_who_signed_in() -> None:
    good = {
        "as most": token(),
        "RS384": token(alg="RS384"),
        "PS256": token(alg="PS256"),
        "ES384": token(key=EC, alg="ES384"),
        "a list with us alone": token({"aud": ["client-1"]}),
        "several, and from us": token({"aud": ["client-1", "x"], "azp": "client-1"}),
        "a clock that is a little late": token({"iat": SECONDS + 10, "nbf": SECONDS + 10}),
        "a clock that is a little early": token({"exp": SECONDS - 10}),
        "fractions of seconds": token({"iat": SECONDS - 0.5, "exp": SECONDS + 9.5}),
        "further claims": token({"acr": "x", "amr": ["pwd"], "at_hash": "x", "extra": {"a": []}}),
    }
    for what, text in good.items():
        assert who(text).subject == "u-1", what
    found = who(token())
    assert (found.fhir_user, found.name) == ("https://ehr.example/fhir/Practitioner/12", "Ann Lee")
    # `profile` was what SMART called `fhirUser` first
    assert who(token({"fhirUser": None, "profile": "Practitioner/1"})).fhir_user == "Practitioner/1"
    assert who(token(kid=None), {"keys": [RSA.as_dict(private=False)]}).subject == "u-1"
    assert who(token(), issuer=None).issuer == "https://login.example"
    assert needs_keys(token()) == "r1"


def test_bad_tokens_are_refused_each_for_its_reason() -> None:
    bad = {
        "the issuer is another": token({"iss": "https://evil.example"}),
        "the issuer is another ": token({"iss": None}),
        "it is for another client": token({"aud": "client-2"}),
        "it is for another client ": token({"aud": []}),
        "it is for another client  ": token({"aud": None}),
        "it is for several clients": token({"aud": ["client-1", "client-2"]}),
        "azp is another client": token({"azp": "client-2"}),
        "the nonce is another": token({"nonce": "n-2"}),
        "the nonce is another ": token({"nonce": None}),
        "it has expired": token({"exp": SECONDS - 61}),
        "it has expired ": token({"exp": None}),
        "it has expired  ": token({"exp": "later"}),
        "it was issued in the future": token({"iat": SECONDS + 61}),
        "it was issued in the future ": token({"iat": None}),
        "it was issued long ago": token({"iat": SECONDS - 90_000}),
        "it is not valid yet": token({"nbf": SECONDS + 61}),
        "it names nobody": token({"sub": ""}),
        "it names nobody ": token({"sub": None}),
        "its algorithm is not allowed": unsigned("none"),
        "its algorithm is not allowed ": unsigned("nOnE", b"x"),
        "its algorithm is not allowed  ": with_the_public_key_as_a_secret(),
        "its signature does not verify": token(key=OTHER),
        "its signature does not verify ": token()[:-4] + "AAAA",
        "its signature does not verify  ": token(kid="unknown"),
        "its signature does not verify   ": "not a token",
        "it does not name its key": token(kid=None),
    }  # fmt: skip
    for reason, text in bad.items():
        with pytest.raises(BadIdToken) as refused:
            who(text)
        assert refused.value.reason.startswith(reason.strip()), (reason, refused.value.reason)
    for keys in (None, [], {}, {"keys": []}, {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, {"keys": ["x"]},
                 {"keys": [RSA.as_dict(private=True)]}):  # fmt: skip
        with pytest.raises(BadIdToken, match="invalid_id_token"):
            who(token(), keys)
