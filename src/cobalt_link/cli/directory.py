"""`cobalt directory`: the organizations that users find in the picker. Import lists, change entries, and search."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter

from cobalt_link.cli.directory_changes import add, hide, pin
from cobalt_link.cli.installation import DEFAULTS, CommonOptions, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import print_result, table

if TYPE_CHECKING:
    from cobalt_link.cli.installation import Installation
    from cobalt_link.directory.directory import Directory
    from cobalt_link.directory.engine.organizations import Organization
    from cobalt_link.directory.importing import ImportReport, ListOptions

app = App(
    name="directory", help="The organizations that users find in Link: import, list, search, add, hide, pin, alias."
)
alias = App(name="alias", help="Nicknames and acronyms of organizations: import.")
app.command(alias)
for command in (add, hide, pin):
    app.command(command)

BUILT_WITHIN = 600  # seconds for another process to build the index


@app.command(name="import")
async def import_(
    *lists: Annotated[
        str, Parameter(help="Files or https:// addresses: User-access Brands, FHIR Bundles, JSON, CSV, TSV.")
    ],
    vendor: Annotated[str | None, Parameter(help="The EHR vendor of entries that name none, such as Epic.")] = None,
    audience: Annotated[
        Literal["provider", "patient"] | None, Parameter(help="For whom addresses are that do not say so.")
    ] = None,
    source: Annotated[str | None, Parameter(help="A name for the list, instead of its file name or address.")] = None,
    may_shrink: Annotated[
        bool, Parameter(negative=(), help="Also remove entries if the list has lost nine of ten.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> int:
    """Import published lists. What a list had before and has no longer is removed. Junk is refused, with a report."""
    from cobalt_link.directory.importing import ListOptions
    from cobalt_link.directory.reading.limits import ListUnreadable
    from cobalt_link.net.errors import HttpError

    if not lists:
        raise Failure("Name at least one file or address to import.", code="bad_usage", status=2)
    reports, failed = [], []
    chosen = ListOptions(vendor=vendor, audience=audience, source=source, may_shrink=may_shrink)
    async with open_installation(options) as installation:
        for each in lists:
            try:
                report = await _imported(installation, each, chosen)
            except (ListUnreadable, HttpError) as error:
                failed.append({"source": each, "message": str(error)})
                print(f"{each}: {error}", file=sys.stderr)
                continue
            reports.append(report)
            if not options.json:
                print(_report_text(report), flush=True)
    print_result(options.json, {"imports": reports, "failed": failed}, "") if options.json else None
    return 1 if failed else 0


@app.command(name="list")
async def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List the lists that were imported, with what was refused."""
    from cobalt_link.directory.sources import Sources
    from cobalt_link.kit.clock import SystemClock

    async with open_installation(options) as installation:
        rows = await Sources(installation.db, SystemClock()).all()
        count = await (await _directory(installation)).entries.count()
    head = ("list", "imported", "entries", "refused")
    shown = [(row["source"], row["imported_at"], row["entries"], sum(row["refused"].values())) for row in rows]
    text = table(head, shown) if rows else "No list was imported yet. Import one: cobalt directory import FILE"
    print_result(options.json, {"entries": count, "lists": rows}, text)


@app.command
async def search(
    query: Annotated[str | None, Parameter(help="What a user would type.")] = None,
    /,
    *,
    limit: Annotated[int, Parameter(help="How many to show at most.")] = 10,
    queries: Annotated[
        Path | None, Parameter(help="A file with one query per line. Prints a line of JSON for each.")
    ] = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Search as the picker does, in every organization of the directory."""
    if (query is None) == (queries is None):
        raise Failure("Give either a query or --queries FILE.", code="bad_usage", status=2)
    wanted = [query] if query is not None else _lines(queries)
    async with open_installation(options) as installation:
        directory = await _directory(installation)
        await _refreshed(directory)
        for each in wanted:
            found = (await directory.search(each, max(1, min(limit, 50)))).shown
            value = {"query": each, "results": [_result(one) for one in found]}
            if queries is not None:
                print(msgspec.json.encode(value).decode(), flush=True)
            else:
                print_result(options.json, value, _result_text(found))


@alias.command(name="import")
async def import_aliases(
    *files: Annotated[Path, Parameter(help="Files with the columns alias and target_name.")],
    options: CommonOptions = DEFAULTS,
) -> None:
    """Import nicknames, acronyms, and former names."""
    from cobalt_link.directory.aliases import read_aliases
    from cobalt_link.directory.reading.limits import ListUnreadable

    if not files:
        raise Failure("Name at least one file to import.", code="bad_usage", status=2)
    try:
        read = [read_aliases(file) for file in files]
    except ListUnreadable as error:
        raise Failure(str(error), code="bad_list") from None
    pairs, refused = [pair for found, _ in read for pair in found], sum(count for _, count in read)
    async with open_installation(options) as installation:
        directory = await _directory(installation)
        await directory.aliases.put(pairs)
        await directory.entries.changed()
    text = f"{len(pairs)} aliases imported, {refused} lines refused."
    print_result(options.json, {"aliases": len(pairs), "refused": refused}, text)


async def _imported(installation: Installation, name: str, options: ListOptions) -> ImportReport:
    from cobalt_link.directory.room import importer

    importing, close = importer(installation.db, installation.settings)
    try:
        if name.startswith(("https://", "http://")):
            return await importing.url(name, options, _progress)
        return await importing.file(Path(name), options, _progress)
    finally:
        await close()


async def _directory(installation: Installation) -> Directory:
    from cobalt_link.directory.room import directory
    from cobalt_link.kit.clock import SystemClock

    return directory(installation.db, SystemClock(), installation.settings)


async def _refreshed(directory: Directory) -> None:
    """Waits if another process builds the index."""
    import asyncio

    for _ in range(BUILT_WITHIN * 5):
        if await directory.refresh():
            return
        await asyncio.sleep(0.2)
    raise Failure("Another process has been building the index of the directory for too long. Try again.", code="busy")


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{count:,} entries read", end="", file=sys.stderr, flush=True)
    elif count % 100_000 == 0:
        print(f"{count:,} entries read", file=sys.stderr, flush=True)


def _lines(path: Path | None) -> list[str]:
    try:
        text = path.read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}", code="bad_list") from None
    return [line for line in text.split("\n") if line.strip()]


def _result(each: Organization) -> dict[str, Any]:
    return {"name": each.name, "vendor": each.vendor, "place": each.place, "fhir_base_url": each.address}


def _result_text(found: list[Organization]) -> str:
    rows = [(each.name, each.place, each.vendor, each.address, each.key) for each in found]
    return table(("name", "place", "vendor", "address", "key"), rows) if rows else "Nothing found."


def _report_text(report: ImportReport) -> str:
    if report.unchanged:
        return f"{report.source}: unchanged since the last import."
    lines = [
        f"{report.source}: {report.read} read, {report.entries} in the directory ({report.new} new),"
        f" {report.removed} removed, {sum(report.refused.values())} refused."
    ]
    if report.shrunk:
        lines.append("  It lost nine of ten entries, so none was removed. Look at it, then add --may-shrink.")
    for reason, count in report.refused.items():
        examples = ", ".join(report.examples.get(reason, ()))
        lines.append(f"  {count:6} {reason}{f', such as {examples}' if examples else ''}")
    return "\n".join(lines)
