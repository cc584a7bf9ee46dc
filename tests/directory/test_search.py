"""What a user who types finds, on a small made-up directory and, where it is at hand, on the real one."""

import asyncio
import sys
from pathlib import Path

import pytest
from benchmarks.organizations import ALIASES, QUERIES, listed
from benchmarks.typed import TypedQuery, typed_queries

from benchmarks import directory as bench
from cobalt_link.directory.aliases import Aliases, read_aliases
from cobalt_link.directory.directory import Directory
from cobalt_link.directory.engine.build import build, entries_of
from cobalt_link.directory.engine.index import DirectoryIndex
from cobalt_link.directory.engine.words import folded
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.index_files import IndexFiles
from cobalt_link.directory.uses import Uses
from cobalt_link.kit.clock import SystemClock
from cobalt_link.store.database import Database
from tests.directory.conftest import Found, ImportBytes
from tests.directory.lists import fhir, tsv
from tests.support.world import Shop

CLINICS = [
    ("Mayfair Clinic", fhir("mayfair.org"), "Epic", "Rochester", "MN", "org", ""),
    ("Mayfair Clinic Lab Annex", fhir("mayfair.org"), "Epic", "Rochester", "MN", "location", ""),
    ("Saint Orrin's Medical Center", fhir("orrin.org"), "Epic", "Salem", "OR", "org", ""),
    ("St. Brann Hosp", fhir("brann.org"), "MEDITECH", "Austin", "TX", "org", ""),
    ("Mount Kestrel Regional Hospital", fhir("kestrel.org"), "Epic", "", "VT", "org", ""),
    ("Hospital for Delicate Surgery", fhir("hds.org"), "Epic", "Albany", "NY", "org", ""),
    ("Riverbend Pediatrics", fhir("rb1.org"), "Epic", "Macon", "GA", "org", ""),
    ("Riverbend Pediatrics", fhir("rb2.org"), "athenahealth", "Dayton", "OH", "org", ""),
    ("Ünïcode & Søns Dermatology, P.A.", fhir("uni.org"), "Epic", "", "", "org", ""),
    ("Larkspur Health", "https://api.practicefusion.com/fhir/r4/v1/a1-b2", "", "", "", "org", "provider"),
    ("Larkspur Health", "https://api.patientfusion.com/fhir/r4/v1/a1-b2", "", "", "", "org", "patient"),
    ("Northwest Healthcare Partners", fhir("nwhp.org"), "Epic", "", "", "org", ""),
]
# What is typed, and the name that must come first.
TYPED = {
    "may": "Mayfair Clinic",
    "mayf": "Mayfair Clinic",
    "clinic mayfair": "Mayfair Clinic",
    "  MAYFAIR   clinic ": "Mayfair Clinic",
    "mayfiar clinic": "Mayfair Clinic",
    "mayfair clinci": "Mayfair Clinic",
    "annex mayfair": "Mayfair Clinic Lab Annex",
    "st orrins med ctr": "Saint Orrin's Medical Center",
    "saint orrin’s": "Saint Orrin's Medical Center",
    "saint brann hospital": "St. Brann Hosp",
    "mt kestral reg": "Mount Kestrel Regional Hospital",
    "hds": "Hospital for Delicate Surgery",
    "riverbend dayton": "Riverbend Pediatrics",
    "riverbend ohio": "Riverbend Pediatrics",
    "rivrebend peds ga": "Riverbend Pediatrics",
    "unicode and sons derm": "Ünïcode & Søns Dermatology, P.A.",
    "nw health care partners": "Northwest Healthcare Partners",
    "big bird": "St. Brann Hosp",
    "the big b": "St. Brann Hosp",
    "brann austin clinic": "St. Brann Hosp",
}


async def test_a_name_is_found_by_its_beginning_in_any_order_with_mistakes_short_forms_places_and_nicknames(
    import_list: ImportBytes, found: Found, directory: Directory
) -> None:
    assert (await import_list(tsv(CLINICS))).entries == len(CLINICS)
    await directory.aliases.put([("Big Bird", "St Brann Hospital")])
    await directory.entries.changed()
    first = {query: (await found(query))[:1] for query in TYPED}
    assert first == {query: [name] for query, name in TYPED.items()}
    [dayton, *_] = (await directory.search("riverbend dayton", 5)).shown
    assert (dayton.vendor, dayton.place) == ("athenahealth", "Dayton, OH")
    assert await found("may") == ["Mayfair Clinic", "Mayfair Clinic Lab Annex"], "a site comes after its organization"
    for nothing in ("", "   ", "...", "zzzzqqqq", "☃", "\x00", "'; DROP TABLE x; --", "x" * 5000):
        assert await found(nothing) == []
    assert await found("riverbend", vendors={"athenahealth"}) == ["Riverbend Pediatrics"]
    assert await found("mayfair", vendors={"athenahealth"}) == await found("mayfair", vendors=set()) == []


async def test_the_addresses_for_patients_and_for_providers_are_one_row(
    import_list: ImportBytes, found: Found, directory: Directory
) -> None:
    await import_list(tsv(CLINICS))
    assert await found("larkspur") == ["Larkspur Health"]
    [row] = (await directory.search("larkspur", 5)).shown
    assert row.address.startswith("https://api.practicefusion") and len(row.other_addresses) == 1
    again = await directory.find(row.key)
    assert again and (again.name, again.address) == (row.name, row.address)


async def test_what_a_client_has_linked_comes_first_for_its_own_users_alone(
    import_list: ImportBytes, found: Found, directory: Directory, acme: Shop, rival: Shop, db: Database
) -> None:
    await import_list(tsv(CLINICS))
    assert await found("riverbend", 1, vendors={"Epic", "athenahealth"}) == ["Riverbend Pediatrics"]
    first = (await directory.search("riverbend", 5)).shown
    last = first[-1]
    async with db.transaction() as tx:
        await directory.linked(tx, acme.record.id, last.address, last.name)
        await directory.linked(tx, acme.record.id, "https://nowhere.org/", "Nobody knows this one")
    mine = (await directory.search("river", 5, client=acme.record.id)).shown
    assert mine[0].key == last.key
    for other in (rival.record.id, None):
        assert (await directory.search("river", 5, client=other)).shown == first
    assert await found("mayfair", client=acme.record.id) == await found("mayfair")


async def test_four_processes_build_the_index_of_a_version_once_and_all_see_every_change(
    import_list: ImportBytes, directory: Directory, dsn: str, tmp_path: Path
) -> None:
    await import_list(tsv([(f"Ash{n} Clinic", fhir(f"ash{n}.org"), "Epic", "", "", "org", "") for n in range(600)]))
    program = (sys.executable, "-m", "tests.directory.seeing", dsn, str(tmp_path / "directory"))
    processes = [await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE) for _ in range(4)]
    said = [(await each.communicate())[0].decode().split()[-2:] for each in processes]
    assert [each[0] for each in said] == ["600"] * 4 and sum(int(each[1]) for each in said) == 1
    assert len(list((tmp_path / "directory").glob("*.index"))) == 1
    before = Directory(
        Entries(directory.entries._db),
        Aliases(directory.entries._db),
        Uses(directory.entries._db, SystemClock()),
        IndexFiles(tmp_path / "directory"),
    )
    await before.refresh()
    await import_list(tsv([("Birch Clinic", fhir("birch.org"), "Epic", "", "", "org", "")]), name="more")
    assert await directory.refresh()
    # One that has not looked yet still answers from the index that it has, and then from the new one.
    assert (await before.search("birch", 5)).shown == []
    assert await before.refresh() and (await before.search("birch", 5)).total == 1


async def test_a_broken_index_file_is_built_again(
    import_list: ImportBytes, found: Found, tmp_path: Path, db: Database
) -> None:
    await import_list(tsv(CLINICS))
    assert await found("may", 1) == ["Mayfair Clinic"]
    [path] = (tmp_path / "directory").glob("*.index")
    whole = path.read_bytes()
    for broken in (b"", whole[:30], whole[:-50], b"x" * len(whole)):
        path.unlink()
        path.write_bytes(broken)
        fresh = Directory(Entries(db), Aliases(db), Uses(db, SystemClock()), IndexFiles(tmp_path / "directory"))
        assert await fresh.refresh() and (await fresh.search("mayfair", 5)).total == 2


@pytest.mark.slow
@pytest.mark.skipif(not QUERIES.exists(), reason="the real list of organizations is not beside the repository")
def test_97_of_100_organizations_are_among_the_first_five_also_for_queries_that_nobody_has_seen(tmp_path: Path) -> None:
    entries, aliases = listed(), bench.aliases()
    lines = (line for _, _, line in bench.sorted_entries(entries))
    build(tmp_path / "index", aliases, entries_of(lines))
    index = DirectoryIndex(tmp_path / "index")
    by_hand = bench.by_hand()
    missed = [query for query, name in by_hand if name not in bench.names(index, query)]
    assert len(by_hand) == 100 and len(missed) <= 3, missed
    unseen = list(typed_queries(entries, each_kind=25, seed=7))
    missed = [each.text for each in unseen if not bench.is_found(index, each)]
    assert len(unseen) == 150 and len(missed) <= 0.03 * len(unseen), missed
    known = read_aliases(ALIASES)[0]
    missed = [alias for alias, name in known if not bench.is_found(index, TypedQuery("", alias, folded(name)))]
    assert len(known) == 71 and missed == []
