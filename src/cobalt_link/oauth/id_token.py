"""Checks an id token before anybody believes who signed in (OpenID Connect Core, section 3.1.3.7; S-027)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cobalt_link.oauth.errors import OAuthError

# What SMART servers sign with. Never `none`, and never an algorithm with a shared secret: whoever could read our
# secret, or take a public key for one, could sign.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512")
SKEW: Final = 60  # seconds that the clocks of two servers may differ
OLDEST: Final = 24 * 3600  # seconds since an id token was issued


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in. `fhir_user` is an address such as `Practitioner/123`, whole or relative to the FHIR server."""

    subject: str
    issuer: str
    fhir_user: str | None = None
    name: str | None = None
    username: str | None = None


class BadIdToken(OAuthError):
    """The id token is not to be believed. `reason` names the check that failed."""

    def __init__(self, reason: str) -> None:
        super().__init__("invalid_id_token", reason)
        self.reason = reason


def needs_keys(token: str) -> str | None:
    """The `kid` in the header of a token, to look whether a key set has it. Raises BadIdToken."""
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, UnicodeError):
        raise BadIdToken("it is not a signed token") from None
    return kid if isinstance(kid, str) else None


def identity(token: str, keys: Any, *, issuer: str | None, client_id: str, nonce: str, now: datetime) -> Identity:
    """Who an id token says that signed in. `keys` is the server's JWKS document, `issuer` as its discovery says. Raises
    BadIdToken."""
    claims = _verified(token, keys)
    seconds = int(now.timestamp())
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    checks = {
        "the issuer is another": isinstance(claims.get("iss"), str) and issuer in (None, claims["iss"]),
        "it is for another client": client_id in audiences,
        "it is for several clients, and not from this one": len(audiences) == 1 or claims.get("azp") == client_id,
        "azp is another client": claims.get("azp") in (None, client_id),
        "the nonce is another": claims.get("nonce") == nonce,
        "it has expired": _number(claims.get("exp")) > seconds - SKEW,
        "it was issued in the future": _number(claims.get("iat")) <= seconds + SKEW,
        "it was issued long ago": _number(claims.get("iat")) >= seconds - OLDEST,
        "it is not valid yet": "nbf" not in claims or _number(claims["nbf"]) <= seconds + SKEW,
        "it names nobody": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
    }
    for reason, holds in checks.items():
        if not holds:
            raise BadIdToken(reason)
    return Identity(
        subject=claims["sub"],
        issuer=claims["iss"],
        fhir_user=_text(claims.get("fhirUser")) or _text(claims.get("profile")),
        name=_text(claims.get("name")),
        username=_text(claims.get("preferred_username")),
    )


def _verified(token: str, keys: Any) -> dict[str, Any]:
    try:
        known = KeySet.import_key_set(_signing(keys))
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise BadIdToken("its algorithm is not allowed")
        # Several keys without a `kid` in the token: a server has to name its key (OpenID Connect Core, 10.1).
        if "kid" not in header and len(known.keys) != 1:
            raise BadIdToken("it does not name its key")
        return dict(jwt.decode(token, known, algorithms=ALGORITHMS).claims)
    except (JoseError, ValueError, TypeError, KeyError, UnicodeError):
        raise BadIdToken("its signature does not verify") from None


def _signing(keys: Any) -> Any:
    """The keys of a JWKS that may verify a signature. A key that nobody can read spoils none of the others."""
    rows = keys.get("keys") if isinstance(keys, dict) else None
    if not isinstance(rows, list):
        raise BadIdToken("the server publishes no keys")
    usable = [each for each in rows if isinstance(each, dict) and each.get("use") in (None, "sig")]
    usable = [each for each in usable if each.get("kty") in ("RSA", "EC") and "d" not in each]
    if not usable:
        raise BadIdToken("the server publishes no keys")
    return {"keys": usable}


def _number(value: object) -> float:
    """A time of a claim, in seconds. Anything else is too early and too late at once."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
