"""Renews and ends the tokens of a grant. Who may renew, and that only one does, is decided in `accounts`."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cobalt_link.connector import (
    Chart,
    EhrDown,
    Http,
    LoginRequired,
    NoRegistrations,
    OAuthError,
    Renewed,
    refreshed,
    revoked,
)
from cobalt_link.connectors.smart import capabilities
from cobalt_link.connectors.smart.session import Session, renewed, session_of
from cobalt_link.connectors.smart.vendors import named


async def renew(http: Http, registrations: NoRegistrations, chart: Chart) -> Renewed:
    """New tokens. Raises LoginRequired if only the user can bring the grant back, and EhrDown if that is not known.

    A grant is gone for good only if the server says so: an app registration in disorder, or a server that answers
    nonsense, must not end the accounts of a whole hospital.
    """
    session = session_of(chart)
    if session.refresh_token is None:
        raise LoginRequired(reason="session_ended")
    app = await registrations.at(session.address)
    if app is None:
        raise EhrDown
    try:
        answer = await refreshed(http, session.token_endpoint, app, refresh_token=session.refresh_token)
    except OAuthError as error:
        raise (LoginRequired(reason="session_ended") if error.is_over else EhrDown()) from None
    following = renewed(session, answer, datetime.now(UTC))
    if answer.scope is None:
        return following
    # A refresh may narrow what is granted (RFC 6749 §6), and the API must say so.
    kept = msgspec.structs.replace(session, scope=answer.scope)
    offers = capabilities.offers(kept.statement, kept.granted, named(kept.vendor))
    return msgspec.structs.replace(following, offers=offers)


async def end(http: Http, registrations: NoRegistrations, chart: Chart) -> None:
    """Revokes the grant at the EHR (RFC 7009), if it has an endpoint for that."""
    session = session_of(chart)
    app = await registrations.at(session.address)
    if app is None or session.revocation_endpoint is None:
        return
    for token, hint in _tokens(session):
        await revoked(http, session.revocation_endpoint, app, token=token, hint=hint)


def _tokens(session: Session) -> list[tuple[str, str]]:
    """The refresh token first: with it most servers end the access token too."""
    refresh = [(session.refresh_token, "refresh_token")] if session.refresh_token else []
    return [*refresh, (session.access_token, "access_token")]
