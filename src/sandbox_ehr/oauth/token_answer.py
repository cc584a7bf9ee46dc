"""What the token endpoint answers with: tokens, launch context, and who signed in (SMART App Launch 2.2, 4.0.10)."""

import time
from typing import Any

from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import tokens
from sandbox_ehr.grants.apps import App
from sandbox_ehr.grants.tokens import Grant, Token
from sandbox_ehr.oauth.oddities import rotates, token_answer
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.oauth.scopes import needs_patient
from sandbox_ehr.twins import Twin

ID_TOKEN_SECONDS = 3600


async def answer_of(
    request: Request, app: App, shown: Token, scopes: tuple[str, ...], *, first: bool
) -> dict[str, Any]:
    """`first` is the answer to a code. After a refresh there is no id token, and a new refresh token only where the
    twin rotates."""
    ehr, life = ehr_of(request), ehr_of(request).twin.tokens
    now = ehr.clock.now()
    jwt = await _access_jwt(request, shown, scopes) if life.form == "jwt" else ""
    access = await ehr.database.run(tokens.issue, "access", shown.grant_id, scopes, now + life.access_seconds, jwt)
    body: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "scope": " ".join(scopes)}
    if life.says_lifetime:
        body["expires_in"] = life.access_seconds
    refresh = await _refresh_token(request, app, shown, first=first)
    body |= {"refresh_token": refresh} if refresh else {}
    if first and "openid" in scopes:
        body["id_token"] = await ehr.signing_key.signed(_identity(request, shown.grant, scopes))
    return token_answer(request, body | _context(shown.grant, scopes, ehr.twin), first=first)


def fhir_user(grant: Grant) -> str:
    return f"Patient/{grant.own_patient}" if grant.own_patient else f"Practitioner/{grant.user_id}"


async def _refresh_token(request: Request, app: App, shown: Token, *, first: bool) -> str | None:
    ehr = ehr_of(request)
    life, now = ehr.twin.tokens, ehr.clock.now()
    seconds = life.refresh_seconds if "offline_access" in shown.scopes else life.online_seconds
    lasting = {"offline_access", "online_access"} & set(shown.scopes)
    if not lasting or not app.offline or (app.is_public and not life.public_refresh):
        return None
    if first or rotates(request):
        # The scopes of the grant: an access token with fewer does not narrow the next one (RFC 6749, section 6).
        return await ehr.database.run(tokens.issue, "refresh", shown.grant_id, shown.scopes, now + seconds)
    await ehr.database.run(tokens.prolong, shown, now + seconds)
    return None


def _context(grant: Grant, scopes: tuple[str, ...], twin: Twin) -> dict[str, Any]:
    wanted = "launch" in scopes or needs_patient(scopes)
    found: dict[str, Any] = {}
    if wanted and grant.patient_id and twin.names_patient:
        found = {"patient": grant.patient_id, "need_patient_banner": False}
    if wanted and grant.encounter_id:
        found["encounter"] = grant.encounter_id
    return found


def _identity(request: Request, grant: Grant, scopes: tuple[str, ...]) -> dict[str, Any]:
    """In real time, by which the app checks it."""
    places, now = places_of(request), int(time.time())
    claims: dict[str, Any] = {
        "iss": places.issuer,
        "sub": grant.user_id,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
    }
    claims |= {"nonce": grant.nonce} if grant.nonce else {}
    if "fhirUser" in scopes:
        claims["fhirUser"] = f"{places.fhir}/{fhir_user(grant)}"
    if "profile" in scopes:
        claims |= {"name": grant.user_name, "preferred_username": grant.username, "profile": fhir_user(grant)}
    return claims


async def _access_jwt(request: Request, shown: Token, scopes: tuple[str, ...]) -> str:
    places, now, ehr = places_of(request), int(time.time()), ehr_of(request)
    claims = {"iss": places.issuer, "aud": places.fhir, "sub": shown.grant.user_id, "scp": list(scopes)}
    claims |= {"ah_practice": ehr.twin.practice.removeprefix("Organization/")} if ehr.twin.practice else {}
    claims |= {"iat": now, "exp": now + ehr.twin.tokens.access_seconds, "cid": shown.grant.client_id}
    return await ehr.signing_key.signed(claims | {"jti": shown.id[:16] + str(time.time_ns())})
