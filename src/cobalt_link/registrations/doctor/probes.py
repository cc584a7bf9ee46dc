"""Steps 2 and 3, before anybody signs in: whether the server knows the redirect address and the client.

The token endpoint is asked with a code that cannot exist. A server that knows the client says that the code is wrong,
and any other says that the client is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from secrets import token_urlsafe
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode, urlsplit

import msgspec

from cobalt_link.net.http import Http, HttpError, NotJson
from cobalt_link.oauth import pkce
from cobalt_link.oauth.authorization import authorization_request
from cobalt_link.oauth.errors import OAuthError
from cobalt_link.oauth.registration import AppRegistration, AuthMethod, Proof
from cobalt_link.oauth.tokens import exchanged
from cobalt_link.registrations.doctor.discovery import Server
from cobalt_link.registrations.doctor.findings import Examined, Finding, fail, ok, said, skip, warn
from cobalt_link.registrations.doctor.replies import Refused, refused
from cobalt_link.registrations.registration import RegisteredApp
from cobalt_link.registrations.registrations import Registrations
from cobalt_link.settings.values import is_loopback

Known: TypeAlias = Literal["yes", "no", "untold"]
NO_SUCH_CLIENT: Final = "cobalt-link-test-no-such-client"
UNKNOWN_CLIENT: Final = ("invalid_client", "unauthorized_client", "unknown-tenant")
MOST_SKEW: Final = 60  # seconds; assertions live for four minutes, and some servers allow no skew
OTHERS: Final[dict[AuthMethod, tuple[AuthMethod, ...]]] = {
    "client_secret_basic": ("client_secret_post", "none"),
    "client_secret_post": ("client_secret_basic", "none"),
    "private_key_jwt": ("none",),
    "none": (),
}
HOW: Final[dict[AuthMethod, str]] = {
    "client_secret_basic": "the secret as Basic authentication: --secret-in basic",
    "client_secret_post": "the secret in the form: --secret-in post",
    "private_key_jwt": "a signed assertion: --jwks",
    "none": "no proof, because it has the app as a public client. Make it confidential there, or use --public",
}


class Answered(msgspec.Struct, frozen=True):
    """Whether a token endpoint knows the client, and what it said."""

    known: Known
    text: str = ""


class Probes:
    """Asks one server for one case. `asked` are the scopes."""

    def __init__(
        self, http: Http, registrations: Registrations, case: Examined, server: Server, asked: tuple[str, ...]
    ) -> None:
        self._http = http
        self._registrations = registrations
        self._case = case
        self._server = server
        self._asked = asked

    async def findings(self) -> list[Finding]:
        """Step 2, and step 3. The last one says whether to go on."""
        case, client = self._case, await self._at_token_endpoint(self._case.app)
        page = await self._at_authorization_endpoint(case.app)
        about = await self._about(page, client) if page else None
        if about == "redirect" and page:
            return [self._wrong_redirect(page)]
        redirect = ok(2, f"{case.app.redirect_uri} is not refused.")
        if about == "client" or client.known == "no":
            text = client.text if client.known == "no" else page.text if page else ""
            return [skip(2, "A server says so only of a client that it knows."), await self._unknown_client(text)]
        if page and about == "scope":
            cure = "Enter all scopes of the guide at the vendor, and no other version of them."
            return [redirect, self._known(client), fail(case, 4, f"The server refuses the scopes: {page.text}.", cure)]
        if page:
            cure = "Compare the redirect address, the client id, and the kind of app with what the vendor shows."
            step = 3 if page.reached_app else 2
            return [
                *([redirect] if page.reached_app else []),
                fail(case, step, f"The server refuses: {page.text}.", cure),
            ]
        return [redirect, self._known(client)]

    def _known(self, client: Answered) -> Finding:
        method = self._case.found.method
        if client.known == "yes" and method == "none":
            return ok(3, f"The server knows the public client {self._case.app.client_id}.")
        if client.known == "yes":
            return ok(3, f"The server knows the client and takes its proof ({method}).")
        text = f"The server does not say before somebody signs in whether it knows the client ({client.text})."
        return warn(self._case, 3, text, "Go on: a sign-in shows it.")

    async def _at_token_endpoint(self, app: AppRegistration) -> Answered:
        endpoint = self._server.smart.token_endpoint
        try:
            await exchanged(self._http, endpoint, app, code=f"test-{token_urlsafe(16)}", verifier=pkce.new_verifier())
        except OAuthError as error:
            text = said(error.code, error.description)
            if error.code in UNKNOWN_CLIENT or error.status == 401:
                return Answered("no", text)
            return Answered("yes" if error.code == "invalid_grant" else "untold", text)
        return Answered("untold", "it gives tokens for a code that does not exist")

    async def _at_authorization_endpoint(self, app: AppRegistration) -> Refused | None:
        request = authorization_request(self._server.smart, app, scopes=self._asked, audience=self._case.audience)
        url = f"{request.url}&{urlencode({'state': token_urlsafe(32)})}"
        response = await self._http.request("GET", url, headers={"accept": "text/html"})
        return refused(response, url, app.redirect_uri)

    async def _about(self, page: Refused, client: Answered) -> str:
        """What a refusal is about: by its words, else by what the server answers to two requests that are wrong."""
        if page.about in ("redirect", "client", "scope", "down") and not (
            page.about == "client" and client.known == "yes"
        ):
            return page.about
        if page.reached_app:
            return page.about
        other_client = await self._at_authorization_endpoint(self._app(client_id=NO_SUCH_CLIENT))
        other_redirect = await self._at_authorization_endpoint(self._app(redirect_more="-not-registered"))
        same_as_client = other_client is not None and other_client.mark == page.mark
        same_as_redirect = other_redirect is not None and other_redirect.mark == page.mark
        if client.known == "no" or (same_as_client and client.known == "untold"):
            return "client"
        if same_as_redirect or client.known == "yes":
            return "redirect"
        return "unclear"

    def _app(self, *, client_id: str | None = None, redirect_more: str = "") -> RegisteredApp:
        """The app with a mistake."""
        case = self._case
        found = msgspec.structs.replace(case.found, client_id=client_id or case.found.client_id)
        return RegisteredApp(found, case.address, case.app.redirect_uri + redirect_more, case.app.prove)

    def _wrong_redirect(self, page: Refused) -> Finding:
        case = self._case
        cure = (
            f"Enter exactly this at the vendor, without a slash at its end: {case.app.redirect_uri} . If it is there,"
            " compare COBALT_PUBLIC_URL: scheme, host, and port count too."
        )
        return fail(case, 2, f"The server does not know the redirect address: {page.text}.", cure)

    async def _unknown_client(self, text: str) -> Finding:
        """Tries the other ways to prove a client, and looks at what the EHR sees of ours."""
        case = self._case
        for method in OTHERS[case.found.method]:
            proof = await self._registrations.proof_by(case.name, method, self._server.smart.token_endpoint)
            if proof is None:
                continue
            app = RegisteredApp(case.found, case.address, case.app.redirect_uri, partial(_given, proof))
            if (await self._at_token_endpoint(app)).known == "yes":
                cure = f"The server wants {HOW[method]} of `cobalt registrations update {case.name}`."
                return fail(case, 3, f"The server knows the client, but wants another proof: {text}.", cure)
        cure = await self._unlisted() or await self._cure()
        return fail(case, 3, f"The server does not know the client, or refuses its proof: {text}.", cure)

    async def _unlisted(self) -> str | None:
        """What the server lists, if ours is not in it. Only a hint: servers take what they do not list, too."""
        smart, method, name = self._server.smart, self._case.found.method, self._case.name
        if smart.auth_methods and method != "none" and method not in smart.auth_methods:
            return (
                f"The server lists {', '.join(smart.auth_methods)}, and not {method}. Choose one that it lists with"
                f" `cobalt registrations update {name}`, and enter the same at the vendor."
            )
        algorithm = await self._algorithm()
        if self._case.found.has_keys and smart.auth_algorithms and algorithm not in smart.auth_algorithms:
            return (
                f"The server lists {', '.join(smart.auth_algorithms)}, and not {algorithm}. Make another key:"
                f" `cobalt registrations rotate {name} --now --algorithm ALGORITHM`."
            )
        return None

    async def _cure(self) -> str:
        case = self._case
        check = f"Compare the client id with the vendor's page of the app; here it is {case.app.client_id}."
        if case.found.method == "none":
            return f"{check} If the vendor has the app as confidential, use --jwks or --client-secret-file."
        if case.found.has_secret:
            return (
                f"{check} Then copy the client secret again:"
                f" `cobalt registrations update {case.name} --client-secret-file FILE`."
            )
        return await self._key_trouble() or (
            f"{check} The key set at {case.jwks_url} is right: check that exactly this address is entered there, that"
            f" the EHR can reach it from the internet, and that it takes {await self._algorithm()}. Some EHRs read it"
            " only once a day. If the vendor gave the app a client secret instead, use --client-secret-file."
        )

    async def _algorithm(self) -> str:
        return next((each.algorithm for each in await self._registrations.keys(self._case.name)), "this algorithm")

    async def _key_trouble(self) -> str | None:
        """What keeps an EHR from verifying our signature, as far as it can be seen from here."""
        case, ours = self._case, {each.kid for each in await self._registrations.keys(self._case.name)}
        is_here = is_loopback(urlsplit(case.jwks_url).hostname)
        if is_here and not is_loopback(urlsplit(case.address).hostname):
            return (
                f"The EHR cannot read the keys at {case.jwks_url}, an address of this machine. Set COBALT_PUBLIC_URL."
            )
        try:
            response = await self._http.request("GET", case.jwks_url, headers={"accept": "application/json"})
            body = response.json() if response.status == 200 else {}
        except (HttpError, NotJson) as problem:
            return f"The keys cannot be read at {case.jwks_url}: {problem} Start `cobalt serve`, and check its proxy."
        keys = body.get("keys") if isinstance(body, dict) else None
        if not isinstance(keys, list) or not ours <= {each.get("kid") for each in keys if isinstance(each, dict)}:
            return (
                f"{case.jwks_url} does not have the keys of this registration: another server or an old copy answers"
                " there. Check COBALT_PUBLIC_URL and the proxy."
            )
        return await self._clock_trouble()

    async def _clock_trouble(self) -> str | None:
        response = await self._http.request("GET", f"{self._case.address}/metadata", skim=True)
        try:
            seconds = (datetime.now(UTC) - parsedate_to_datetime(response.headers["date"])).total_seconds()
        except (KeyError, ValueError, TypeError):
            return None
        if abs(seconds) <= MOST_SKEW:
            return None
        return f"The clock of this machine differs from the EHR's by {abs(seconds):.0f} seconds. Set it by NTP."


async def _given(proof: Proof, _endpoint: str) -> Proof:
    return proof
