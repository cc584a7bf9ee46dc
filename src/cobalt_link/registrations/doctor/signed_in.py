"""Steps 4 to 8, with the tokens of a sign-in: scopes, refresh, a first read, and what can be written."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec

from cobalt_link.connector import secrets
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.net.http import Http, HttpError
from cobalt_link.oauth.authorization import AuthorizationRequest
from cobalt_link.oauth.errors import OAuthError
from cobalt_link.oauth.scopes import GrantedScopes, parsed
from cobalt_link.oauth.tokens import TokenAnswer, exchanged, refreshed, revoked
from cobalt_link.registrations.doctor.discovery import ACCEPT, Server, ServerOffer
from cobalt_link.registrations.doctor.findings import Examined, StepFinding, fail, ok, said, skip, warn
from cobalt_link.registrations.doctor.probes import UNKNOWN_CLIENT

WRITES: Final = {
    "notes and documents": "DocumentReference",
    "appointments": "Appointment",
    "tasks": "Task",
    "messages": "Communication",
}
V1: Final = (".read", ".write", ".*")


class TrialTokens(msgspec.Struct, frozen=True):
    answer: TokenAnswer
    granted: GrantedScopes


async def exchange(
    http: Http, case: Examined, request: AuthorizationRequest, answer: RedirectAnswer | None, asked: tuple[str, ...]
) -> TrialTokens | StepFinding:
    """The tokens, or why there are none."""
    if answer is None:
        text = f"Nobody came back to {case.app.redirect_uri}."
        cure = (
            "If the EHR showed an error page, its text names the step: mostly the redirect address or the client. Else"
            " check that `cobalt serve` runs at this address, on the same database."
        )
        return fail(case, 2, text, cure)
    if answer.issuer and request.issuer and answer.issuer != request.issuer:
        cure = "Do not use this server. Ask the vendor why its discovery names another issuer."
        return fail(case, 3, "The answer came from another authorization server than the one asked.", cure)
    if answer.error or not answer.code:
        return _refused_at_the_ehr(case, answer)
    try:
        with secrets.step():
            code = answer.code.reveal()
        tokens = await exchanged(http, request.token_endpoint, case.app, code=code, verifier=request.verifier)
    except OAuthError as error:
        return _refused_at_the_token_endpoint(case, error)
    return TrialTokens(tokens, GrantedScopes.of(" ".join(asked) if tokens.scope is None else tokens.scope))


def _refused_at_the_ehr(case: Examined, answer: RedirectAnswer) -> StepFinding:
    code = answer.error or "no code"
    text = f"The EHR sent the user back with {said(code, answer.description)}."
    if any(each in code for each in UNKNOWN_CLIENT):
        return fail(case, 3, text, "The EHR does not let this app in here. Ask the practice to turn it on.")
    if code == "invalid_scope":
        return fail(case, 4, text, "Enter all scopes of the guide at the vendor, and no other version of them.")
    cure = (
        "Sign in again and allow access. If you did, the user lacks the right to, or the practice has not turned the"
        " app on."
    )
    return fail(case, 4, text, cure)


def _refused_at_the_token_endpoint(case: Examined, error: OAuthError) -> StepFinding:
    text = f"The token endpoint refused the code: {said(error.code, error.description)}."
    if error.code == "invalid_grant":
        return fail(
            case, 2, text, f"Enter the redirect address exactly, character by character: {case.app.redirect_uri}"
        )
    if error.code in UNKNOWN_CLIENT:
        return fail(case, 3, text, "Compare the client id, and how the app proves itself, with the vendor's page.")
    return fail(case, 3, text, "Try again later. If it stays, send this text to the vendor.")


def scopes(case: Examined, granted: GrantedScopes, asked: tuple[str, ...]) -> StepFinding:
    """Step 4."""
    data = [each for each in asked if parsed(each)]
    lacks = [each for each in granted.lacks(asked) if each != "offline_access"]
    if data and set(data) <= set(lacks):
        was, other = ("v1", "v2") if data[0].endswith(V1) else ("v2", "v1")
        text = f"Of the {len(data)} scopes on data, the server granted none. They are written in SMART {was}."
        cure = (
            f"The app is probably registered for SMART {other}. Change that at the vendor, or run `cobalt registrations"
            f" update {case.name} --smart {other}`."
        )
        return fail(case, 4, text, cure)
    if lacks:
        text = f"GrantedScopes are {len(asked) - len(lacks)} of {len(asked)} scopes. Not granted: {' '.join(lacks)}."
        return warn(case, 4, text, 'What they are for answers "not granted". Add them at the vendor if you need it.')
    return ok(4, f"All {len(asked)} scopes are granted.")


def refresh_token(case: Examined, tokens: TrialTokens) -> StepFinding:
    """Step 5."""
    if tokens.answer.refresh_token:
        return ok(5, "There is one, so users stay connected.")
    ends = f"after {tokens.answer.expires_in // 60} minutes" if tokens.answer.expires_in else "with the access token"
    text = f"There is none: each user's connection ends {ends}."
    if case.found.method == "none":
        cure = f"Make the app confidential at the vendor, then run `cobalt registrations update {case.name} --jwks`."
    elif not tokens.granted.has("offline_access"):
        cure = "The scope offline_access was not granted. Turn on offline or persistent access at the vendor."
    else:
        cure = "Turn on refresh tokens (offline or persistent access) for the app at the vendor."
    return fail(case, 5, text, cure)


async def refresh(http: Http, case: Examined, server: Server, tokens: TrialTokens) -> tuple[TrialTokens, StepFinding]:
    """Step 6. Gives the tokens that are good afterwards."""
    if not (former := tokens.answer.refresh_token):
        return tokens, skip(6, "There is no refresh token to try.")
    try:
        answer = await refreshed(http, server.smart.token_endpoint, case.app, refresh_token=former)
    except OAuthError as error:
        text = f"The server gave a refresh token and refuses it: {said(error.code, error.description)}."
        return tokens, fail(case, 6, text, "Allow the grant refresh_token for the app at the vendor.")
    rotates = answer.refresh_token not in (None, former)
    text = "It works. Each refresh brings a new token." if rotates else "It works. The refresh token stays the same."
    kept = msgspec.structs.replace(answer, refresh_token=answer.refresh_token or former, patient=tokens.answer.patient)
    return TrialTokens(kept, tokens.granted), ok(6, text)


async def first_read(http: Http, case: Examined, offer: ServerOffer, tokens: TrialTokens) -> StepFinding:
    """Step 7."""
    patient = tokens.answer.patient
    wanted = [("Patient", f"Patient/{patient}" if patient else "Patient?_count=1")]
    if offer.offers("Appointment", "search-type") and tokens.granted.allows("Appointment", "s"):
        wanted.append(("Appointment", "Appointment?_count=1"))
    done = []
    for kind, path in wanted:
        headers = {"authorization": f"Bearer {tokens.answer.access_token}", "accept": ACCEPT}
        status = (await http.request("GET", _with_context(case, path), headers=headers)).status
        if status in (401, 403, 404) or status >= 500:
            return _not_read(case, kind, status)
        # A server that wants more search parameters has let the app in.
        done.append(
            f"{kind} {'answers' if status < 300 else f'lets the app in, and wants other parameters ({status})'}"
        )
    return ok(7, f"{'; '.join(done)}.")


def _with_context(case: Examined, path: str) -> str:
    """What the vendor wants in each call. At one, its slash must not be encoded."""
    more = urlencode(dict(case.app.context), safe="/:")
    return f"{case.address}/{path}{'&' if '?' in path else '?'}{more}" if more else f"{case.address}/{path}"


def _not_read(case: Examined, kind: str, status: int) -> StepFinding:
    cures = {
        401: "The server does not take its own access token at this address. Check that the address and the sign-in"
        " belong to one practice.",
        403: f"Add {kind} to the app at the vendor, and check that the user who signed in may see it.",
        404: "Check that this is the base address of the FHIR server.",
    }
    return fail(case, 7, f"{kind} answers {status}.", cures.get(status, "Try again later."))


def writes(case: Examined, offer: ServerOffer, granted: GrantedScopes | None) -> StepFinding:
    """Step 8. `granted` None: nobody has signed in."""
    can, lacks, never = list[str](), list[str](), list[str]()
    for name, kind in WRITES.items():
        known = case.guide.offers
        if not offer.offers(kind, "create") or (known and "c" not in known.get(kind, "")):
            never.append(name)
        elif granted is not None and not granted.allows(kind, "c"):
            lacks.append(name)
        else:
            can.append(name)
    parts = (("Can be written", can), ("Offered, but not granted", lacks), ("Not offered by this FHIR server", never))
    text = " ".join(f"{what}: {', '.join(names)}." for what, names in parts if names)
    if "notes and documents" in can:
        return ok(8, text)
    cure = "Say so before anybody relies on it: an app that writes notes cannot file them here."
    return warn(case, 8, text, cure)


async def end(http: Http, case: Examined, server: Server, tokens: TrialTokens) -> None:
    """Ends the tokens of the test where the server can."""
    if endpoint := server.smart.revocation_endpoint:
        token, hint = tokens.answer.refresh_token, "refresh_token"
        try:
            await revoked(http, endpoint, case.app, token=token or tokens.answer.access_token,
                          hint=hint if token else "access_token")  # fmt: skip
        except (OAuthError, HttpError):
            return  # they end by themselves
