"""The end of the authorization: the user's decision becomes a code, or a refusal (RFC 6749, section 4.1.2)."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox_ehr import refusals
from sandbox_ehr.ehr import Ehr, ehr_of
from sandbox_ehr.grants import tokens, waiting
from sandbox_ehr.grants.tokens import Grant
from sandbox_ehr.grants.waiting import AuthorizationRequest
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.oauth.oddities import scopes_granted, state_back
from sandbox_ehr.oauth.places import address_back
from sandbox_ehr.oauth.scopes import offered
from sandbox_ehr.oauth.sign_in import pending
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.web.forms import posted_pairs

CODE_SECONDS = 300
MOST_FIELDS = 500  # of a consent page: a field for each scope


async def decide(request: Request) -> Response:
    ehr, pairs = ehr_of(request), await posted_pairs(request, MOST_FIELDS)
    form, chosen = dict(pairs), [value for name, value in pairs if name == "scope"]
    app, asked = await pending(request, form)
    taken = await ehr.database.run(waiting.take_request, ehr.clock.now(), form["waiting"])
    if taken is None or not asked.username:
        raise RequestRefused(refusals.request_ended())
    is_launch = bool(asked.patient_id or asked.encounter_id) and not asked.own_patient
    possible = offered(asked.scopes, app, ehr.twin, asked.own_patient, is_launch=is_launch)
    scopes = scopes_granted(request, tuple(text for text in possible if text in chosen))
    if form.get("decision") != "allow" or not scopes:
        note_outcome(request, "access_denied", asked.username)
        return _back(request, asked, {"error": "access_denied", "error_description": "The user said no."})
    note_outcome(request, "code", asked.username)
    return _back(request, asked, {"code": await _code(ehr, asked, scopes)})


def _back(request: Request, asked: AuthorizationRequest, said: dict[str, str]) -> Response:
    """303: the browser must not post the form again to the app (RFC 9700, section 4.12)."""
    return RedirectResponse(address_back(request, asked.redirect_uri, said, state_back(request, asked.state)), 303)


async def _code(ehr: Ehr, asked: AuthorizationRequest, scopes: tuple[str, ...]) -> str:
    grant = Grant(
        client_id=asked.client_id,
        username=asked.username,
        user_id=asked.user_id,
        user_name=asked.user_name,
        clinic=asked.clinic,
        rights=asked.rights,
        scopes=scopes,
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        nonce=asked.nonce,
        patient_id=asked.patient_id,
        encounter_id=asked.encounter_id,
        own_patient=asked.own_patient,
        signed_in_at=asked.signed_in_at,
    )
    grant_id = await ehr.database.run(tokens.add_grant, grant)
    return await ehr.database.run(tokens.issue, "code", grant_id, scopes, ehr.clock.now() + CODE_SECONDS)
