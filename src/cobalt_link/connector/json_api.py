"""A JSON API over HTTP, described once: what each refusal of the EHR means, where its token goes, how it pages.

API = JsonApi(base="/api", errors={"locked": lambda said: Locked(seconds=said["unlocks_in"])})

api = API.at(self.http, instance)                                  # before there is a session
found = await api.post("/login", {"username": username, "password": password.reveal()})
api = API.at(self.http, chart.instance, chart.session["token"])    # in a read
async for row in api.rows("/patients", "patients", pages=OffsetPages(size=200)): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import msgspec

from cobalt_link.connector.forms import Content
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.models.documents import MOST_FILE
from cobalt_link.connector.pages import ONE_PAGE, Pages, at
from cobalt_link.connector.refusals import EhrBusy, EhrDown, NoRights, NotThisAddress, SessionEnded
from cobalt_link.net.http import BrokenAnswer, Http, HttpResponse, NoSuchName, TlsError

Meaning: TypeAlias = Callable[[], Exception] | Callable[[Any], Exception]
"""A refusal's class, or a function of the error's JSON body that makes a refusal."""
Errors: TypeAlias = Mapping[str, Meaning] | Mapping[int, Meaning] | Mapping[str | int, Meaning]
"""Meanings by the EHR's own error code ("locked") or by HTTP status (423). The code is looked up first."""
Query: TypeAlias = Mapping[str, Any]
"""Texts, numbers, days, true or false. A list is sent as a repeated key. None is left out."""


MOST_ROWS = 200_000  # of one list: an EHR that pages without an end must not be followed for ever
FILE_SECONDS = 60.0  # for one that is downloaded
TOO_MANY = 429
SERVER_ERROR = 500


_YEAR = 366 * 24 * 3600  # seconds


class RecordNotFound(Exception):
    """HTTP 404: the EHR does not know this record. `find` answers None instead."""


class NotUnderstood(Exception):
    """An answer that neither the table of errors nor HTTP explains. It ends as `Unexpected`, and is not shown."""


class JsonApi(msgspec.Struct, frozen=True, kw_only=True):
    """One EHR's API, as far as all its installations are alike.

    - `base` is the path before every path, such as "/api/v2".
    - `errors` says what the EHR's error codes mean. What it leaves out: 401 is `SessionEnded`, 403 `NoRights`, 404
      `RecordNotFound`, 429 `EhrBusy` (with the seconds of `Retry-After`), and 5xx `EhrDown`.
    - `code_at` is where an error's body has its code: "error", or "error.code" for an object in an object.
    - `token_header` and `token_prefix` are how the session's token is sent.
    - `headers` go with every request.
    """

    base: str = ""
    errors: Errors = {}
    code_at: str = "error"
    token_header: str = "Authorization"  # noqa: S105
    token_prefix: str = "Bearer "  # noqa: S105
    headers: Mapping[str, str] = {}

    def at(self, http: Http, instance: EhrInstance, token: str | None = None) -> JsonClient:
        """This API at one address, signed in if there is a token."""
        return JsonClient(self, http, instance, token)


class Created(msgspec.Struct, frozen=True):
    """What an EHR answers to a request that made a record: the JSON of the body (None if it is empty), and the address
    of the record (`Location`, RFC 9110 §10.2.2), which is all that some EHRs say."""

    said: Any = None
    location: str | None = None


class JsonClient:
    """One installation. Every call gives the JSON of the answer (None if it is empty) or raises what it means."""

    def __init__(self, api: JsonApi, http: Http, instance: EhrInstance, token: str | None = None) -> None:
        self.api = api
        self.http = http
        self.instance = instance
        self.token = token

    def signed_in(self, token: str | None) -> JsonClient:
        """The same installation with a session's token."""
        return JsonClient(self.api, self.http, self.instance, token)

    async def get(self, path: str, query: Query | None = None, *, errors: Errors | None = None) -> Any:
        """`errors` for this call go before those of the API: `{401: WrongCredentials}` where it is no session."""
        return await self.call("GET", path, query=query, errors=errors)

    async def post(self, path: str, json: Any = None, *, errors: Errors | None = None) -> Any:
        return await self.call("POST", path, json=json, errors=errors)

    async def create(
        self, path: str, json: Any = None, *, content: Content | None = None, errors: Errors | None = None
    ) -> Created:
        """POSTs something new, as JSON or as a form (`multipart`). It is sent once, whatever the answer."""
        answer = await self._send("POST", self._url(path), json, None, content)
        return Created(self._read(answer, errors or {}), answer.headers.get("location"))

    async def find(self, path: str, query: Query | None = None) -> Any:
        """As `get`, with None for a record that the EHR does not know."""
        try:
            return await self.get(path, query)
        except RecordNotFound:
            return None

    async def download(self, path: str, query: Query | None = None) -> HttpResponse | None:
        """The answer as it is: bytes and headers. None for a record that the EHR does not know. Raises `TooMuch` for a
        file of more than 25 MiB."""
        answer = await self._send("GET", self._url(path), None, query, is_file=True)
        if not 200 <= answer.status < 300:
            error = self._meaning(answer, {})
            if isinstance(error, RecordNotFound):
                return None
            raise error
        return answer

    async def call(
        self, method: str, path: str, *, json: Any = None, query: Query | None = None, errors: Errors | None = None
    ) -> Any:
        return self._read(await self._send(method, self._url(path), json, query), errors or {})

    async def ping(self, path: str, *, code: str | None = None, has: Mapping[str, Any] | None = None) -> None:
        """Recognizes the EHR: GETs `path` without a token, and raises `NotThisAddress` unless this EHR answers.

        `code`: the answer is an error with this code (what the EHR says to strangers). `has`: the answer is a success
        with these members. Without either, any JSON object will do. Redirects are not followed. A server that is
        down or busy does not say what it is: raises `EhrDown` or `EhrBusy`.
        """
        try:
            answer = await self.signed_in(None)._send("GET", self._url(path), None, None)
            if answer.status == TOO_MANY or answer.status >= SERVER_ERROR:
                raise _of_status(answer, None)
            said = answer.json()
        except NoSuchName:
            raise NotThisAddress(reason="not_found") from None
        except (BrokenAnswer, TlsError):
            raise NotThisAddress(reason="other_ehr") from None
        if code is not None:
            known = answer.status >= 400 and at(said, self.api.code_at) == code
        else:
            wanted = has or {}
            known = answer.status < 300 and isinstance(said, dict) and all(at(said, k) == v for k, v in wanted.items())
        if not known:
            raise NotThisAddress(reason="other_ehr")

    async def rows(
        self, path: str, rows: str | None = None, query: Query | None = None, *, pages: Pages = ONE_PAGE
    ) -> AsyncIterator[Any]:
        """Yields every row of a list, page after page. `rows` is where the body has them; None if it is the list."""
        page, seen = pages.first(), 0
        before: Any = None
        while page is not None:
            url = self.instance.join(page.url) if page.url else self._url(path)
            answer = await self._send("GET", url, None, None if page.url else {**(query or {}), **page.query})
            body = self._read(answer, {})
            found = at(body, rows) if rows else body
            if not isinstance(found, list):
                raise NotUnderstood(f"no list of {rows or 'rows'}")
            # Some EHRs answer a page after the last with the last one again.
            if found and found == before:
                return
            for row in found:
                yield row
            seen, before = seen + len(found), found
            if seen > MOST_ROWS:
                raise NotUnderstood(f"more than {MOST_ROWS} {rows or 'rows'}")
            page = pages.after(page, body, answer.headers, len(found), seen)

    def _url(self, path: str) -> str:
        return self.instance.at(f"{self.api.base.rstrip('/')}/{path.lstrip('/')}")

    async def _send(
        self,
        method: str,
        url: str,
        json: Any,
        query: Query | None,
        content: Content | None = None,
        *,
        is_file: bool = False,
    ) -> HttpResponse:
        headers = {"Accept": "application/json", **self.api.headers}
        if content is not None:
            headers["Content-Type"] = content.media_type
        if self.token is not None:
            headers[self.api.token_header] = f"{self.api.token_prefix}{self.token}"
        body = content.body if content else None
        limits: dict[str, Any] = {"max_body": MOST_FILE, "timeout": FILE_SECONDS} if is_file else {}
        return await self.http.request(
            method, url, headers=headers, json=json, content=body, params=_params(query or {}), **limits
        )

    def _read(self, answer: HttpResponse, errors: Errors) -> Any:
        if 200 <= answer.status < 300:
            return answer.json() if answer.body.strip() else None
        raise self._meaning(answer, errors)

    def _meaning(self, answer: HttpResponse, errors: Errors) -> Exception:
        said: Any = None
        with suppress(BrokenAnswer):  # a proxy's error page has no code
            said = answer.json()
        code = at(said, self.api.code_at)
        for table in (dict(errors), dict(self.api.errors)):
            for key in (code, answer.status):
                if isinstance(key, str | int) and key in table:
                    return _made(table[key], said)
        return _of_status(answer, code)


def _made(meaning: Any, said: Any) -> Exception:
    # A class takes no body: its details would be whatever the EHR sends.
    return meaning() if isinstance(meaning, type) else meaning(said if isinstance(said, dict) else {})


def _of_status(answer: HttpResponse, code: Any) -> Exception:
    match answer.status:
        case 401:
            return SessionEnded()
        case 403:
            return NoRights()
        case 404:
            return RecordNotFound()
        case 429:
            return EhrBusy(seconds=retry_after(answer.headers.get("retry-after")))
        case status if status >= 500:
            return EhrDown()
    return NotUnderstood(f"{answer.status} {code}")


def retry_after(header: str | None) -> int | None:
    """Seconds to wait, from a `Retry-After` in either of its forms: seconds, or the time to come back.

    None for what is neither, and for more than a year: nobody waits so long."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < 9 and int(text) <= _YEAR else None
    with suppress(ValueError, OverflowError):
        until = parsedate_to_datetime(text)
        # "-0000" says that the time is in UTC and the zone unknown (RFC 5322 §3.3); Python gives it no zone.
        seconds = round(((until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
        return max(0, seconds) if seconds <= _YEAR else None
    return None


def _params(query: Query) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {}
    for name, value in query.items():
        if isinstance(value, list | tuple | set | frozenset):
            found[name] = [_text(each) for each in value if each is not None]
        elif value is not None:
            found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
