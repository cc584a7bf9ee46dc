"""The authorization endpoint: checks what an app asks for, then sends the user to the sign-in (RFC 6749, 4.1.1).

Nothing is ever sent to an address that is not registered for the app, letter for letter (RFC 9700, 4.1.1).
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox_ehr import refusals
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import apps, waiting
from sandbox_ehr.grants.apps import App
from sandbox_ehr.grants.waiting import AuthorizationRequest, Launch
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login import sessions
from sandbox_ehr.oauth.places import address_back, places_of
from sandbox_ehr.oauth.refused import OAuthRefused
from sandbox_ehr.oauth.sign_in import begin, signed_in
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import limited_body
from sandbox_ehr.twins import Twin

LAUNCH_COOKIE = "sandbox_ehr_launch"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


async def authorize(request: Request) -> Response:
    ehr, asked = ehr_of(request), await _parameters(request)
    app = await _known_app(request, asked)
    try:
        _check(asked, app, ehr.twin, places_of(request).fhir)
        launch = await _launch(request, asked)
    except OAuthRefused as refused:
        note_outcome(request, refused.error)
        said = {"error": refused.error, "error_description": refused.description}
        return RedirectResponse(address_back(request, asked["redirect_uri"], said, asked.get("state", "")), 303)
    wanted = AuthorizationRequest(
        client_id=app.client_id,
        redirect_uri=asked["redirect_uri"],
        scopes=tuple(asked.get("scope", "").split()),
        state=asked.get("state", ""),
        nonce=asked.get("nonce", ""),
        challenge=asked.get("code_challenge", ""),
        patient_id=launch.patient_id if launch else "",
        encounter_id=launch.encounter_id if launch else "",
    )
    session = await _session_of(request, launch)
    if session is not None:
        return await signed_in(request, app, wanted, session)
    return await begin(request, app, wanted)


async def _parameters(request: Request) -> Mapping[str, str]:
    """Of the query, or of a form (SMART capability authorize-post). None may come twice (RFC 6749, 3.1)."""
    pairs = request.query_params.multi_items()
    if request.method == "POST":
        pairs = parse_qsl((await limited_body(request)).decode("utf-8", "replace"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) < len(pairs):
        raise RequestRefused(refusals.bad_request("A parameter is given more than once."))
    return values


async def _known_app(request: Request, asked: Mapping[str, str]) -> App:
    """Raises RequestRefused, which the user sees here: an address that is not registered gets nothing."""
    app = await ehr_of(request).database.run(apps.find, asked.get("client_id", ""))
    if app is None or not app.enabled:
        raise RequestRefused(refusals.unknown_app())
    if asked.get("redirect_uri", "") not in app.redirect_uris:
        raise RequestRefused(refusals.wrong_redirect())
    return app


def _check(asked: Mapping[str, str], app: App, twin: Twin, fhir: str) -> None:
    """Raises OAuthRefused, which the app sees."""
    if asked.get("response_type") != "code":
        raise OAuthRefused("unsupported_response_type", "response_type must be code.")
    audience = asked.get("aud", "")
    if audience.rstrip("/") != fhir and (audience or twin.needs_aud):
        raise OAuthRefused("invalid_request", f"aud must be {fhir}.")
    if twin.needs_nonce and "openid" in asked.get("scope", "").split() and not asked.get("nonce"):
        raise OAuthRefused("invalid_request", "openid needs a nonce.")
    method, challenge = asked.get("code_challenge_method", ""), asked.get("code_challenge", "")
    if (challenge or twin.needs_pkce == "always" or app.is_public) and method != "S256":
        raise OAuthRefused("invalid_request", "code_challenge_method must be S256.")
    if method and not _CHALLENGE.fullmatch(challenge):
        raise OAuthRefused("invalid_request", "code_challenge must be a SHA-256 in base64url.")


async def _launch(request: Request, asked: Mapping[str, str]) -> Launch | None:
    """What the EHR launched. It belongs to one app, and to nobody else's."""
    ehr, launch_id = ehr_of(request), asked.get("launch", "")
    if not launch_id:
        return None
    launch = await ehr.database.run(waiting.find_launch, ehr.clock.now(), launch_id)
    if launch is None or launch.client_id != asked["client_id"]:
        raise OAuthRefused("invalid_request", "This launch is unknown or has ended.")
    return launch


async def _session_of(request: Request, launch: Launch | None) -> sessions.Session | None:
    """Who started the app is signed in already, in the browser that started it."""
    ehr = ehr_of(request)
    secret = request.cookies.get(LAUNCH_COOKIE, "")
    if launch is None or not secret:
        return None
    session = await ehr.database.run(sessions.use_session, secret, ehr.clock.now())
    return session if session is not None and session.username == launch.username else None
