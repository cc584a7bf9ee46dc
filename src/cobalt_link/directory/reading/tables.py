"""Reads lists with one organization per line: TSV without quoting, CSV, and files with semicolons."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

from cobalt_link.directory.entry import Listed
from cobalt_link.directory.reading.limits import MOST_LINE, ListUnreadable

# The names that columns have in published lists, without case and punctuation.
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name", "organizationname", "organization", "practicename", "facilityname", "orgname", "accountname"),
    "address": (
        "fhirbaseurl", "url", "baseurl", "endpoint", "address", "fhirurl", "fhirendpoint", "servicebaseurl",
        "endpointurl", "r4url", "fhirr4endpoint",
    ),
    "vendor": ("vendor", "ehr", "developer"),
    "product": ("product",),
    "tenant": ("tenantid", "tenant", "practiceid"),
    "city": ("city",),
    "state": ("state", "stateprovince"),
    "postal_code": ("postalcode", "zip", "zipcode", "organizationzipcode"),
    "level": ("level",),
    "audience": ("audience",),
}  # fmt: skip


def table_rows(file: io.BufferedReader) -> Iterator[Listed | None]:
    """Each line as an entry, None for one that cannot be read. Raises `ListUnreadable` if the columns are unknown."""
    lines = _lines(file)
    head = next(lines, None) or ""
    delimiter = max("\t,;", key=head.count)
    places = _places(_cells(head, delimiter) or [])
    for line in lines:
        if line is None:
            yield None
        elif line.strip():
            cells = _cells(line, delimiter)
            yield None if cells is None else _listed(cells, places)


def columns_of(file: io.BufferedReader, names: Sequence[str]) -> Iterator[list[str] | None]:
    """The cells of named columns of each line. Raises `ListUnreadable` if one is missing."""
    lines = _lines(file)
    head = next(lines, None) or ""
    delimiter = max("\t,;", key=head.count)
    known = [_plain(each) for each in _cells(head, delimiter) or []]
    if missing := [name for name in names if _plain(name) not in known]:
        raise ListUnreadable(f"The first line must name the columns {', '.join(names)}. It has no {missing[0]}.")
    places = [known.index(_plain(name)) for name in names]
    for line in lines:
        cells = _cells(line, delimiter) if line else None
        if line is None or line.strip():
            whole = cells is not None and len(cells) > max(places)
            yield [cells[place] for place in places] if cells is not None and whole else None


def _places(head: Sequence[str]) -> dict[str, int]:
    known = [_plain(each) for each in head]
    places = {
        field: known.index(next(name for name in names if name in known))
        for field, names in COLUMNS.items()
        if any(name in known for name in names)
    }
    if "name" not in places or "address" not in places:
        raise ListUnreadable(
            "The first line must name the columns, at least name and fhir_base_url. See docs/how-to/directory.md."
        )
    return places


def _listed(cells: Sequence[str], places: dict[str, int]) -> Listed | None:
    if len(cells) <= max(places["name"], places["address"]):
        return None
    return msgspec.convert({field: cells[place] for field, place in places.items() if place < len(cells)}, Listed)


def _cells(line: str, delimiter: str) -> list[str] | None:
    if delimiter == "\t":
        return line.split("\t")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _lines(file: io.BufferedReader) -> Iterator[str | None]:
    """The lines as text, None for one that is too long or not UTF-8."""
    decode = codecs.getdecoder("utf-8-sig")
    while line := file.readline(MOST_LINE):
        if not line.endswith(b"\n") and len(line) == MOST_LINE:
            while (rest := file.readline(MOST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield None
            continue
        try:
            yield decode(line.rstrip(b"\r\n"))[0]
        except UnicodeDecodeError:
            yield None


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
