"""`cobalt directory`: what an operator imports, changes, and searches, in the words of the command line."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.directory.lists import fhir, tsv

HEAD = "name fhir_base_url vendor city state"
CLINICS = tsv(
    [
        ("Mayfair Clinic", fhir("mayfair.org"), "Epic", "Rochester", "MN"),
        ("Mayfair Eye Center", fhir("mfeye.org"), "MEDITECH", "", "IA"),
        ("Main Office", fhir("x.org"), "Epic", "", ""),
        ("Elm Test", fhir("y.org"), "Epic", "", ""),
    ],
    HEAD,
)


async def test_what_is_imported_is_found_and_what_is_refused_is_reported(run: Run, tmp_path: Path) -> None:
    path, nicknames, queries = tmp_path / "clinics.tsv", tmp_path / "nicknames.tsv", tmp_path / "queries.txt"
    path.write_text(CLINICS)
    nicknames.write_text(
        "alias\ttarget_norm\ttarget_name\tkind\nmfc\tmayfair clinic\tMayfair Clinic\tacronym\n\tx\ty\tz\n"
    )
    queries.write_text("mayfair cl\n  mfc \n\nnothing like it\n")
    said = await run("directory", "import", path)
    assert said.code == 0, said.err
    assert "4 read, 2 in the directory (2 new), 0 removed, 2 refused" in said.out
    assert "generic_name, such as Main Office" in said.out and "test_name, such as Elm Test" in said.out
    assert (await run("directory", "alias", "import", nicknames)).out == "1 aliases imported, 1 lines refused.\n"
    found = await run("directory", "search", "mayfair cl", "--limit", "1", "--json")
    clinic = {
        "name": "Mayfair Clinic",
        "vendor": "Epic",
        "place": "Rochester, MN",
        "fhir_base_url": fhir("mayfair.org"),
    }
    assert found.json == {"query": "mayfair cl", "results": [clinic]}
    many = await run("directory", "search", "--queries", queries, "--limit", "1")
    assert [json.loads(line) for line in many.out.splitlines()] == [
        {"query": "mayfair cl", "results": [clinic]},
        {"query": "  mfc ", "results": [clinic]},
        {"query": "nothing like it", "results": []},
    ]
    listed = (await run("directory", "list", "--json")).json
    assert listed["entries"] == 2 and listed["lists"][0]["refused"] == {"generic_name": 1, "test_name": 1}


async def test_an_operator_adds_hides_and_pins_organizations(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clinics.tsv").write_text(CLINICS)
    await run("directory", "import", tmp_path / "clinics.tsv")
    address = "https://ehr.elmclinic.org/r4"
    said = await run("directory", "add", "Elm Clinic", "--address", address, "--vendor", "GNU Health", "--also", "elmo")
    assert said.out == f"Added Elm Clinic (GNU Health) at {address}.\n"

    async def found(query: str) -> list[str]:
        return [each["name"] for each in (await run("directory", "search", query, "--json")).json["results"]]

    assert await found("elmo") == ["Elm Clinic"] and await found("mayfair") == ["Mayfair Clinic", "Mayfair Eye Center"]
    assert "pinned" in (await run("directory", "pin", "mayfair eye center")).out
    assert await found("mayfair") == ["Mayfair Eye Center", "Mayfair Clinic"]
    await run("directory", "hide", "Mayfair Eye Center", "--vendor", "meditech")
    assert await found("mayfair") == ["Mayfair Clinic"]
    await run("directory", "hide", "Mayfair Eye Center", "--undo")
    assert await found("mayfair") == ["Mayfair Eye Center", "Mayfair Clinic"]


async def test_what_cannot_be_done_is_said_with_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"entry": [')
    (tmp_path / "good.tsv").write_text(CLINICS)
    said = await run("directory", "import", tmp_path / "broken.json", tmp_path / "none.json", tmp_path / "good.tsv")
    assert said.code == 1 and "ends in the middle" in said.err and "Check the path" in said.err
    assert "2 in the directory" in said.out, "one that cannot be read does not keep the others out"
    for words, says in (
        (("import",), "at least one"),
        (("search",), "Give either a query or --queries FILE"),
        (("search", "--queries", tmp_path / "none.txt"), "cannot be read"),
        (("hide", "Nobody's Clinic"), "no organization of this name"),
        (("add", "Elm", "--address", "https://10.0.0.1/r4", "--vendor", "Epic"), "numeric_address"),
        (("add", "<script>x</script>", "--address", fhir("elm.org"), "--vendor", "Epic"), "markup"),
        (("alias", "import", tmp_path / "good.tsv"), "alias"),
    ):
        said = await run("directory", *words)
        assert said.code != 0 and says in said.err and len(said.err.splitlines()) == 1, (words, said)
