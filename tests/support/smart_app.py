"""An app that a person links to the Sandbox EHR by SMART: it goes through the EHR's pages as a browser would."""

import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from html import unescape
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from httpx2 import AsyncClient, Response

CALLBACK = "https://app.example/callback"
SCOPES = "openid fhirUser profile offline_access user/*.rs"


class SmartApp:
    """`base` is the path of the FHIR server. The app proves itself by Basic if it has a secret."""

    def __init__(
        self, http: AsyncClient, base: str = "/fhir/r4", client_id: str = "app", secret: str = "s3cret&"
    ) -> None:
        self.http = http
        self.base = base
        self.client_id = client_id
        self.secret = secret
        self.verifier = token_urlsafe(48)

    @property
    def fhir(self) -> str:
        return f"{str(self.http.base_url).rstrip('/')}{self.base}"

    async def register(self, **change: Any) -> None:
        body = {"redirect_uris": [CALLBACK], "method": "client_secret_basic", "secret": self.secret, "name": "Test app"}
        response = await self.http.put(f"/api/_lab/apps/{self.client_id}", json=body | change)
        assert response.status_code == 200, response.text

    async def discovered(self) -> dict[str, Any]:
        response = await self.http.get(f"{self.base}/.well-known/smart-configuration")
        if response.status_code == 404:
            response = await self.http.get("/.well-known/smart-configuration")
        assert response.status_code == 200, response.text
        return response.json()

    def request(self, scope: str = SCOPES, **change: str) -> dict[str, str]:
        """The parameters of the authorization request. A value that is empty leaves the parameter out."""
        digest = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        whole = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "st-1",
            "nonce": "n-1",
            "aud": self.fhir,
            "code_challenge": digest,
            "code_challenge_method": "S256",
        } | change
        return {name: value for name, value in whole.items() if value}

    async def authorize(self, scope: str = SCOPES, **change: str) -> Response:
        """The first page, or the redirect back."""
        server = await self.discovered()
        return await self.http.get(f"{server['authorization_endpoint']}?{urlencode(self.request(scope, **change))}")

    async def consent(self, scope: str = SCOPES, username: str = "user_good", **change: str) -> Response:
        """The consent page, or the patient picker."""
        page = await self.authorize(scope, **change)
        assert page.status_code == 200, page.text
        return await self.submit(page, username=username, password="pass_good")

    async def submit(self, page: Response, *taken: str, **values: str) -> Response:
        """Send the first form of a page that has fields or buttons of these names, with what it holds already. `taken`
        are the scopes that stay ticked; without any, all do."""
        for action, inside in re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL):
            if all(f'name="{name}"' in inside for name in values):
                hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', inside)
                ticked = [
                    unescape(each) for each in re.findall(r'type="checkbox" name="scope" value="([^"]+)"', inside)
                ]
                pairs = [(name, unescape(value)) for name, value in hidden]
                pairs += [("scope", each) for each in ticked if not taken or each in taken]
                body = urlencode([*pairs, *values.items()])
                kind = {"content-type": "application/x-www-form-urlencoded"}
                return await self.http.post(unescape(action), content=body, headers=kind)
        raise AssertionError(f"no form with {values} in {page.text}")

    async def allowed(self, page: Response, *taken: str) -> dict[str, str]:
        """What the EHR sends the app after its consent page."""
        back = await self.submit(page, *taken, decision="allow")
        assert back.status_code == 303, back.text
        return query_of(back)

    async def post(self, endpoint: str, form: dict[str, str]) -> Response:
        """To the token endpoint or another one, with the app's proof."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
        proof = {"authorization": f"Basic {b64encode(pair.encode()).decode()}"} if self.secret else {}
        form = form if self.secret else form | {"client_id": self.client_id}
        return await self.http.post((await self.discovered())[endpoint], data=form, headers=proof)

    def exchange_form(self, code: str) -> dict[str, str]:
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return grant | {"code_verifier": self.verifier}

    async def tokens(self, scope: str = SCOPES, username: str = "user_good", **change: str) -> dict[str, Any]:
        """The whole link: the answer of the token endpoint."""
        said = await self.allowed(await self.consent(scope, username, **change))
        response = await self.post("token_endpoint", self.exchange_form(said["code"]))
        assert response.status_code == 200, response.text
        return response.json()

    async def refresh(self, refresh_token: str, **more: str) -> Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | more
        return await self.post("token_endpoint", form)

    async def get(self, path: str, token: str, query: Any = None, **headers: str) -> Response:
        """A FHIR read or search. `path` may be an absolute address, such as that of the next page."""
        url = path if "://" in path else f"{self.base}/{path}"
        sent = {"authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.get(url, params=query, headers=sent)

    async def read(self, path: str, token: str, query: Any = None) -> dict[str, Any]:
        response = await self.get(path, token, query)
        assert response.status_code == 200, response.text
        return response.json()


def query_of(response: Response) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


def resources(bundle: dict[str, Any], kind: str = "") -> list[dict[str, Any]]:
    """The resources of a Bundle, of one type or of all."""
    found = [entry["resource"] for entry in bundle.get("entry", [])]
    return [each for each in found if kind in ("", each["resourceType"])]
