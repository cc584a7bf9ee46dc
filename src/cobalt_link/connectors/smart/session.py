"""What a grant of a SMART EHR keeps: the tokens, where they are renewed, what the server offers. It rests sealed."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import msgspec

from cobalt_link.connector import Chart, GrantedScopes, Renewed, SessionEnded, TokenAnswer
from cobalt_link.connectors.smart.statement import Statement

EARLIEST, LATEST = 0.10, 0.20  # of a token's life before its end, when it is renewed
MOST_CLAIM = 200  # characters
MOST_EARLY = 120.0  # seconds
_random = SystemRandom()


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is the FHIR server's, without a slash at the end. `scope` is what was granted, at the last refresh.
    `user` is the FHIR address of who signed in, such as "Practitioner/123". `schedules` are those whose
    appointments are read where a server lists no day by itself. `vendor` is a key of vendors/."""

    address: str
    vendor: str
    access_token: str
    token_endpoint: str
    scope: str
    statement: Statement
    refresh_token: str | None = None
    revocation_endpoint: str | None = None
    user: str | None = None
    patient: str | None = None
    schedules: tuple[str, ...] = ()
    context: dict[str, str] = {}

    @property
    def granted(self) -> GrantedScopes:
        return GrantedScopes.of(self.scope)

    @property
    def practitioner(self) -> str | None:
        """The id of the clinician who signed in."""
        kind, _, ehr_id = (self.user or "").partition("/")
        return ehr_id if kind == "Practitioner" and ehr_id else None


def session_of(chart: Chart) -> Session:
    """Raises SessionEnded for one that an earlier version stored in another shape: it is renewed by a new sign-in."""
    try:
        return msgspec.convert(chart.session, Session)
    except msgspec.ValidationError:
        raise SessionEnded from None


def claimed(access_token: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """What an access token that is a JWT says of its context: `wanted` are texts with names of claims in braces. Nobody
    checks the signature: it goes back to the server that wrote it, as a parameter, and decides nothing here."""
    try:
        part = access_token.split(".")[1]
        claims = msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except (IndexError, ValueError, msgspec.DecodeError):
        return {}
    plain = {name: said for name, said in claims.items() if isinstance(said, str) and len(said) <= MOST_CLAIM}
    found = {}
    for name, text in wanted.items():
        with suppress(KeyError):
            found[name] = text.format_map(plain)
    return found


def stored(session: Session) -> dict[str, Any]:
    return msgspec.to_builtins(session)


def renewed(session: Session, answer: TokenAnswer, now: datetime) -> Renewed:
    """The session after a refresh. An answer without a refresh token means to keep the one that there is, and an answer
    without a scope that nothing changed (RFC 6749 §5.1 and §6)."""
    following = msgspec.structs.replace(
        session,
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or session.refresh_token,
        scope=session.scope if answer.scope is None else answer.scope,
        context=session.context | answer.context,
    )
    return Renewed(session=stored(following), expires_at=expires_at(answer, now))


def expires_at(answer: TokenAnswer, now: datetime, *, renewable: bool = True) -> datetime | None:
    """When to renew a token: early, so that no call meets one that has just ended, and not all accounts at once. None
    if the server does not say how long it lasts. One that cannot be renewed is used to its end."""
    if answer.expires_in is None:
        return None
    early = min(answer.expires_in * _random.uniform(EARLIEST, LATEST), MOST_EARLY * _random.uniform(0.5, 1.0))
    return now + timedelta(seconds=answer.expires_in - (early if renewable else 0.0))
