"""What an import makes of each form of a list, and of lists that were written to do harm."""

import gzip
import json
from typing import Any

import pytest

from cobalt_link.directory.directory import Directory
from cobalt_link.directory.reading import files
from cobalt_link.directory.reading.limits import ListUnreadable
from cobalt_link.store.database import Database
from tests.directory.conftest import Found, ImportBytes
from tests.directory.lists import brand, bundle, dumped, endpoint, fhir, organization, tsv

ROWS = "SELECT name, vendor, address, city, state, level, audience, aliases FROM directory_entries ORDER BY name"


async def test_each_form_of_a_list_gives_names_places_and_addresses(import_list: ImportBytes, db: Database) -> None:
    brands = bundle(
        brand("1", "Aspen Health", "e1", city="Denver", state="Colorado", alias=["Aspen Medical"]),
        organization("2", "Aspen Health Boulder", partOf={"reference": "Organization/1"}, city="Boulder", state="CO"),
        endpoint("e1", fhir("fhir.aspen.org")),
    )
    # The Endpoint may also come first, and name its owner itself.
    cerner = bundle(
        endpoint("e2", "https://fhir-ehr.cerner.com/r4/b1/", managingOrganization={"reference": "Organization/3"}),
        organization("3", "Birch Clinic", "e2", city="Tulsa", state="OK"),
        endpoint("e3", "https://fhir-myrecord.cerner.com/r4/b2/", name="Cedar Clinic"),
    )
    lantern = {
        "Endpoints": [
            {"URL": fhir("fhir.elm.org"), "OrganizationName": "Elm Clinic", "NPIID": "", "OrganizationZipCode": "1"}
        ]
    }
    head = "name,fhir_base_url,vendor,city,state"
    table = f'\ufeff{head}\r\n"Fir, Oak & Sons",https://fhir4.healow.com/fhir/r4/AAAA,eCW,Salem,OR\r\n'
    for name, data in (("epic", dumped(brands)), ("cerner", dumped(cerner)), ("csv", table.encode())):
        report = await import_list(data, name=name)
        assert (report.entries, report.refused) == ({"epic": 2, "cerner": 2, "csv": 1}[name], {}), name
    assert (await import_list(gzip.compress(dumped(lantern)), name="lantern", vendor="greenway")).entries == 1
    assert (await import_list(dumped([{"name": "Gum", "url": fhir("fhir.gum.org")}]), name="array")).entries == 1
    rows = {row.pop("name"): tuple(row.values()) for row in await db.rows(ROWS)}
    assert rows == {
        "Aspen Health": ("Epic", fhir("fhir.aspen.org"), "Denver", "CO", "org", "unknown", ["Aspen Medical"]),
        "Aspen Health Boulder": ("Epic", fhir("fhir.aspen.org"), "Boulder", "CO", "location", "unknown", []),
        "Birch Clinic": (
            "Oracle Health (Cerner)", "https://fhir-ehr.cerner.com/r4/b1/", "Tulsa", "OK", "org", "provider", [],
        ),
        "Cedar Clinic": (
            "Oracle Health (Cerner)", "https://fhir-myrecord.cerner.com/r4/b2/", "", "", "org", "patient", [],
        ),
        "Elm Clinic": ("Greenway Health", fhir("fhir.elm.org"), "", "", "org", "unknown", []),
        "Fir, Oak & Sons": (
            "eClinicalWorks", "https://fhir4.healow.com/fhir/r4/AAAA", "Salem", "OR", "org", "patient", [],
        ),
        "Gum": ("Epic", fhir("fhir.gum.org"), "", "", "org", "unknown", []),
    }  # fmt: skip


JUNK = {
    "markup": ["<script>alert(1)</script>", "Elm <img src=x>", "javascript:alert(1)"],
    "no_name": ["", "...", "12345"],
    "test_name": ["Elm Test", "Elm Sandbox"],
    "inactive_name": ["zzzElm", "Elm DO NOT USE"],
    "generic_name": ["Main Office", "Clinic"],
    "name_too_long": ["E" * 201],
}
ADDRESSES = {
    "no_address": [""],
    "bad_address": [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://a.org/?x=1",
        "https://u:p@a.org/",
        "https://a b.org/",
    ],
    "not_https": ["http://fhir.elm.org/r4"],
    "numeric_address": [
        "https://10.0.0.1/r4",
        "https://169.254.169.254/latest",
        "https://[::1]/r4",
        "https://8.8.8.8/",
    ],
    "internal_address": ["https://localhost/r4", "https://ehr.internal/r4", "https://intranet/r4"],
    "test_address": ["https://fhir-test.elm.org/r4", "https://fhir.elm.org/sandbox/r4", "https://fhir.epic.com/r4"],
}


async def test_junk_and_hostile_entries_are_refused_with_their_reasons(import_list: ImportBytes, db: Database) -> None:
    rows = [(name, fhir("fhir.elm.org")) for names in JUNK.values() for name in names]
    rows += [("Elm Clinic", address) for addresses in ADDRESSES.values() for address in addresses]
    report = await import_list(tsv(rows, "name fhir_base_url"))
    assert report.refused == {reason: len(values) for reason, values in (JUNK | ADDRESSES).items()}
    assert (report.read, report.entries) == (len(rows), 0) and report.examples["markup"][0].startswith("<script>")
    # The same as FHIR, where a value may also be of any other kind.
    wrong: list[Any] = [None, 7, True, {"a": 1}, ["https://x.org"], "https://192.168.0.1/r4"]
    parts = [
        part
        for n, each in enumerate(wrong)
        for part in (endpoint(str(n), each), organization(f"o{n}", "Elm Clinic", str(n)))
    ]
    odd = [organization("a", each, "ok") for each in ({}, [], None, "\u202e\u2066")] + [
        endpoint("ok", fhir("fhir.elm.org"))
    ]
    report = await import_list(dumped(bundle(*parts, *odd)), name="fhir")
    assert report.refused == {"no_address": 5, "numeric_address": 1, "no_name": 4} and report.entries == 0
    assert await db.rows(ROWS) == []


async def test_names_that_turn_the_text_around_or_hold_control_characters_are_shown_plain(
    import_list: ImportBytes, found: Found, directory: Directory, db: Database
) -> None:
    name = "Elm\u202e cinilC\u2066\u0000\u200b  &amp; \x1b[31mSons"
    city = "<b>Salem</b>"
    data = [
        {"name": name, "url": fhir("fhir.elm.org"), "city": city, "vendor": "<i>Epic</i>"},
        {"name": 'a\\b \\u0041 "c" Clinic', "url": fhir("b.org")},
    ]
    await import_list(dumped(data))
    assert await found("elm cinilc") == ["Elm cinilC & [31mSons"]
    [shown] = (await directory.search("elm", 5)).shown
    assert (shown.city, shown.vendor) == ("", "Epic")
    assert await found("clinic") == ['a\\b \\u0041 "c" Clinic']


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"<html>Sign in</html>", "web page"),
        (b"PK\x03\x04\0\0", "no text file"),
        (b'{"entry": [{"resource": {"resourceType"', "ends in the middle|not valid JSON"),
        (b'{"entry": [' + b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"entry": ["' + b"x" * 5_000_000 + b'"]}', "longer than"),
        (b'{"entry": [1, 2, tru]}', "not valid JSON"),
        (b"\xff\xfe\xfd,\n1", "columns"),
        (b'{"entry": ["\xff"]}', "UTF-8"),
        (b"some,other,columns\n1,2,3\n", "name and fhir_base_url"),
        (gzip.compress(b"[]" * 1000)[:-20], "cannot be unpacked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_list_that_cannot_be_read_says_why_and_changes_nothing(
    import_list: ImportBytes, db: Database, data: bytes, says: str
) -> None:
    await import_list(tsv([("Elm Clinic", fhir("fhir.elm.org"))], "name fhir_base_url"), name="list.json")
    before = await db.rows(ROWS)
    with pytest.raises(ListUnreadable, match=says):
        await import_list(data, name="list.json")
    assert await db.rows(ROWS) == before != []


async def test_a_small_packed_file_that_unpacks_to_gigabytes_is_refused(
    import_list: ImportBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FREE_BYTES", 2**20)  # else the test has to unpack more than 64 MB
    good = json.dumps([{"name": "Elm Clinic", "url": fhir("fhir.elm.org")}])
    with pytest.raises(ListUnreadable, match="bytes unpacked"):
        await import_list(gzip.compress(b"[" + b" " * 30_000_000 + good[1:].encode()))
    assert (await import_list(gzip.compress(good.encode()))).entries == 1
