"""One FHIR server, signed in: reads, searches page by page, creates, changes.

The token goes to this server's address and nowhere else: a link to another one is not followed (S-036).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode, urljoin

import msgspec

from cobalt_link.connector import Chart, Http, HttpResponse, NotUnderstood, RecordNotFound
from cobalt_link.connectors.smart.bundles import Page, page_of
from cobalt_link.connectors.smart.outcomes import Choked, FhirRefused, PageExpired, error_in, error_of, issues_of
from cobalt_link.connectors.smart.references import ID
from cobalt_link.connectors.smart.session import Session, session_of
from cobalt_link.connectors.smart.statement import Offered
from cobalt_link.connectors.smart.values import Resource
from cobalt_link.connectors.smart.vendors import Vendor, named

JSON = "application/fhir+json"
MOST_PAGES = 200
Params: TypeAlias = Mapping[str, str | Sequence[str] | None]


class Server:
    """`session` has the token and what the server offers."""

    def __init__(self, http: Http, session: Session) -> None:
        self.http = http
        self.session = session

    @classmethod
    def of(cls, http: Http, chart: Chart) -> Server:
        return cls(http, session_of(chart))

    @property
    def base(self) -> str:
        return self.session.address

    @property
    def vendor(self) -> Vendor:
        return named(self.session.vendor)

    def offered(self, kind: str) -> Offered:
        return self.session.statement.of(kind)

    def takes(self, kind: str, *parameters: str) -> str | None:
        """The first of these parameters that a search of this type takes. A server that declares none is given the
        first."""
        offered = self.offered(kind)
        return offered.takes(*parameters) if offered.parameters else parameters[0]

    async def read(self, kind: str, ehr_id: str) -> Resource | None:
        """One resource by its id. None if the server does not have it."""
        if not ID.fullmatch(ehr_id):
            return None
        try:
            found = await self.get(self.url(f"{kind}/{ehr_id}", {}))
        except RecordNotFound:
            return None
        except FhirRefused as refused:
            # An id that is none of theirs is a bad request for some.
            if refused.status in (400, 422):
                return None
            raise
        if found.get("resourceType") != kind:
            raise error_in(issues_of(found)) or NotUnderstood(f"no {kind}")
        return found

    async def pages(self, kind: str, params: Params, *, size: int | None = None) -> AsyncIterator[Page]:
        """Every page of a search. Each record comes once, also where the list had to be begun anew."""
        count, seen = size or self.vendor.page_size, set[str]()
        restarted = False
        while True:
            try:
                async for page in self._pages(kind, params, count):
                    fresh = [each for each in page.matches if "id" not in each or str(each["id"]) not in seen]
                    seen.update(str(each.get("id")) for each in fresh)
                    yield msgspec.structs.replace(page, matches=fresh)
                return
            except PageExpired:
                if restarted:
                    raise NotUnderstood("the pages of a list expire") from None
                restarted = True
            except Choked:
                if count == 1 or not self.vendor.count:
                    yield Page(losses=[f"{self.vendor.name} cannot give one {kind}, and nothing after it."])
                    return
                count = max(1, count // 10)

    async def all(self, kind: str, params: Params, *, most: int) -> Page:
        """The records of all pages as one, at most so many."""
        whole = Page()
        async for page in self.pages(kind, params, size=min(most, self.vendor.page_size)):
            whole = whole.with_(page)
            if len(whole.matches) >= most:
                more = len(whole.matches) > most or page.next is not None
                losses = [*whole.losses, *([f"More than {most} records of the type {kind}."] if more else [])]
                return msgspec.structs.replace(whole, matches=whole.matches[:most], losses=losses)
        return whole

    async def by_ids(self, kind: str, ids: Iterable[str]) -> dict[str, Resource]:
        """Resources by their ids, in as few calls as the server lets us."""
        wanted, found = [each for each in dict.fromkeys(ids) if ID.fullmatch(each)], dict[str, Resource]()
        if self.takes(kind, "_id") and self.offered(kind).can("search-type"):
            for first in range(0, len(wanted), 50):
                page = await self.all(kind, {"_id": ",".join(wanted[first : first + 50])}, most=50)
                found |= {str(each.get("id")): each for each in page.matches}
            return found
        for each in wanted:
            if resource := await self.read(kind, each):
                found[each] = resource
        return found

    async def get(self, url: str) -> Resource:
        """A resource or a bundle. Raises what its refusal means."""
        response = await self.send("GET", url)
        found = response.json()
        if not isinstance(found, dict):
            raise NotUnderstood("no FHIR resource")
        return found

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        accept: str = JSON,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """One request with the token. Raises what a refusal means; a redirect is one."""
        if not self.is_here(url):
            raise NotUnderstood("an address of another server")
        sent = {"authorization": f"Bearer {self.session.access_token}", "accept": accept, **(headers or {})}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            sent["content-type"] = content_type
        response = await self.http.request(method, url, headers=sent, content=content)
        if response.status >= 300:
            raise error_of(response) if response.status >= 400 else NotUnderstood(f"{response.status}, a redirect")
        return response

    def url(self, path: str, params: Params) -> str:
        """An address of this server. A slash stays a slash in a parameter: one vendor does not know it encoded."""
        values = dict(self.always()) | dict(params)
        pairs = [
            (name, each)
            for name, value in values.items()
            for each in ([value] if isinstance(value, str) else value or ())
        ]
        query = _query(pairs)
        return f"{self.base}/{path}{'?' if query else ''}{query}"

    def completed(self, url: str) -> str:
        """An address that the server sent, with the parameters of every call that it left out."""
        missing = [pair for pair in self.always() if f"{pair[0]}=" not in url]
        joined = "&" if "?" in url else "?"
        return f"{url}{joined}{_query(missing)}" if missing else url

    def always(self) -> list[tuple[str, str]]:
        """The vendor's parameters of every call, as far as their values came with the tokens."""
        found = {name: self._filled(value) for name, value in self.vendor.always.items()}
        return [(name, value) for name, value in found.items() if value is not None]

    def resolved(self, link: str) -> str | None:
        """The whole address of a link that the server sent. None if it leads to another server or base, or nowhere."""
        if not link.isprintable() or link.startswith("#"):
            return None
        try:
            url = urljoin(f"{self.base}/", link)
        except ValueError:
            return None
        return url if self.is_here(url) else None

    def is_here(self, url: str) -> bool:
        """Whether an address is of this server: of its origin, below its base, and without a way out of it."""
        within = url == self.base or url.startswith((f"{self.base}/", f"{self.base}?"))
        # Clients and proxies resolve dots, take a backslash for a slash, and drop blanks.
        return within and url.isprintable() and not any(each in url for each in ("\\", "/..", "/%2e", "/%2E", " "))

    def _filled(self, value: str) -> str | None:
        """A parameter of every call, from the context that came with the tokens."""
        name = value.strip("{}")
        return self.session.context.get(name) if value != name else value

    async def _pages(self, kind: str, params: Params, count: int) -> AsyncIterator[Page]:
        sized = {self.vendor.count: str(count)} if self.vendor.count else {}
        url: str | None = self.url(kind, {**params, **sized})
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= MOST_PAGES:
                yield Page(losses=["The list did not end."])
                return
            seen.add(url)
            page = page_of(await self.get(url), kind, self.base)
            url = self.resolved(page.next) if page.next else None
            if page.next and url is None:
                page.losses.append("The next page is at another address, which is not asked.")
            url = self.completed(url) if url else None
            yield page


def _query(pairs: Sequence[tuple[str, str]]) -> str:
    return urlencode(pairs, safe="/:,|", quote_via=quote)
