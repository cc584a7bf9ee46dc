"""The registration doctor: eight steps from the address to what can be written. Names the one that fails, and the cure.

Until step 3, nobody has to sign in. A step that fails before there are tokens ends the examination.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias

from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.net.http import Http, HttpError
from cobalt_link.oauth.authorization import authorization_request
from cobalt_link.registrations.doctor import signed_in
from cobalt_link.registrations.doctor.discovery import Server, look
from cobalt_link.registrations.doctor.findings import Examined, Finding, fail, skip
from cobalt_link.registrations.doctor.probes import Probes
from cobalt_link.registrations.registration import Registration
from cobalt_link.registrations.registrations import Registrations
from cobalt_link.registrations.scopes import IDENTITY, data_scopes, published, version_of
from cobalt_link.registrations.vendors import guide_of

# Sends a person to an address, to which a `state` is added, and gives what the EHR sends back. None: nobody came back.
Visit: TypeAlias = Callable[[str], Awaitable[RedirectAnswer | None]]


class RegistrationDoctor:
    """Its questions harm nothing: it reads, and ends the tokens that it got."""

    def __init__(self, http: Http, registrations: Registrations) -> None:
        self._http = http
        self._registrations = registrations

    async def examine(self, found: Registration, address: str, visit: Visit | None) -> AsyncGenerator[Finding]:
        """The findings, one after the other. Without `visit`, nobody signs in, and steps 4 to 7 are left out."""
        case = self._case(found, address)
        server, finding = await look(self._http, case)
        yield finding
        if server is None:
            return
        step = 2
        try:
            asked = asked_for(case, server)
            for finding in await Probes(self._http, self._registrations, case, server, asked).findings():
                yield finding
                if finding.state == "fail":
                    return
            step = 4
            async for finding in self._with_a_sign_in(case, server, asked, visit):
                step = min(finding.step + 1, 8)
                yield finding
        except HttpError as problem:
            yield fail(case, step, str(problem), "Try again in a moment.")

    async def _with_a_sign_in(
        self, case: Examined, server: Server, asked: tuple[str, ...], visit: Visit | None
    ) -> AsyncGenerator[Finding]:
        if visit is None:
            for step in (4, 5, 6, 7):
                yield skip(step, "It takes a sign-in.")
            yield signed_in.writes(case, server.offer, None)
            return
        request = authorization_request(server.smart, case.app, scopes=asked, audience=case.audience)
        tokens = await signed_in.exchange(self._http, case, request, await visit(request.url), asked)
        if isinstance(tokens, Finding):
            yield tokens
            return
        try:
            yield signed_in.scopes(case, tokens.granted, asked)
            yield signed_in.refresh_token(case, tokens)
            tokens, finding = await signed_in.refresh(self._http, case, server, tokens)
            yield finding
            yield await signed_in.first_read(self._http, case, server.offer, tokens)
            yield signed_in.writes(case, server.offer, tokens.granted)
        finally:
            await signed_in.end(self._http, case, server, tokens)

    def _case(self, found: Registration, address: str) -> Examined:
        app = self._registrations.app(found, address)
        return Examined(
            found=found, guide=guide_of(found.vendor), app=app, jwks_url=self._registrations.urls.jwks(found.id)
        )


def asked_for(case: Examined, server: Server) -> tuple[str, ...]:
    """What the operator wants to ask for, else what the API needs and this server has."""
    if case.found.scopes:
        return case.found.scopes
    version = case.guide.scopes or version_of(server.smart)
    return (*IDENTITY, *published(data_scopes(case.guide.offers, version), server.smart))
