"""What real authorization servers do: the switches of the lab that have to do with a sign-in (numbers 42 to 50)."""

import re
from typing import Any

from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.oauth.refused import OAuthRefused
from sandbox_ehr.oauth.scopes import parsed

OTHER_ISSUER = "https://issuer.example/oauth2/default"
CALLS_A_MINUTE = 250
REFRESH_SECONDS = 60


def active(request: Request) -> frozenset[str]:
    """The oddities that this request meets."""
    return frozenset(ehr_of(request).twin.oddities) | request.scope["faults"].on


def published(request: Request, document: dict[str, Any]) -> dict[str, Any]:
    """45: a document that contradicts itself, and what the server does."""
    if "fhir_45" not in active(request):
        return document
    methods = document.get("token_endpoint_auth_methods_supported", [])
    return document | {
        "issuer": OTHER_ISSUER,
        "token_endpoint_auth_methods": methods,
        "token_endpoint_auth_methods_supported": [each for each in methods if each != "none"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code", "id_token"],
    }


def state_back(request: Request, state: str) -> str:
    """48: what comes after a quotation mark, or anything but a plain letter, is lost."""
    if "fhir_48" not in active(request):
        return state
    return re.split(r"[^A-Za-z0-9_-]", state, maxsplit=1)[0]


def scopes_granted(request: Request, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """43: version 1 and lasting access are dropped without a word."""
    if "fhir_43" not in active(request):
        return scopes
    kept = [text for text in scopes if text != "offline_access"]
    return tuple(text for text in kept if (scope := parsed(text)) is None or scope.version == "v2")


def token_answer(request: Request, body: dict[str, Any], *, first: bool) -> dict[str, Any]:
    """42: no lifetime and no patient. 44: a refresh answers without a refresh token."""
    on = active(request)
    left_out = {"expires_in", "patient", "need_patient_banner"} if "fhir_42" in on else set[str]()
    if "fhir_44" in on and not first:
        left_out.add("refresh_token")
    return {name: value for name, value in body.items() if name not in left_out}


def rotates(request: Request) -> bool:
    return ehr_of(request).twin.tokens.rotate and "fhir_44" not in active(request)


def check_refresh(request: Request, refresh_token: str) -> None:
    """44: one refresh a minute for each token. Raises OAuthRefused."""
    ehr = ehr_of(request)
    if "fhir_44" not in active(request):
        return
    last, now = ehr.seen.get(f"refresh {refresh_token}", 0), ehr.clock.now()
    if now - last < REFRESH_SECONDS:
        raise OAuthRefused("temporarily_unavailable", "Refreshed a moment ago.", 429)
    ehr.seen[f"refresh {refresh_token}"] = now


def too_many_calls(request: Request) -> bool:
    """50: so many calls a minute, those for tokens included, then 429 without a word on when it ends."""
    if "fhir_50" not in active(request):
        return False
    ehr = ehr_of(request)
    minute = f"calls {int(ehr.clock.now() // 60)}"
    ehr.seen[minute] = ehr.seen.get(minute, 0) + 1
    return ehr.seen[minute] > CALLS_A_MINUTE
