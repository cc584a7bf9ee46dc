"""One GNU Health server over JSON-RPC. Every error that it answers becomes a refusal.

Source: trytond/protocols/dispatcher.py and wsgi.py of Tryton 7.0. Errors of the application come as HTTP 200.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec

from cobalt_link.connector import (
    BrokenAnswer,
    EhrBusy,
    EhrDown,
    Http,
    HttpResponse,
    NoRights,
    NotJson,
    NotThisAddress,
    SessionEnded,
    retry_after,
)
from cobalt_link.connectors.gnuhealth.values import plain

ROWS = 1000
MOST_ROWS = 200_000


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in leaves. `base` is the server without the database; `context` goes with every model call."""

    base: str
    database: str
    login: str
    user: int
    key: str
    context: dict[str, Any] = {}
    timezone: str | None = None

    @property
    def authorization(self) -> str:
        return "Session " + b64encode(f"{self.login}:{self.user}:{self.key}".encode()).decode("ascii")


class Denied(Exception):
    """The server answered with an HTTP status alone. The caller knows what it means."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


class Fault(Exception):
    """An error of the application. `kind` is Tryton's exception or the error's text, `detail` what came with it."""

    def __init__(self, kind: str, detail: Any) -> None:
        self.kind, self.detail = kind, detail
        super().__init__(kind)


class Server:
    """The server with a session, to read a chart through."""

    def __init__(self, http: Http, session: Session) -> None:
        self._http = http
        self.session = session
        self._url = database_url(session.base, session.database)

    @classmethod
    def opened(cls, http: Http, session: dict[str, Any]) -> Server:
        return cls(http, msgspec.convert(session, Session))

    async def call(self, method: str, *params: Any) -> Any:
        """A call as the signed-in user. Raises SessionEnded, NoRights, EhrBusy, EhrDown or NotThisAddress."""
        try:
            return await self._sent(method, *params)
        except Fault as fault:
            # Reading breaks no rule of the application but one: access. Its text is in the user's language.
            if fault.kind == "UserError":
                raise NoRights("chart") from None
            raise

    async def _sent(self, method: str, *params: Any) -> Any:
        try:
            return await rpc(self._http, self._url, method, *params, authorization=self.session.authorization)
        except Denied as no:
            if no.status == 401:
                raise SessionEnded from None
            raise NotThisAddress(reason="not_found") if no.status == 404 else NoRights("chart") from None

    async def change(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        """As `model`, for what changes the chart. It is sent once. What the application refuses is a Fault.

        A server error is no refusal then: a proxy that lost patience does not know what became of the request.
        """
        try:
            return await self._sent(f"model.{model}.{method}", *params, self.session.context | context)
        except EhrDown:
            raise BrokenAnswer("The server answered with an error, which says nothing about the change.") from None

    async def model(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        return await self.call(f"model.{model}.{method}", *params, self.session.context | context)

    async def rows(
        self, model: str, domain: list[Any], fields: list[str], order: list[list[str]], **context: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """All records that match, as `pages` gives them."""
        async for page in self.pages(model, domain, fields, order, **context):
            for row in page:
                yield row

    async def pages(
        self, model: str, domain: list[Any], fields: list[str], order: list[list[str]], **context: Any
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """All records that match, in as many calls as it takes. Raises NotJson for more than anybody has."""
        for offset in range(0, MOST_ROWS, ROWS):
            page = await self.model(model, "search_read", domain, offset, ROWS, order, fields, **context)
            if not isinstance(page, list):
                break
            yield page
            if len(page) < ROWS:
                return
        raise NotJson(f"The server has more than {MOST_ROWS} rows of {model}, or gives them without an end.")


def database_url(base: str, database: str) -> str:
    return f"{base}/{quote(database, safe='')}/"


async def rpc(
    http: Http, url: str, method: str, *params: Any, authorization: str | None = None, timeout: float | None = None
) -> Any:
    """One call and its plain result. Raises Denied for 401, 403, 404 and 429, Fault for errors of the application."""
    headers = {"Authorization": authorization} if authorization else {}
    message = {"id": 1, "method": method, "params": list(params)}
    answer = await http.request("POST", url, json=message, headers=headers, timeout=timeout)
    return _result(answer)


def _result(answer: HttpResponse) -> Any:
    if answer.status in (401, 403, 404):
        raise Denied(answer.status)
    if answer.status == 429:
        raise EhrBusy(seconds=retry_after(answer.headers.get("retry-after")))
    if answer.status >= 500:
        raise EhrDown
    said = answer.json() if answer.status == 200 else None
    if not isinstance(said, dict) or ("result" not in said and "error" not in said):
        raise NotJson(f"The server answered {answer.status} with something else than JSON-RPC.")
    if error := said.get("error"):
        if not isinstance(error, list):
            raise NotJson("The server answered with an error that is not JSON-RPC of Tryton.")
        raise Fault(str(error[0]), error[1] if len(error) > 1 else None)
    return plain(said["result"])
