"""JsonApi against a real server on the loopback: what goes out, what each answer means, and every way of paging."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from cobalt_link.connector import (
    BrokenAnswer,
    Created,
    CursorPages,
    EhrBusy,
    EhrDown,
    EhrInstance,
    Http,
    JsonApi,
    JsonClient,
    LinkedPages,
    Locked,
    NoRights,
    NotThisAddress,
    NotUnderstood,
    NumberedPages,
    OffsetPages,
    Pages,
    RecordNotFound,
    SessionEnded,
    WrongCredentials,
    multipart,
    retry_after,
)
from cobalt_link.connector.instance import OtherHost
from cobalt_link.connector.pages import MOST_PAGES, PageRequest, TooManyPages
from cobalt_link.signin.translate import as_refusal
from tests.net.wires import Wire, listening, plain

ERRORS = {
    "wrong": WrongCredentials,
    "locked": lambda said: Locked(seconds=said["unlocks_in"]),
    423: lambda said: Locked(),
}
API = JsonApi(base="/api/v1", errors=ERRORS)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http(allow_private=True, timeout=5.0)
    yield http
    await http.close()


def client(http: Http, wire: Wire, api: JsonApi = API, token: str | None = None, path: str = "") -> JsonClient:
    return api.at(http, EhrInstance(address=wire.url + path), token)


def said(value: Any, status: str = "200 OK", **headers: str) -> bytes:
    return plain(json.dumps(value).encode(), status, Content_Type="application/json", **headers)


def line(request: bytes) -> str:
    return request.split(b"\r\n")[0].decode().removesuffix(" HTTP/1.1")


def header(request: bytes, name: str) -> str | None:
    lines = (each.decode().partition(": ") for each in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    return next((value for key, _, value in lines if key.lower() == name.lower()), None)


# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_paths_stand_below_the_base_and_the_address(http: Http) -> None:
    async with listening(said({"id": 7})) as ehr:
        assert await client(http, ehr, path="/north").get("/patients/7") == {"id": 7}
        await client(http, ehr, api=JsonApi()).post("login", {"user": "ann"})
    assert [line(each) for each in ehr.heard] == ["GET /north/api/v1/patients/7", "POST /login"]
    assert ehr.heard[1].endswith(b'{"user":"ann"}')


async def test_a_query_may_hold_days_truths_and_repeated_keys(http: Http) -> None:
    query = {"day": date(2026, 3, 4), "active": True, "old": False, "n": 5, "none": None, "state": ["a", "b", None]}
    async with listening(said([])) as ehr:
        await client(http, ehr).get("/appointments", query)
    assert parse_qsl(urlsplit(line(ehr.heard[0]).split(" ")[1]).query) == [
        ("day", "2026-03-04"), ("active", "true"), ("old", "false"), ("n", "5"), ("state", "a"), ("state", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("api", "name", "value"),
    [
        (JsonApi(), "authorization", "Bearer t0k"),
        (JsonApi(token_prefix="Token "), "authorization", "Token t0k"),
        (JsonApi(token_header="X-Session", token_prefix=""), "x-session", "t0k"),
    ],
)
async def test_the_token_goes_where_the_ehr_wants_it_and_only_if_there_is_one(
    http: Http, api: JsonApi, name: str, value: str
) -> None:
    async with listening(said({})) as ehr:
        await client(http, ehr, api, token="t0k").get("/me")
        await client(http, ehr, api, token="t0k").signed_in(None).get("/me")
        await client(http, ehr, api).signed_in("t0k").get("/me")
    assert [header(each, name) for each in ehr.heard] == [value, None, value]


async def test_headers_of_the_api_go_with_every_request(http: Http) -> None:
    async with listening(said({})) as ehr:
        await client(http, ehr, JsonApi(headers={"X-Api-Version": "3"})).get("/me")
    assert (header(ehr.heard[0], "x-api-version"), header(ehr.heard[0], "accept")) == ("3", "application/json")


# ── what each answer means ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("body", "found"), [(b"", None), (b" \n", None), (b"[1]", [1]), (b"null", None)])
async def test_a_success_is_its_json_and_an_empty_one_nothing(http: Http, body: bytes, found: Any) -> None:
    async with listening(plain(body)) as ehr:
        assert await client(http, ehr).get("/x") == found


@pytest.mark.parametrize(
    ("status", "body", "kind", "details"),
    [
        ("401 No", {"error": "wrong"}, WrongCredentials, {}),
        ("400 No", {"error": "locked", "unlocks_in": 600}, Locked, {"minutes": 10}),
        ("423 Locked", {"error": "unheard"}, Locked, {}),
        ("401 No", {"error": "unheard"}, SessionEnded, {}),
        ("401 No", None, SessionEnded, {}),
        ("403 No", ["no"], NoRights, {}),
        ("404 No", {"error": {"deep": 1}}, RecordNotFound, {}),
        ("429 Slow", {}, EhrBusy, {}),
        ("500 Oh", {}, EhrDown, {}),
        ("503 Oh", {}, EhrDown, {}),
        ("400 No", {"error": "unheard"}, NotUnderstood, {}),
        ("302 Elsewhere", {}, NotUnderstood, {}),
    ],
)
async def test_an_error_is_what_the_table_says_and_else_what_http_says(
    http: Http, status: str, body: Any, kind: type[Exception], details: dict[str, Any]
) -> None:
    async with listening(said(body, status)) as ehr:
        with pytest.raises(kind) as no:
            await client(http, ehr).get("/x")
    assert type(no.value) is kind and getattr(no.value, "details", {}) == details


async def test_an_error_page_of_a_proxy_is_read_by_its_status(http: Http) -> None:
    async with listening(plain(b"<html>Bad gateway</html>", "502 Bad Gateway")) as ehr:
        with pytest.raises(EhrDown):
            await client(http, ehr).get("/x")


async def test_a_call_may_have_meanings_of_its_own_before_those_of_the_api(http: Http) -> None:
    async with listening(said({"error": "wrong"}, "401 No")) as ehr:
        for errors, kind in (({"wrong": SessionEnded}, SessionEnded), ({401: NoRights}, NoRights)):
            with pytest.raises(kind):
                await client(http, ehr).post("/login", {}, errors=errors)
        with pytest.raises(WrongCredentials):
            await client(http, ehr).post("/login", {}, errors={418: NoRights})


async def test_the_code_may_stand_deep_in_the_body(http: Http) -> None:
    async with listening(said({"error": {"code": "wrong"}}, "400 No")) as ehr:
        with pytest.raises(WrongCredentials):
            await client(http, ehr, JsonApi(errors=ERRORS, code_at="error.code")).get("/x")


@pytest.mark.parametrize(("sent", "seconds"), [("7", 7), (" 120 ", 120), (None, None), ("soon", None), ("-3", None)])
async def test_a_busy_ehr_says_how_long(http: Http, sent: str | None, seconds: int | None) -> None:
    headers = {"Retry_After": sent} if sent else {}
    async with listening(said({}, "429 Slow", **headers)) as ehr:
        with pytest.raises(EhrBusy) as no:
            await client(http, ehr).get("/x")
    assert no.value.details.get("seconds") == seconds


def test_a_time_to_come_back_is_counted_in_seconds() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert 88 <= (retry_after(format_datetime(later, usegmt=True)) or 0) <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    # S-146: "-0000" is UTC, whatever zone this machine has.
    assert 88 <= (retry_after(format_datetime(later.replace(tzinfo=None))) or 0) <= 90
    for odd in ("²", "9" * 5000, "99999999", "-1", "1.5", "Fri, 31 Dec 9999 23:59:59 -1200", ""):
        assert retry_after(odd) is None, odd


async def test_find_gives_none_for_what_the_ehr_does_not_know(http: Http) -> None:
    async with listening(said({}, "404 No")) as ehr:
        assert await client(http, ehr).find("/patients/7") is None
    async with listening(said({"id": 7})) as ehr:
        assert await client(http, ehr).find("/patients/7") == {"id": 7}


async def test_what_nobody_understands_is_not_shown_to_anybody(http: Http) -> None:
    async with listening(said({"error": "patient Betz"}, "400 No")) as ehr:
        with pytest.raises(NotUnderstood) as no:
            await client(http, ehr).get("/x")
    assert as_refusal(no.value).details.keys() == {"reference"}


# ── recognizing ──────────────────────────────────────────────────────────────────────────────────────────────────────

OWN = {"product": "Larkspur", "build": {"major": 3}}


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (said({"error": "no_session"}, "401 No"), {"code": "no_session"}),
        (said(OWN), {"has": {"product": "Larkspur"}}),
        (said(OWN), {"has": {"build.major": 3}}),
        (said(OWN), {}),
    ],
)
async def test_the_ehr_is_recognized_by_its_own_words(http: Http, answer: bytes, asked: dict[str, Any]) -> None:
    async with listening(answer) as ehr:
        await client(http, ehr, token="t0k").ping("/me", **asked)
    assert line(ehr.heard[0]) == "GET /api/v1/me" and header(ehr.heard[0], "authorization") is None


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (said({"error": "other"}, "401 No"), {"code": "no_session"}),
        (said({"error": "no_session"}), {"code": "no_session"}),
        (said(OWN), {"has": {"product": "Other"}}),
        (said(OWN, "404 No"), {"has": {"product": "Larkspur"}}),
        (said(["Larkspur"]), {}),
        (said({}, "302 Elsewhere", Location="/me"), {}),
        (plain(b"<html>Welcome</html>"), {}),
        (b"SSH-2.0-OpenSSH_9.2\r\n", {}),
    ],
)
async def test_anything_else_is_not_this_address(http: Http, answer: bytes, asked: dict[str, Any]) -> None:
    async with listening(answer) as ehr:
        with pytest.raises(NotThisAddress) as no:
            await client(http, ehr).ping("/me", **asked)
    assert no.value.details == {"reason": "other_ehr"}


async def test_a_name_that_leads_nowhere_is_not_found() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        return []

    http = Http(allow_private=True, resolve=nobody)
    with pytest.raises(NotThisAddress) as no:
        await API.at(http, EhrInstance(address="https://nowhere.example")).ping("/me")
    assert no.value.details == {"reason": "not_found"}
    await http.close()


@pytest.mark.parametrize(("status", "kind"), [("503 Down", EhrDown), ("429 Slow", EhrBusy)])
async def test_a_server_in_trouble_does_not_say_what_it_is(http: Http, status: str, kind: type[Exception]) -> None:
    async with listening(plain(b"<html>", status)) as ehr:
        with pytest.raises(kind):
            await client(http, ehr).ping("/me", code="no_session")


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────

ALL = [{"id": n} for n in range(7)]
Answering = Callable[[dict[str, str], str], bytes]


async def every(http: Http, answer: Answering, pages: Pages, rows: str | None = "rows") -> tuple[list[Any], list[str]]:
    """All rows, and the requests that it took, from a server that answers a query and its own address."""
    wire: list[Wire] = []

    def say(request: bytes) -> bytes:
        return answer(dict(parse_qsl(urlsplit(line(request).split(" ")[1]).query)), wire[0].url)

    async with listening(say) as ehr:
        wire.append(ehr)
        found = [row async for row in client(http, ehr, token="t").rows("/list", rows, {"x": "1"}, pages=pages)]
    assert {header(each, "authorization") for each in ehr.heard} == {"Bearer t"}
    return found, [line(each).partition("/api/v1/list")[2] for each in ehr.heard]


async def test_a_list_that_comes_at_once(http: Http) -> None:
    found, sent = await every(http, lambda query, _: said(ALL), pages=OffsetPages(size=3), rows=None)
    assert found == ALL and len(sent) == 2  # the second page is the first one again, and ends the list
    async with listening(said(ALL)) as ehr:
        assert [row async for row in client(http, ehr).rows("/list")] == ALL
        assert line(ehr.heard[0]) == "GET /api/v1/list"


@pytest.mark.parametrize("cap", [3, 2])
@pytest.mark.parametrize("totals", [True, False])
async def test_pages_by_offset_whatever_the_ehr_gives_at_once(http: Http, cap: int, totals: bool) -> None:
    def answer(query: dict[str, str], _: str) -> bytes:
        start, size = int(query["skip"]), min(int(query["max"]), cap)
        return said({"rows": ALL[start:][:size]} | ({"count": 7} if totals else {}))

    found, sent = await every(http, answer, OffsetPages(offset="skip", limit="max", size=3, total="count"))
    assert found == ALL and len(sent) == -(-7 // cap) + (not totals)
    assert sent[:2] == ["?x=1&skip=0&max=3", f"?x=1&skip={cap}&max=3"]


@pytest.mark.parametrize("begin", [0, 1])
@pytest.mark.parametrize("after_the_last", ["nothing", "the last again"])
async def test_pages_by_number(http: Http, begin: int, after_the_last: str) -> None:
    def answer(query: dict[str, str], _: str) -> bytes:
        number = int(query["page"]) - begin
        return said({"rows": ALL[(number if after_the_last == "nothing" else min(number, 2)) * 3 :][:3]})

    found, sent = await every(http, answer, NumberedPages(size_name="per", size=3, begin=begin))
    assert found == ALL and sent == [f"?x=1&page={begin + n}&per=3" for n in range(4)]


async def test_pages_by_cursor(http: Http) -> None:
    def answer(query: dict[str, str], _: str) -> bytes:
        start = int(query.get("after", "0"))
        return said({"rows": ALL[start:][:3], "meta": {"next": str(start + 3) if start + 3 < 7 else None}})

    found, sent = await every(http, answer, CursorPages(cursor="after", next_at="meta.next"))
    assert found == ALL and sent == ["?x=1", "?x=1&after=3", "?x=1&after=6"]


@pytest.mark.parametrize("where", ["body", "body, relative", "header"])
async def test_pages_by_link(http: Http, where: str) -> None:
    def answer(query: dict[str, str], url: str) -> bytes:
        start = int(query.get("from", "0"))
        link = f"{'' if 'relative' in where else url}/api/v1/list?from={start + 3}" if start + 3 < 7 else None
        if where == "header":
            headers = {"Link": f'<{url}/x>; rel="first", <{link}>; title="a, b"; REL = "last next"'} if link else {}
            return said({"rows": ALL[start:][:3]}, **headers)
        return said({"rows": ALL[start:][:3], "next": link})

    found, sent = await every(http, answer, LinkedPages())
    assert found == ALL and sent == ["?x=1", "?from=3", "?from=6"]


@pytest.mark.parametrize("link", ["https://elsewhere.example/list", "//elsewhere.example/list", "http://127.0.0.1:1/"])
async def test_a_link_to_another_host_is_never_followed(http: Http, link: str) -> None:
    with pytest.raises(OtherHost):
        await every(http, lambda query, _: said({"rows": ALL, "next": link}), LinkedPages())


async def test_rows_come_before_the_last_page_is_asked_for(http: Http) -> None:
    async with listening(said({"rows": ALL, "total": 7000})) as ehr:
        async for row in client(http, ehr).rows("/list", "rows", pages=OffsetPages(size=7)):
            assert row == ALL[0] and len(ehr.heard) == 1
            break


def test_a_list_without_end_is_given_up() -> None:
    page = PageRequest(number=MOST_PAGES - 1)
    for pages in (OffsetPages(), NumberedPages(), CursorPages(), LinkedPages()):
        with pytest.raises(TooManyPages):
            pages.after(page, {"next_cursor": "c", "next": "/x"}, {}, 1, 1)


@pytest.mark.parametrize("body", [{"rows": {"id": 1}}, {"other": []}, [1], "text"])
async def test_a_page_without_its_rows_is_not_understood(http: Http, body: Any) -> None:
    async with listening(said(body)) as ehr:
        with pytest.raises((NotUnderstood, BrokenAnswer)):
            [row async for row in client(http, ehr).rows("/list", "rows")]


async def test_a_refusal_on_a_later_page_is_raised(http: Http) -> None:
    def answer(query: dict[str, str], _: str) -> bytes:
        return said({"rows": ALL[:3]}) if query["offset"] == "0" else said({}, "401 No")

    with pytest.raises(SessionEnded):
        await every(http, answer, OffsetPages(size=3))


# ── what is new ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "created"),
    [
        (plain(b"", "201 Created", Location="/api/v1/patients/p%207"), Created(None, "/api/v1/patients/p%207")),
        (said({"id": 7}, "201 Created"), Created({"id": 7}, None)),
    ],
)
async def test_a_new_record_may_be_named_by_its_address_alone(http: Http, answer: bytes, created: Created) -> None:
    async with listening(answer) as ehr:
        assert await client(http, ehr).create("/patients", {"a": 1}) == created
    assert [line(each) for each in ehr.heard] == ["POST /api/v1/patients"]


async def test_a_form_carries_its_file_unchanged_and_nothing_can_break_out_of_it(http: Http) -> None:
    file = b'\r\n--x\r\nContent-Disposition: form-data; name="folder"\r\n\r\nother\x00\xff'
    form = multipart(
        {"folder": "Lab\r\n--é", "na\"me": ""}, name="file", filename='a"b\r\nX-Evil: 1.pdf',
        media_type="text/plain\r\nX-Evil: 1", content=file,
    )  # fmt: skip
    async with listening(said({"id": 7}, "201 Created")) as ehr:
        await client(http, ehr, token="t0k").create("/documents", content=form)
    [request] = ehr.heard
    assert header(request, "content-type") == form.media_type and header(request, "authorization") == "Bearer t0k"
    parsed = message_from_bytes(f"Content-Type: {form.media_type}\r\n\r\n".encode() + form.body, policy=HTTP)
    parts: list[Any] = list(parsed.iter_parts())
    names = [each.get_param("name", header="content-disposition") for each in parts]
    assert names == ["folder", "na%22me", "file"]
    assert [each.get_filename() for each in parts] == [None, None, "a%22b%0D%0AX-Evil: 1.pdf"]
    assert parts[2].get_content_type() == "application/octet-stream"
    assert form.body.count(file) == 1


async def test_bytes_come_as_they_are(http: Http) -> None:
    async with listening(plain(b"%PDF\xff")) as ehr:
        answer = await client(http, ehr).download("/documents/7/content")
    assert answer and answer.body == b"%PDF\xff"
    async with listening(said({}, "404 Not Found")) as ehr:
        assert await client(http, ehr).download("/documents/8/content") is None
    async with listening(said({}, "403 Forbidden")) as ehr:
        with pytest.raises(NoRights):
            await client(http, ehr).download("/documents/9/content")
