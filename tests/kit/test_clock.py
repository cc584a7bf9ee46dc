"""Time moves when a test moves it, also for other processes that share the file."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cobalt_link.kit.clock import Clock, FileClock, MovedClock, SystemClock

MINUTE = timedelta(minutes=1)


def ahead(clock: Clock) -> timedelta:
    return clock.now() - datetime.now(UTC)


def test_every_clock_tells_an_aware_utc_time(tmp_path: Path) -> None:
    for clock in (SystemClock(), MovedClock(), FileClock(tmp_path / "absent")):
        assert clock.now().tzinfo is UTC
        assert abs(ahead(clock)) < MINUTE


def test_a_moved_clock_moves_on_from_where_it_was() -> None:
    clock = MovedClock(timedelta(hours=1))
    clock.move(timedelta(days=-1))
    assert abs(ahead(clock) - timedelta(hours=-23)) < MINUTE


def test_a_file_moves_the_clock_of_every_process_that_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("86400\n")
    assert abs(ahead(FileClock(file)) - timedelta(days=1)) < MINUTE
    code = "import sys, pathlib; from cobalt_link.kit.clock import FileClock;"
    code += "print(FileClock(pathlib.Path(sys.argv[1])).now().isoformat())"
    told = subprocess.run([sys.executable, "-c", code, str(file)], check=True, capture_output=True, text=True).stdout
    assert abs(datetime.fromisoformat(told.strip()) - datetime.now(UTC) - timedelta(days=1)) < MINUTE
    file.write_text("")
    assert abs(ahead(FileClock(file))) < MINUTE


def test_a_file_that_holds_no_number_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text("tomorrow")
    with pytest.raises(ValueError, match="offset must hold the clock's offset in seconds"):
        FileClock(file).now()
