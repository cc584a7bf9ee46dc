"""What is accepted can be used: hostile ids and addresses are created, read, updated, and used, or refused at once."""

from __future__ import annotations

import re
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.developers import addresses
from cobalt_link.developers.addresses import AddressProblem
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.kit import tokens
from cobalt_link.link.pages import texts
from cobalt_link.link.pages.headers import can_follow_a_form, page_headers
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault.master_key import open_vault
from tests.accounts.world import issued
from tests.support.proof import HOSTILE_IDS

IDS = [
    "a/b", "/", "//", "a//b", "/a", "a/", "a/../b", "../x", "x/..", "./a", ".", "..", "...", ".a", "a.", "%", "%2F",
    "%2f..", "a%2Fb", "%25", "%00", "a?b", "a#b", "a&b=c", "a;b", "a:b", "a@b", "a\\b", "\\", "a b", " a", "a ",
    " ", "+", "a+b", "~", "ünïcode", "e\u0301", "\u00e9", "診療所", "кли́ника", "🏥", "👩‍⚕️", "ﷺ", "İ", "ß",
    "\u200b", "a\u202eb", "a\u00a0b", "\u2028", "0", "-1", "null", "true", "[]", "{}", '"quoted"', "'",
    "' OR 1=1 --", "$(id)", "`id`", "<b>", "{org_id}", "{0}", "*", "orgs", "v1", "rotate-token", "0" * 32,
    "x" * 200, "x" * 201, "ü" * 200, "two\nlines", "a\tb", "a\x7fb", "\x1b[31m", "--json", "-x", "CON", "a|b",
    "a,b", "a=b", "!", "(a)", "^", "__proto__", "constructor",
]  # fmt: skip
ALPHABET = "ab/\\.%?#&=+ :;@'\"<>{}[]|~`^*()-_,0é診🏥\u0301\u200b\u202e\u00a0"

CALLBACKS = [
    "https://app.example.com", "https://app.example.com/", "https://app.example.com?",
    "https://app.example.com/a?b=c&d", "https://app.example.com:8443/a", "http://localhost:3000/cb",
    "http://127.0.0.1:3000/cb", "http://[::1]:3000/cb", "https://[2001:db8::1]/cb", "https://[2001:db8:0::1]/cb",
    "https://[1:2]/cb", "https://[::1", "https://xn--bcher-kva.example/cb", "https://bücher.example/cb",
    "https://1.2.3.4.5/cb", "http://127.1/cb", "https://a..b/cb", "https://a_b.example/cb",
    "https://app.example.com/%C3%BC", "https://app.example.com/a;b,c(d)'e'", "https://app.example.com/?token=mine",
    "https://app.example.com/a/../b", "https://user@app.example.com/", "https://*.example.com/",
    "https://app.example.com/#x", "myapp://linked", "myapp://", "myapp:///linked", "myapp://linked/a?b=c",
    "com.example.app://oauth", "app+x.y-z://cb", "myapp:linked", "myapp:/linked", "MyApp://linked",
    "myapp://user@linked", "myapp://[::1]/x", "myapp://linked#x", "1app://x",
    "javascript://app.example.com/%0aalert(1)", "data://x", "file:///etc/passwd", "web+acme://x", "intent://x",
    "ms-word://x", "vbscript://x", "blob://x", "chrome-extension://abc/x", "mailto://x", "https:app.example.com",
    "//app.example.com", "", "x",
]  # fmt: skip
ORIGINS = [
    "https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "http://127.0.0.1:3000",
    "http://[::1]:3000", "https://[2001:db8::1]", "https://xn--bcher-kva.example", "https://1.2.3.4.5",
    "https://a..b", "https://a_b.example", "https://app.example.com/", "https://bücher.example", "myapp://linked",
    "null", "*", "https://*.a.b", "https://app.example.com:443", "http://app.example.com",
    "https://app.example.com; script-src *", "capacitor://localhost",
]  # fmt: skip
EHRS = [
    "his.example.org", "https://his.example.org/gnu/", "HIS.Example.ORG:8443", "https://his.example.org:443",
    "bücher.example", "https://[2001:4860:4860::8888]", "https://[2001:4860:4860::8888]:8443/x", "[::1]",
    "https://[1:2]", "https://[::1", "127.0.0.1:8000", "http://127.0.0.1:8000", "10.0.0.5",
    "http://10.0.0.5:8000/gnu", "169.254.169.254", "100.100.100.200", "https://0.0.0.0", "https://224.0.0.1",
    "http://his.example.org", "his.example.org/a/../b", "his.example.org/%2e%2e/b", "ftp://his.example.org",
    "https://a:b@his.example.org", "his.example.org?x", "his.example.org#x", "a b", "his..org", "127.1", "0x7f.1",
    "2130706433", "his.example.org:0", "his.example.org:99999", "https://", "", " ", "his.example.org\\x",
    "ｈis.example",
]  # fmt: skip
HOST_SOURCE = re.compile(r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d+)?")  # CSP Level 3, source lists
SCHEME_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Caller:
    """A test client of the whole app, over TCP."""

    def __init__(self, house: app.House, http: httpx2.AsyncClient, client: Client, headers: dict[str, str]) -> None:
        self.house, self.http, self.client, self.headers = house, http, client, headers

    async def __call__(self, method: str, path: str, sent: Any = None, **query: Any) -> tuple[int, Any]:
        answer = await self.http.request(method, path, headers=self.headers, json=sent, params=query or None)
        return answer.status_code, answer.json()

    async def linked(self, org_id: str, user_id: str) -> tuple[str, str]:
        """An account's id and its access token, as Link and the exchange make them."""
        house, vault = self.house, open_vault(self.house.settings)
        org = await house.developers.orgs.known(self.client.id, org_id)
        assert org is not None
        table = AccountTable(house.db, vault, DataKeys(house.db, vault), house.deps.clock)
        async with house.db.transaction() as tx:
            account = await table.keep(
                tx, client=self.client.id, org=org.id, org_id=org.org_id, user_id=user_id, connector="sandbox",
                instance=EhrInstance(address="http://127.0.0.1:9"), answers={},
                grant=Grant(user=EhrUser(id="1", username="ann"), session={}),
            )  # fmt: skip
        token = tokens.mint(tokens.ACCESS, tokens.TEST)
        await issued(house.db, AccessTokens(house.db, vault, house.deps.clock), account.id, self.client.id, token)
        return account.id, token


@pytest.fixture
async def call(house: app.House, full_app_url: str) -> Any:
    clients = Clients(house.db, open_vault(house.settings), house.deps.clock)
    client, secret = await clients.create("Acme Scribe", test=True)
    async with httpx2.AsyncClient(base_url=full_app_url, timeout=30.0) as http:
        yield Caller(house, http, client, {"client_id": client.client_id, "client_secret": secret})


async def test_every_id_of_an_org_and_a_user_that_is_accepted_can_be_used(call: Caller) -> None:
    accepted = [each for number, each in enumerate(_ids()) if await _round_trip(call, each, f"place {number}")]
    assert {"a/b", "a/../b", "ünïcode", "🏥", "a%2Fb", "...", '"quoted"', "{org_id}"} <= set(accepted)
    assert not {".", "..", "two\nlines", "x" * 201, "\x1b[31m"} & set(accepted)
    _, listed = await call("GET", "/v1/orgs", page_size=500)
    assert sorted(each["org_id"] for each in listed["orgs"]) == sorted(accepted)


async def _round_trip(call: Caller, each: str, place: str) -> bool:
    """Whether the id was accepted, and then whether everything works with it."""
    path = f"/v1/orgs/{quote(each, safe='')}"
    status, made = await call("POST", "/link/token/create", {"org_id": each, "user_id": each, "emr_name": "sandbox"})
    if status != 200:
        assert (status, made["error"]) in ((400, "invalid_request"), (400, "missing_field")), (each, made)
        # An HTTP client takes dots alone out of a path, which is why they are refused.
        assert each.strip(".") == "" or (await call("GET", path))[0] == 404
        return False
    for shown in (await call("GET", path), await call("PATCH", path, {"place": place}), await call("GET", path)):
        assert (shown[0], shown[1]["org"]["org_id"]) == (200, each), (each, shown)
    assert shown[1]["org"]["place"] == place, each
    assert (await call("GET", path + "/"))[1] == shown[1]
    # Used: the link token opens, the account is found by both ids, and its label is the user_id.
    assert (await call.http.get("/", params={"token": made["token"]})).status_code == 303
    account, access_token = await call.linked(each, each)
    for asked in ({"org_id": each}, {"user_id": each}, {"org_id": each, "user_id": each}):
        found = (await call("GET", "/v1/accounts", **asked))[1]["accounts"]
        assert [(one["id"], one["org_id"], one["user_id"]) for one in found] == [(account, each, each)], (each, asked)
        assert found[0]["access_token_reference_ids"] == [each]
    repair = {"access_token": access_token, "user_id": each, "org_id": each}
    assert (await call("POST", "/link/token/create", repair))[0] == 200, each
    assert (await call("DELETE", f"/v1/accounts/{account}"))[0] == 200
    return True


def _ids() -> list[str]:
    chance = Random(3)
    made = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 12))) for _ in range(HOSTILE_IDS.times)]
    return list(dict.fromkeys([*IDS, *made]))


async def test_two_spellings_are_two_ids(call: Caller) -> None:
    for pair in (("a/b", "a%2Fb"), ("\u00e9", "e\u0301"), ("A", "a"), ("a", "a ")):
        for each in pair:
            await call("POST", "/link/token/create", {"org_id": each, "user_id": "u"})
        shown = [(await call("GET", f"/v1/orgs/{quote(each, safe='')}"))[1]["org"] for each in pair]
        assert shown[0]["id"] != shown[1]["id"] and [each["org_id"] for each in shown] == [*pair]


async def test_every_callback_and_origin_that_is_accepted_can_be_used(call: Caller) -> None:
    clients = call.house.developers.clients
    kinds = {"callback_urls": CALLBACKS, "origins": ORIGINS}
    accepted: dict[str, list[str]] = {"callback_urls": [], "origins": []}
    for kind, written in kinds.items():
        for text in written:
            try:
                given: dict[str, Any] = {kind: [text]}
                client, _ = await clients.create(f"App {len(text)}", test=True, **given)
            except AddressProblem:
                continue
            assert getattr(client, kind) == getattr(await clients.find(client.client_id), kind) == (text,)
            both = [text, "https://other.example"]
            assert getattr(await clients.update(client, **{kind: both}), kind) == tuple(both)
            accepted[kind].append(text)
    client, secret = await clients.create("All of them", test=True, callback_urls=accepted["callback_urls"])
    app = Caller(call.house, call.http, client, {"client_id": client.client_id, "client_secret": secret})
    for text in accepted["callback_urls"]:
        wanted = {"org_id": "riverside", "user_id": "u", "callback_url": text}
        status, made = await app("POST", "/link/token/create", wanted)
        assert status == 200, (text, made)
        policy = _policy(form_targets=[text])
        assert policy["form-action"][0] == "'self'" and all(map(_is_source, policy["form-action"][1:])), text
        assert len(policy["form-action"]) == (2 if can_follow_a_form(text) else 1)
    for text in accepted["origins"]:
        assert HOST_SOURCE.fullmatch(text)
        assert _policy(frame_ancestors=[text])["frame-ancestors"] == [text]
    used = {*accepted["callback_urls"]}
    assert {"myapp://linked", "com.example.app://oauth", "http://[::1]:3000/cb", "https://[2001:db8::1]/cb"} <= used
    assert not {each for each in used if urlsplit(each).scheme in ("javascript", "data", "file", "web+acme", "intent")}
    assert not {each for each in accepted["origins"] if "[" in each}


def _policy(**given: list[str]) -> dict[str, list[str]]:
    header = page_headers(https=True, **given)["Content-Security-Policy"]  # type: ignore[arg-type]
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


def _is_source(text: str) -> bool:
    return bool(HOST_SOURCE.fullmatch(text) or SCHEME_SOURCE.fullmatch(text))


@pytest.mark.parametrize("private", [True, False])
def test_every_ehr_address_that_is_accepted_has_one_spelling_that_is_accepted(private: bool) -> None:
    accepted = {}
    for text in EHRS:
        try:
            spelled = addresses.ehr_address(text)
            addresses.check_reachable(spelled, private=private)
        except AddressProblem:
            continue
        assert addresses.ehr_address(spelled) == spelled
        accepted[text] = spelled
    assert {"his.example.org", "https://[2001:4860:4860::8888]:8443/x", "bücher.example"} <= accepted.keys()
    assert not {"169.254.169.254", "100.100.100.200", "https://0.0.0.0", "https://224.0.0.1"} & accepted.keys()
    local = {"127.0.0.1:8000", "http://10.0.0.5:8000/gnu", "10.0.0.5"}
    assert (local <= accepted.keys()) is private


async def test_the_domains_of_an_org_never_leave_out_its_own_ehr(call: Caller) -> None:
    create = {"org_id": "a/b", "user_id": "u", "emr_name": "sandbox", "emr_instance_domain": "his.example.org"}
    assert (await call("POST", "/link/token/create", create))[0] == 200
    path = "/v1/orgs/a%2Fb"
    inside = [["*.example.org"], ["his.example.org"], ["other.example", "his.example.org"], [], None]
    for domains in inside:
        assert (await call("PATCH", path, {"allowed_ehr_domains": domains}))[0] == 200, domains
    for change in (
        {"allowed_ehr_domains": ["other.example"]},
        {"allowed_ehr_domains": ["*.his.example.org"]},
        {"allowed_ehr_domains": ["*.example.org"], "emr_instance_domain": "his.example.com"},
    ):
        status, said = await call("PATCH", path, change)
        assert (status, said["error"]) == (400, "invalid_request") and "allowed_ehr_domains" in said["message"], change
    both = {"allowed_ehr_domains": ["*.example.com"], "emr_instance_domain": "his.example.com"}
    assert (await call("PATCH", path, both))[0] == 200
    assert (await call("PATCH", path, {"emr_instance_domain": "his.example.org"}))[0] == 400
    # An org whose EHR nobody named yet: the first who names one keeps to the domains.
    assert (await call("POST", "/link/token/create", {"org_id": "open", "user_id": "u"}))[0] == 200
    assert (await call("PATCH", "/v1/orgs/open", {"allowed_ehr_domains": ["*.example.org"]}))[0] == 200
    named = {"org_id": "open", "user_id": "u", "emr_name": "sandbox", "emr_instance_domain": "his.example.com"}
    status, said = await call("POST", "/link/token/create", named)
    assert (status, said["error"]) == (400, "invalid_request") and "allowed_ehr_domains" in said["message"]
    assert (await call("GET", "/v1/orgs/open"))[1]["org"]["emr_instance_domain"] is None
    assert (await call("POST", "/link/token/create", named | {"emr_instance_domain": "his.example.org"}))[0] == 200


LANGUAGE_TAGS = ["es", "ES", "es-MX", "es_MX", "en-US", "fr", "zh-Hant-TW", " es ", "sl-rozaj-1994"]
NO_LANGUAGE_TAGS = [
    "not a locale!!",
    "x",
    "es-",
    "-es",
    "es--MX",
    "es-MX!",
    "español",
    "../es",
    "toolonglanguage",
    "\u202ees",
]


async def test_a_language_tag_is_accepted_and_chooses_the_language_of_the_pages(call: Caller) -> None:
    wanted = {"org_id": "riverside", "user_id": "u", "emr_name": "sandbox"}
    for number, locale in enumerate(LANGUAGE_TAGS, 1):
        assert (await call("POST", "/link/token/create", wanted | {"locale": locale}))[0] == 200
        rows = await call.house.db.rows("SELECT locale FROM link_tokens ORDER BY created_at DESC")
        assert len(rows) == number
        expected = "es" if locale.strip().lower().startswith("es") else "en"
        assert texts.choose("fr", rows[0]["locale"]) == expected


async def test_what_is_no_language_tag_is_refused(call: Caller) -> None:
    for locale in NO_LANGUAGE_TAGS:
        wanted = {"org_id": "riverside", "user_id": "u", "emr_name": "sandbox", "locale": locale}
        status, said = await call("POST", "/link/token/create", wanted)
        assert (status, said["error"]) == (400, "invalid_request") and "locale" in said["message"]
