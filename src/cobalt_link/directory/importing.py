"""Imports lists of organizations: reads, cleans, and stores them, and reports what was refused and why."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cobalt_link.directory import vendors
from cobalt_link.directory.cleaning import cleaned, plain_text
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.entry import Audience, Entry, Listed
from cobalt_link.directory.reading.bundles import json_rows
from cobalt_link.directory.reading.files import format_of, opened
from cobalt_link.directory.reading.limits import MOST_ENTRIES, ListUnreadable
from cobalt_link.directory.reading.tables import table_rows
from cobalt_link.directory.sources import Sources
from cobalt_link.net.http import Http

BATCH = 1000
EXAMPLES = 3  # of each reason
# A list that lost nine of ten entries is broken. It removes nothing.
KEPT_AT_LEAST = 10

Progress = Callable[[int], None]


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of a list.

    `entries` of it are in the directory now, `new` of which were not before. `removed` are gone because the list no
    longer has them. `shrunk`: it lost nine of ten entries, so nothing was removed. `refused` counts by reason, with a
    few examples of names.
    """

    source: str
    unchanged: bool = False
    shrunk: bool = False
    read: int = 0
    entries: int = 0
    new: int = 0
    removed: int = 0
    refused: dict[str, int] = {}
    examples: dict[str, list[str]] = {}


class ListOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`vendor` and `audience` count for entries that do not say their own. `source` names the list, instead of its URL
    or file name. `may_shrink`: a list may lose nine of ten entries."""

    vendor: str | None = None
    audience: Audience | None = None
    source: str | None = None
    may_shrink: bool = False


class Importer:
    """`http` is a client with a limit for whole lists."""

    def __init__(self, entries: Entries, sources: Sources, http: Http) -> None:
        self._entries = entries
        self._sources = sources
        self._http = http

    async def url(self, url: str, options: ListOptions, progress: Progress) -> ImportReport:
        """Downloads and imports a list. An unchanged one costs one request (RFC 9110 §13.1.2). Raises `ListUnreadable`
        and `HttpError`."""
        source = options.source or url
        known = await self._sources.find(source)
        headers = {"accept": "application/fhir+json, application/json, text/csv;q=0.9, */*;q=0.5"}
        if known and known["etag"]:
            headers["if-none-match"] = known["etag"]
        elif known and known["modified"]:
            headers["if-modified-since"] = known["modified"]
        with tempfile.NamedTemporaryFile() as file:
            response = await self._http.request("GET", url, headers=headers, into=file)
            if response.status == 304:
                return ImportReport(source=source, unchanged=True)
            _check_status(response.status, url, response.headers.get("location"))
            file.flush()
            validators = (response.headers.get("etag"), response.headers.get("last-modified"))
            return await self._import(Path(file.name), source, options, progress, validators)

    async def file(self, path: Path, options: ListOptions, progress: Progress) -> ImportReport:
        """Imports a file. Raises `ListUnreadable`."""
        return await self._import(path, options.source or path.name, options, progress, (None, None))

    async def _import(
        self,
        path: Path,
        source: str,
        options: ListOptions,
        progress: Progress,
        validators: tuple[str | None, str | None],
    ) -> ImportReport:
        report, seen = ImportReport(source=source), await self._entries.next_import()
        before = await self._sources.find(source)
        batch: dict[str, Entry] = {}
        for each in _cleaned(path, options, report):
            batch[each.key] = each
            if len(batch) == BATCH:
                await self._store(source, seen, batch, report)
                progress(report.read)
        await self._store(source, seen, batch, report)
        report.shrunk = before is not None and report.entries * KEPT_AT_LEAST < before["entries"]
        if not report.shrunk or options.may_shrink:
            report.removed = await self._entries.remove_unseen(source, seen)
            # Not noted otherwise: the next import must not find the broken list unchanged.
            await self._sources.note(source, report.entries, report.refused, *validators)
        await self._entries.changed()
        return report

    async def _store(self, source: str, seen: int, batch: dict[str, Entry], report: ImportReport) -> None:
        if batch:
            report.new += await self._entries.put(source, seen, list(batch.values()))
            report.entries += len(batch)
            batch.clear()


def _cleaned(path: Path, options: ListOptions, report: ImportReport) -> Iterator[Entry]:
    """The entries of a list that are good. The others are counted in the report."""
    refused: Counter[str] = Counter()
    vendor = vendors.vendor_named(options.vendor or "") or options.vendor
    for listed in _listed(path):
        report.read += 1
        if report.read > MOST_ENTRIES:
            raise ListUnreadable(f"The list has more than {MOST_ENTRIES} entries. Import it in parts.")
        found = cleaned(listed, vendor=vendor, audience=options.audience) if isinstance(listed, Listed) else listed
        if isinstance(found, Entry):
            yield found
            continue
        reason = found or "unreadable"
        refused[reason] += 1
        name = plain_text(listed.name, 60) if isinstance(listed, Listed) else ""
        if name and len(report.examples.setdefault(reason, [])) < EXAMPLES:
            report.examples[reason].append(name)
        report.refused = dict(refused)
    report.refused = dict(refused.most_common())


def _listed(path: Path) -> Iterator[Listed | str | None]:
    with opened(path) as file:
        kind = format_of(file)
        if kind == "table":
            yield from table_rows(file)
    if kind == "json":
        yield from json_rows(lambda: opened(path))


def _check_status(status: int, url: str, location: str | None) -> None:
    where = urlsplit(url).netloc
    if 300 <= status < 400 and location:
        raise ListUnreadable(f"{where} says that the list moved to {location[:300]}. Import it from there.")
    if status != 200:
        raise ListUnreadable(f"{where} answered {status} instead of the list. Check the address.")
