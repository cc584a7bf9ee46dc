import tempfile
from pathlib import Path

import psutil
import pytest
from benchmarks.filling import Size

from benchmarks import (
    attack,
    deliveries,
    directory,
    idle,
    link,
    live_read,
    note_event,
    scale,
    slow_ehr,
    smart,
    soak,
    start,
    strangers,
    tokens,
    waiting,
    writes,
)
from cobalt_link.store import embedded
from tests.support import proof
from tests.support.clusters import ReadyMade

BRIEFLY = {
    "tokens": lambda: tokens.run(rounds=1, seconds=0.3, exchanges=40),
    "strangers": lambda: strangers.run(calls=30),
    "link": lambda: link.run(rounds=1, seconds=0.3),
    "start": lambda: start.run(rounds=1),
    "writes": lambda: writes.run(rounds=1, seconds=0.3),
    "note-event": lambda: note_event.run(rounds=1, notes=3),
    "live-read": lambda: live_read.run(rounds=1, calls=3, ehrs=("sandbox",)),
    "smart": lambda: smart.run(rounds=1, calls=3, links=1, refreshes=1),
    "idle": lambda: idle.run(seconds=0.1),
    "soak": lambda: soak.run(hours=0.002, measure=1.0),
    "waiting": lambda: waiting.run(sessions=3, approvals=2, seconds=0.5, within=0.2),
    "slow-ehr": lambda: slow_ehr.run(rounds=1, seconds=0.3, reads=4, sign_ins=2, slow=(2.0, 2.0)),
    "deliveries": lambda: deliveries.run(rounds=1, events=40),
    "directory": lambda: directory.run(rows=3_000, each_kind=4, most=1_000),
    "attack": lambda: attack.run(seconds=0.3, rounds=1, names=["silent connections", "nested bodies"]),
}
TOLD = {
    "directory": ["unseen queries", "hand-written queries", "CPU per keystroke among 3,000", "baseline", "memory"],
    "tokens": ["link/token/create", "link/token/exchange", "ratio", "target 1.00", "one by one", "CPU"],
    "strangers": ["link token", "public token", "access token", "by a live client", "two unknown ones", "target below"],
    "link": ["links per second", "p50", "baseline", "ratio"],
    "writes": ["accepted writes", "one by one", "ratio", "target 0.70", "CPU"],
    "note-event": ["from POST /v1/notes to the event", "p50", "baseline", "target below 250"],
    "live-read": ["appointments at sandbox", "p50", "directly", "ratio", "target below 1.20"],
    "smart": ["SMART link", "FHIR read", "p50", "directly", "target below 1.20", "refreshes each time: 1;"],
    "start": ["cobalt serve", "cobalt demo", "warm", "cold", "target 3.0", "ratio"],
    "attack": ["healthz", "token create", "p99", "without the attack", "ratio", "target 2.00", "0 failed"],
    "soak": ["links in", "0 failed", "MB in ten minutes", "target 1.00"],
    "waiting": ["CPU per waiting session", "link/token/create", "ratio", "approvals", "later than", "baseline"],
    "slow-ehr": ["a read at another EHR", "a link at another EHR", "p50", "baseline", "ratio", "target 1.50"],
    "deliveries": ["deliveries per second", "CPU per delivery", "bare loop", "ratio", "target 0.50"],
    "idle": ["server with its worker", "PostgreSQL", "baseline", "ratio"],
}


if proof.SIZE == "nightly":  # it fills two databases, which takes half a minute
    BRIEFLY["scale"] = lambda: scale.run(Size(2_000, 3_000, 5_000, 3_000))
    TOLD["scale"] = ["GET /v1/accounts", "bytes per account", "longest transaction", "a read meanwhile", "baseline"]


@pytest.mark.slow
@pytest.mark.parametrize("name", BRIEFLY)
async def test_each_benchmark_tells_its_figures_beside_a_baseline_and_leaves_nothing_behind(
    name: str,
    tmp_path: Path,
    ready_made: ReadyMade,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def acquired(folder: Path, binaries: Path | None) -> embedded.Lease:
        ready_made.put(folder)
        return await acquire(folder, binaries)

    acquire = embedded.acquire
    monkeypatch.setattr(embedded, "acquire", acquired)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        await BRIEFLY[name]()
    except SystemExit:
        assert name == "soak"  # S-150 is about hours: in seconds, memory grows as fast as it wants
    told = capsys.readouterr().out
    assert [words for words in TOLD[name] if words not in told] == [], told
    assert "failed" not in told.replace("0 failed", "")
    assert [each.pid for each in psutil.process_iter() if str(tmp_path) in command(each)] == []
    assert list(tmp_path.iterdir()) == []


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
