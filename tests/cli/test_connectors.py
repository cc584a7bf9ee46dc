"""`cobalt connectors`: which EHRs can be linked, and the check on the command line, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from cobalt_link.app import connector_classes
from tests.cli.cobalt import Said, cobalt
from tests.conformance import worked_example
from tests.support.world import Sandbox


async def run(tmp_path: Path, *words: str, **env: str) -> Said:
    return await cobalt("connectors", *words, data=tmp_path / "data", **env)


def installed(folder: Path) -> str:
    """The worked example beside what is installed, as pip would leave it; gives the path to import from."""
    about = folder / "cobalt_larkspur-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cobalt-larkspur\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cobalt_link.connectors]\nlarkspur = larkspur:Larkspur\n")
    return str(folder)


async def test_the_list_names_every_connector_as_emr_name_may(tmp_path: Path) -> None:
    said = await run(tmp_path, "list", "--json")
    assert said.code == 0, said.err
    listed = {each["key"]: each for each in said.json["connectors"]}
    assert listed.keys() == connector_classes().keys() == {"sandbox", "gnuhealth", "smart"}
    assert (listed["gnuhealth"]["name"], listed["gnuhealth"]["aliases"][0]) == ("GNU Health", "GNU Health HIS")
    assert "Sandbox EHR" in (await run(tmp_path, "list")).out


async def test_the_sandbox_passes_and_a_connector_without_an_ehr_has_not_passed(tmp_path: Path) -> None:
    said = await run(tmp_path, "check", TMPDIR=str(tmp_path))
    assert said.code == 1, said
    assert "ok    sandbox" in said.out and "FAIL  gnuhealth: 0 cases run, 1 finding\n" in said.out
    assert "cases: cases.toml:1: No case ran, so nothing is proved." in said.out
    assert said.out.count("skipped: ") == 5 and "--address URL" in said.out
    assert not [*tmp_path.glob("cobalt-check-*")], "the EHR of the cases left its folder behind"


async def test_a_running_ehr_is_used_when_its_address_is_given(tmp_path: Path, sandbox: Sandbox) -> None:
    worked_example.write(tmp_path / "site")
    words = ("check", "larkspur", "--address", sandbox.address, "--json")
    said = await run(tmp_path, *words, PYTHONPATH=installed(tmp_path / "site"))
    assert said.code == 0, said
    (report,) = said.json["connectors"]
    assert (said.json["passed"], report["connector"], report["findings"]) == (True, "larkspur", [])
    assert len(report["ran"]) == 5
    assert (await sandbox.counts())["requests"] > 0


async def test_a_warning_comes_before_an_account_can_be_locked(tmp_path: Path, sandbox: Sandbox) -> None:
    worked_example.write(tmp_path / "site")
    path = installed(tmp_path / "site")
    words = ("check", "larkspur", "--address", sandbox.address)
    said = await run(tmp_path, *words, PYTHONPATH=path)
    assert said.code == 0, said
    assert f"Warning: these cases type wrong passwords or codes at {sandbox.address}" in said.err
    assert "  A locked account: 2 times for user_locked\n" in said.err and "--skip-wrong-passwords" in said.err
    said = await run(tmp_path, *words, "--skip-wrong-passwords", PYTHONPATH=path)
    assert (said.code, said.err) == (0, ""), said
    assert "skipped: A locked account: it types a wrong password or code" in said.out


async def test_an_address_is_one_connectors(tmp_path: Path) -> None:
    said = await run(tmp_path, "check", "--address", "http://127.0.0.1:9")
    assert (said.code, said.out) == (2, "") and "name the one connector" in said.err


async def test_a_connector_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    said = await run(tmp_path, "check", "nobody", "--json")
    assert said.code == 1 and '"unknown_connector"' in said.err and said.err.count("\n") == 1


async def test_a_connector_of_another_package_is_listed_and_checked(tmp_path: Path) -> None:
    worked_example.write(tmp_path / "site")
    path = installed(tmp_path / "site")
    listed = await run(tmp_path, "list", "--json", PYTHONPATH=path)
    assert "larkspur" in [each["key"] for each in listed.json["connectors"]]
    said = await run(tmp_path, "check", "larkspur", PYTHONPATH=path)
    assert said.code == 0 and "ok    larkspur: 5 cases run, 0 findings" in said.out, said


async def test_findings_fail_the_command_and_say_where(tmp_path: Path) -> None:
    change = (
        "sign_in.py",
        "    second_factor = bool(step.challenge)\n",
        "    second_factor = bool(open('/dev/null'))\n",
    )
    worked_example.write(tmp_path / "site", change)
    said = await run(tmp_path, "check", "larkspur", PYTHONPATH=installed(tmp_path / "site"))
    assert said.code == 1 and "FAIL  larkspur" in said.out, said
    assert "sign_in: sign_in.py:" in said.out and "`open` would run again after each answer" in said.out


async def test_a_connector_that_cannot_be_loaded_is_a_finding_and_the_others_are_checked(tmp_path: Path) -> None:
    worked_example.write(tmp_path / "site", ("manifest.toml", 'mark = "LE"\n', ""))
    said = await run(tmp_path, "check", "larkspur", "sandbox", "--json", PYTHONPATH=installed(tmp_path / "site"))
    broken, fine = said.json["connectors"]
    assert said.code == 1 and "`mark`" in broken["findings"][0]["text"]
    assert (fine["connector"], fine["findings"]) == ("sandbox", [])


async def test_a_connector_that_cannot_be_loaded_stops_other_commands_with_one_line(tmp_path: Path) -> None:
    worked_example.write(tmp_path / "site", ("wire.py", "from typing import Any\n", "import nothing_like_that\n"))
    said = await run(tmp_path, "list", PYTHONPATH=installed(tmp_path / "site"))
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
    assert "The connector larkspur cannot be loaded: ModuleNotFoundError" in said.err


def test_the_worked_example_is_not_installed_here() -> None:
    assert "larkspur" not in sys.modules
