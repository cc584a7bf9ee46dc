"""Importing a list again, several lists, and what the operator decided in between."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from cobalt_link.directory.directory import Directory
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.entry import Entry
from cobalt_link.directory.importing import Importer, ListOptions
from cobalt_link.directory.reading.limits import ListUnreadable
from cobalt_link.directory.sources import Sources
from cobalt_link.kit.clock import SystemClock
from cobalt_link.net.errors import HttpError
from cobalt_link.net.http import Http
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring
from tests.cli.cobalt import environment
from tests.directory.conftest import Found, ImportBytes
from tests.directory.lists import dumped, endpoint, fhir, organization, tsv
from tests.net.wires import listening, plain

MOST_MEMORY = 300  # MB, for a list of 100 MB


def rows(*names: str) -> str:
    return tsv([(name, fhir(f"{name.split()[0].lower()}.org")) for name in names], "name fhir_base_url")


async def test_what_a_list_no_longer_has_is_removed_unless_another_list_has_it(
    import_list: ImportBytes, found: Found
) -> None:
    await import_list(rows("Ash Clinic", "Elm Clinic", "Oak Clinic"), name="one")
    await import_list(rows("Elm Clinic", "Fir Clinic"), name="two")
    report = await import_list(rows("Fir Clinic"), name="two")
    assert (report.new, report.removed) == (0, 0)
    assert sorted(await found("clinic")) == ["Ash Clinic", "Elm Clinic", "Fir Clinic", "Oak Clinic"]
    report = await import_list(rows("Ash Clinic"), name="one")
    assert report.removed == 2 and sorted(await found("clinic")) == ["Ash Clinic", "Fir Clinic"]


async def test_a_list_that_lost_nine_of_ten_entries_removes_nothing_until_the_operator_says_so(
    import_list: ImportBytes, found: Found
) -> None:
    whole = rows(*(f"Ash{number} Clinic" for number in range(30)))
    await import_list(whole)
    for _ in range(2):  # the second time it is not the usual size now
        report = await import_list(rows("Ash1 Clinic"))
        assert report.shrunk and report.removed == 0 and len(await found("clinic", 50)) == 30
    report = await import_list(rows("Ash1 Clinic"), may_shrink=True)
    assert report.removed == 29 and await found("clinic") == ["Ash1 Clinic"]


async def test_what_the_operator_added_hid_or_pinned_stays_so_when_a_list_comes_again(
    import_list: ImportBytes, found: Found, directory: Directory
) -> None:
    await import_list(rows("Ash Clinic", "Elm Clinic", "Oak Clinic"))
    entries = directory.entries
    await entries.hide([row["key"] for row in await entries.named("elm clinic")], True)
    await entries.pin([row["key"] for row in await entries.named("OAK Clinic")], True)
    by_hand = Entry(name="Ash Clinic", vendor="Epic", address=fhir("ash.org"), city="Ames", state="IA")
    await directory.put([by_hand])
    for again in (rows("Ash Clinic", "Elm Clinic", "Oak Clinic"), rows("Oak Clinic"), rows("Elm Clinic", "Oak Clinic")):
        await import_list(again)
        assert await found("clinic") == ["Oak Clinic", "Ash Clinic"]
        [ash] = (await directory.search("ash", 5)).shown
        assert ash.place == "Ames, IA"
    await entries.hide([row["key"] for row in await entries.named("Elm Clinic")], False)
    assert "Elm Clinic" in await found("clinic")


async def test_an_unchanged_list_costs_one_request_and_a_broken_download_changes_nothing(
    importer: Importer, found: Found
) -> None:
    """RFC 9110 §13.1.2."""
    said = {"body": rows("Ash Clinic", "Elm Clinic"), "status": "200 OK", "etag": '"one"'}

    def answer(request: bytes) -> bytes:
        if f"if-none-match: {said['etag']}".encode() in request.lower():
            return plain(b"", status="304 Not Modified")
        return plain(said["body"].encode(), status=said["status"], ETag=said["etag"])

    async def load() -> tuple[bool, int]:
        report = await importer.url(f"{server.url}/list.tsv", ListOptions(), lambda count: None)
        return report.unchanged, report.entries

    async with listening(answer) as server:
        assert [await load(), await load(), await load()] == [(False, 2), (True, 0), (True, 0)]
        said |= {"etag": '"two"', "body": rows("Ash Clinic", "Elm Clinic", "Fir Clinic")}
        assert [await load(), await load()] == [(False, 3), (True, 0)]
        for status in ("500 Oops", "404 Not Found", "302 Found"):
            said |= {"etag": '"three"', "status": status}
            with pytest.raises(ListUnreadable, match=status[:3]):
                await load()
        said |= {"status": "200 OK", "body": '{"entry": [{"resource": {"resourceType": "Organization"'}
        with pytest.raises(ListUnreadable):
            await load()
        said |= {"body": "x" * 2**21}
        with pytest.raises(HttpError, match="more than"):
            await load()
    assert len(await found("clinic")) == 3


async def test_a_list_is_not_downloaded_from_inside_the_network(db: Database) -> None:
    http = Http(allow_private=False)
    guarded = Importer(Entries(db), Sources(db, SystemClock()), http)
    with pytest.raises(HttpError):
        await guarded.url("http://169.254.169.254/latest/meta-data", ListOptions(), lambda count: None)
    await http.close()


async def test_two_imports_at_once_lose_nothing(import_list: ImportBytes, found: Found) -> None:
    names = [f"Ash{number} Clinic" for number in range(40)]
    reports = await asyncio.gather(
        import_list(rows(*names), name="one"), import_list(rows(*reversed(names)), name="two")
    )
    assert [each.entries for each in reports] == [40, 40] and len(await found("clinic", 50)) == 40


MEASURED = """
import atexit, re, sys
from cobalt_link.cli.main import main
status = main(sys.argv[1:])
print("peak", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(status)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
async def test_a_bundle_of_100_mb_is_imported_in_less_than_300_mb_of_memory(tmp_path: Path, dsn: str) -> None:
    path, data = tmp_path / "large.json", tmp_path / "data"
    data.mkdir(mode=0o700)
    Keyring.generate().save(data / "master.key")
    write_bundle(path, organizations=20_000, size=100_000_000)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEASURED, "directory", "import", str(path), "--data", str(data), "--json",
        env=environment(tmp_path, DATABASE_URL=dsn), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    peak = re.search(r"peak (\d+)", said)
    assert peak and process.returncode == 0, said
    assert json.loads(said[: peak.start()])["imports"][0]["entries"] == 20_000
    assert path.stat().st_size >= 100_000_000 and int(peak[1]) / 1024 < MOST_MEMORY


def write_bundle(path: Path, *, organizations: int, size: int) -> None:
    """The Endpoints last, which is the worst case: the reader has to know them before the Organizations."""
    padding = {"text": {"status": "generated", "div": "x" * (size // organizations - 400)}}
    with path.open("wb") as file:
        file.write(b'{"resourceType": "Bundle", "entry": [\n')
        for number in range(organizations):
            each = organization(f"o{number}", f"Ash{number} Clinic", f"e{number}", city="Ames", state="IA", **padding)
            file.write(dumped({"resource": each}) + b",\n")
        for number in range(organizations):
            each = endpoint(f"e{number}", fhir(f"ehr{number}.example-health.org"))
            file.write(dumped({"resource": each}) + (b",\n" if number < organizations - 1 else b"]}"))
