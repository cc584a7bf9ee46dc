"""`make check`: which tests a changed file leads to."""

import pytest

from tests.house import check
from tests.house.folders import FOLDERS

THERE = set(FOLDERS)


@pytest.mark.parametrize(
    ("changed", "folders"),
    [
        ("src/cobalt_link/jobs/queue.py", {"jobs"}),
        ("src/cobalt_link/connectors/sandbox/reads.py", {"connectors/sandbox", "connectors/gnuhealth"}),
        ("src/sandbox_ehr/server.py", {"sandbox_ehr"}),
        ("src/acme_scribe/api.py", {"stories"}),
        ("tests/jobs/test_jobs.py", {"jobs"}),
        ("tests/browsers/chromium/site.py", {"browsers/chromium"}),
        ("clients/js/src/init.ts", {"browsers/chromium"}),
        ("docs/why/jobs.md", {"docs"}),
        ("README.md", {"docs"}),
        ("Makefile", set()),
        ("src/cobalt_link/nowhere/gone.py", set()),
    ],
)
def test_a_changed_file_leads_to_the_tests_of_its_room(changed: str, folders: set[str]) -> None:
    assert folders | {"house"} <= set(check.folders_for([changed], THERE))


def test_a_file_that_belongs_to_no_room_leads_to_the_house_alone() -> None:
    assert check.folders_for(["Makefile", "src/cobalt_link/nowhere/gone.py"], THERE) == ["house"]


def test_quick_rooms_above_a_changed_one_run_too_and_slow_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "importers", lambda room: {"stories", "developers"} if room == "store" else set())
    monkeypatch.setattr(check, "_is_quick", lambda folder: folder == "developers")
    assert check.folders_for(["src/cobalt_link/store/database.py"], THERE) == ["developers", "house", "store"]


def test_browsers_start_only_for_their_own_folders() -> None:
    assert check.marks_for(["link/pages"]) == "not slow and not gnuhealth and not browser"
    assert check.marks_for(["browsers/chromium", "link/pages"]) == "not slow and not gnuhealth"


def test_changes_are_those_since_the_branch_left_main() -> None:
    assert check.changed_files("HEAD") == sorted(set(check.changed_files("HEAD")))


def test_the_list_is_printed_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["--since", "HEAD", "--list"]) == 0
    assert capsys.readouterr().out.startswith("Tests of: ")
