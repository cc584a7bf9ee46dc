"""Runs one case straight and in pieces, and compares the two runs with each other and with the case."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from cobalt_link.conformance.cases import Case, CaseBroken, Cases, CaseStep, Given, filled
from cobalt_link.conformance.grants import use_grant
from cobalt_link.conformance.leaks import leaks
from cobalt_link.conformance.recording import RecordingHttp, recorded_output, trust
from cobalt_link.conformance.report import Fault
from cobalt_link.conformance.runs import Runner, RunResult, run_in_pieces, run_straight
from cobalt_link.conformance.script import Script
from cobalt_link.conformance.test_server import send
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.net.http import Http


class Bench(msgspec.Struct, frozen=True):
    """The EHR that the cases run against, and the connector that is checked there."""

    kind: type[Connector]
    cases: Cases
    address: str

    async def reset(self, http: Http) -> None:
        """Puts the EHR back to its first state, if it is the cases' own program and can do that."""
        if self.cases.ehr and self.cases.ehr.reset:
            await send(http, self.address, CaseStep(send=self.cases.ehr.reset))


class Compared(NamedTuple):
    """`leaked` are secrets that came out somewhere, `faults` everything else that is wrong."""

    straight: RunResult
    pieces: RunResult
    faults: list[Fault]
    leaked: list[Fault]

    @property
    def typed(self) -> set[str]:
        return self.straight.typed | self.pieces.typed


async def compare(bench: Bench, case: Case, values: Given) -> Compared:
    """Both runs of a case. `values` fill its {names}."""
    with recorded_output() as said:
        straight = await _run(bench, case, values, run_straight)
        pieces = await _run(bench, case, values, run_in_pieces)
    faults = [Fault(f"{broken}.") for broken in dict.fromkeys((straight.broken, pieces.broken)) if broken]
    if not faults:
        faults = [*dict.fromkeys(straight.faults + pieces.faults)]
        # A result that changes its type is the cause of what differs, and is named already.
        changed = any(fault.text.startswith("The step ") for fault in faults)
        faults = [*([] if changed else _differences(case, straight, pieces)), *faults]
    traces = [*straight.traces, *pieces.traces, *(("the log", line) for line in said)]
    leaked = [
        Fault(f"A secret that was typed is in {where}, {how}. Remove it there.")
        for where, how in dict.fromkeys(leaks(straight.typed | pieces.typed, traces))
    ]
    return Compared(straight, pieces, faults, leaked)


async def _run(bench: Bench, case: Case, values: Given, runner: Runner) -> RunResult:
    http = RecordingHttp(bench.kind.folder, timeout=case.timeout)
    own, instance = Http(allow_private=True, tls=trust()), EhrInstance(address=bench.address)
    result, script = RunResult(), Script(case, bench.address, own, values)
    try:
        await bench.reset(own)
        for step in case.prepare:
            await send(own, bench.address, filled(step, values))
        await runner(bench.kind, instance, script, http, result)
        if left := script.left_over():
            text = f"It ended before {len(left)} of its steps were used. Remove them, or correct the case."
            result.faults.append(Fault(text))
        if runner is run_in_pieces:
            result.typed = script.typed

            async def end() -> None:
                for step in case.end_session:
                    await send(own, bench.address, filled(step, values))

            result.faults += await use_grant(
                bench.kind(http), case, instance, result, end if case.end_session else None
            )
    except CaseBroken as broken:
        result.broken = str(broken)
    finally:
        await http.close()
        await own.close()
    result.typed, result.declined = script.typed, script.declined
    return result


def _differences(case: Case, straight: RunResult, pieces: RunResult) -> list[Fault]:
    found: list[Fault] = []
    if straight.ends != case.ends:
        found.append(Fault(f"It ends in {straight.ends}, not in {case.ends}."))
    if straight.labels != list(case.panes):
        found.append(Fault(f"It shows the panes {straight.labels}, not {list(case.panes)}."))
    for what, one, other in (
        ("ends in", straight.ends, pieces.ends),
        ("shows the panes", straight.labels, pieces.labels),
        ("does", straight.steps, pieces.steps),
        ("sends", _methods(straight), _methods(pieces)),
    ):
        if one != other:
            text = f"Run in pieces, it {what} {other}. Run straight, {one}. Something is not in the journal."
            found.append(Fault(text))
    return found


def _methods(result: RunResult) -> list[str]:
    """The methods alone: paths may hold what the EHR made up for one sign-in."""
    return [line.partition(" ")[0] for line in result.sent]
