"""How a user signs in: on the EHR's own page, with a code that comes back and is exchanged once.

Source: SMART App Launch 2.2 (standalone and EHR launch), RFC 6749, RFC 7636, RFC 9207, RFC 9700.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cobalt_link.connector import (
    Ask,
    Declined,
    EhrDown,
    EhrInstance,
    Grant,
    GrantedScopes,
    Http,
    NoRegistrations,
    OAuthError,
    Offering,
    RedirectAnswer,
    Refusal,
    Secret,
    SessionEnded,
    TokenAnswer,
    Unsupported,
    exchanged,
)
from cobalt_link.connectors.smart import capabilities
from cobalt_link.connectors.smart.discovery import Prepared, configuration, prepare, read_statement, registered
from cobalt_link.connectors.smart.session import Session, claimed, expires_at, stored
from cobalt_link.connectors.smart.vendors import named, vendor_of
from cobalt_link.connectors.smart.who import Who, who

# The registration does not fit, which only the operator can repair.
REGISTRATION = ("invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "unknown-tenant",
                "unsupported_response_type", "unsupported_grant_type")  # fmt: skip
EVERYTHING = GrantedScopes.of("user/*.cruds")
LATER = ("temporarily_unavailable", "server_error", "slow_down")


class WrongIssuer(Exception):
    """The browser came back from another authorization server than it was sent to (RFC 9207 §2.4; S-021)."""


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens. `at` is when they came."""

    answer: TokenAnswer
    at: datetime


async def recognize(http: Http, registrations: NoRegistrations, instance: EhrInstance) -> Offering | None:
    """What the server offers to whoever is granted everything. None if it shows strangers no statement.

    Raises NotThisAddress unless a SMART server is there, and Unsupported if no app is registered for it."""
    await http.check(instance.address)
    address = instance.address.rstrip("/")
    statement = await read_statement(http, address)
    vendor = vendor_of(address, statement, await _vendor(registrations, address))
    await configuration(http, address, vendor)
    await registered(registrations, address)
    return capabilities.offers(vendor.corrected(statement), EVERYTHING, vendor) if statement.types else None


async def _vendor(registrations: NoRegistrations, address: str) -> str:
    app = await registrations.at(address)
    return app.vendor if app else ""


async def sign_in(http: Http, registrations: NoRegistrations, ask: Ask, instance: EhrInstance) -> Grant:
    given = (http, registrations, instance, ask.launched)
    prepared = await ask.once("discover", prepare, *given, returns=Prepared, again=True)
    came_back = await ask.redirect(prepared.request.url, registration=prepared.registration)
    code = checked(prepared, came_back)
    tokens = await ask.once("exchange", exchange, http, registrations, prepared, code, returns=Exchanged)
    session = session_of(prepared, tokens.answer)
    found = await ask.once("who", who, http, prepared, tokens.answer, session, returns=Who, again=True)
    return granted(prepared, tokens, session, found)


def checked(prepared: Prepared, answer: RedirectAnswer) -> Secret:
    """The code, once it is certain that the answer is the server's. Raises before anything is sent anywhere."""
    expected = prepared.request.issuer
    if answer.issuer is not None and expected is not None and answer.issuer != expected:
        raise WrongIssuer
    if answer.issuer is None and prepared.returns_issuer:
        raise WrongIssuer
    if answer.error:
        raise refused_at_the_ehr(answer.error)
    if not answer.code:
        raise Declined
    return answer.code


def refused_at_the_ehr(error: str) -> Refusal:
    """What the authorization endpoint's error means (RFC 6749 §4.1.2.1)."""
    if error in LATER:
        return EhrDown()
    return Unsupported(reason="registration_refused", error=error) if error in REGISTRATION else Declined()


async def exchange(http: Http, registrations: NoRegistrations, prepared: Prepared, code: Secret) -> Exchanged:
    """The tokens for a code, by the registration with which the browser left, at the endpoint that was read then."""
    app = await registered(registrations, prepared.address)
    if app.id != prepared.registration or app.client_id != prepared.client_id:
        raise SessionEnded
    request = prepared.request
    try:
        answer = await exchanged(http, request.token_endpoint, app, code=code.reveal(), verifier=request.verifier)
    except OAuthError as error:
        raise refused_at_the_token_endpoint(error) from None
    return Exchanged(answer=answer, at=datetime.now(UTC))


def refused_at_the_token_endpoint(error: OAuthError) -> Exception:
    """RFC 6749 §5.2."""
    if error.is_over:
        return SessionEnded()
    if error.code in REGISTRATION:
        return Unsupported(reason="registration_refused", error=error.code)
    return EhrDown() if error.code in LATER else error


def session_of(prepared: Prepared, answer: TokenAnswer) -> Session:
    scope = " ".join(prepared.asked) if answer.scope is None else answer.scope
    return Session(
        address=prepared.address,
        vendor=prepared.vendor,
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        token_endpoint=prepared.request.token_endpoint,
        revocation_endpoint=prepared.revocation_endpoint,
        scope=scope,
        statement=prepared.statement,
        # In an EHR launch this is the patient whose chart is open, and not the one that the account is about.
        patient=None if prepared.launched else answer.patient,
        context=prepared.context | claimed(answer.access_token, named(prepared.vendor).claims) | answer.context,
        schedules=prepared.schedules,
    )


def granted(prepared: Prepared, tokens: Exchanged, session: Session, found: Who) -> Grant:
    kind, _, ehr_id = (found.fhir_user or "").partition("/")
    # Some name no patient to an app that started by itself: a patient who signs in is the one.
    patient = session.patient or (ehr_id if kind == "Patient" else None)
    session = msgspec.structs.replace(session, user=found.fhir_user, patient=patient)
    return Grant(
        user=found.user,
        session=stored(session),
        known={"lacks": list(session.granted.lacks(prepared.asked))},
        expires_at=expires_at(tokens.answer, tokens.at, renewable=tokens.answer.refresh_token is not None),
        offers=capabilities.offers(session.statement, session.granted, named(session.vendor)),
    )
