"""Runs a connector's cases against an EHR, and says what no case showed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import get_args

import msgspec

from cobalt_link.conformance.cases import FILE, Case, CaseBroken, Cases, Given, reads_of, wanted
from cobalt_link.conformance.comparison import Bench, Compared, compare
from cobalt_link.conformance.lines import at_case, at_code, at_key
from cobalt_link.conformance.lockouts import wrong_tries
from cobalt_link.conformance.names import Names
from cobalt_link.conformance.recording import RecordingHttp, trust
from cobalt_link.conformance.report import Fault, Finding
from cobalt_link.conformance.runs import RunResult
from cobalt_link.conformance.test_server import started, why_down
from cobalt_link.conformance.texts import Seen
from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Choice
from cobalt_link.net.http import Http

CASE_SECONDS = 120.0
NO_EHR = "there is no EHR to run against. Start one and give its --address URL"
EHR_DOWN = "the EHR does not answer"


class ScenarioResults(msgspec.Struct, kw_only=True):
    """What the cases showed. `reached` are the steps and choices that they came to.

    `offered` are the choices with "none of these", `declined` those of them that a case answered so. `stopped`: a
    finding says why no more cases ran.
    """

    findings: list[Finding] = []
    ran: list[str] = []
    skipped: list[str] = []
    seen: Seen = msgspec.field(default_factory=Seen)
    reached: set[str] = set()
    offered: set[str] = set()
    declined: set[str] = set()
    stopped: bool = False


async def run_cases(
    kind: type[Connector], cases: Cases, names: Names, address: str | None, given: Given, *, wrong_passwords: bool
) -> ScenarioResults:
    """`address` is an EHR that runs already. `given` fills the cases' {names}.

    wrong_passwords: whether to run the cases that type a wrong password or code on purpose.
    """
    run = ScenarioResults(findings=_undeclared(kind, cases))
    left_out = {} if wrong_passwords else wrong_tries(cases.case, given)
    if address is None and cases.ehr is None:
        run.skipped = [f"{case.name}: {NO_EHR}" for case in cases.case]
        return run
    try:
        async with _ehr(kind, cases, address) as where:
            bench = Bench(kind, cases, where)
            if await _down(bench, run):
                return run
            await _recognized(bench, run)
            for case in cases.case:
                if case.name in left_out:
                    run.skipped.append(f"{case.name}: it types a wrong password or code")
                elif not await _run_case(bench, case, given, run):
                    return run
    except CaseBroken as broken:
        run.findings.append(Finding("cases", at_key(kind.folder / FILE, "ehr"), f"{broken}."))
        run.stopped = True
        return run
    if not run.skipped:
        run.findings += _not_shown(kind, names, run)
    return run


def _undeclared(kind: type[Connector], cases: Cases) -> list[Finding]:
    read = {capability for case in cases.case for capability in reads_of(case, kind.manifest)}
    return [
        Finding(
            "cases",
            at_key(kind.folder / "manifest.toml", name, "reads"),
            f"No case reads {name}, which the manifest declares. Add it to the reads of a case.",
        )
        for name in get_args(Capability)
        if name in kind.manifest.reads and name not in read
    ]


def _not_shown(kind: type[Connector], names: Names, run: ScenarioResults) -> Iterator[Finding]:
    for name, where in sorted((names.steps | names.choices).items()):
        if name not in run.reached:
            yield Finding("cases", where, f"No case reaches {name!r}. Add one that does.")
    for name in sorted(run.offered - run.declined):
        text = f"No case answers 'none of these' to the choice {name!r}. Add one with {{ none = true }}."
        yield Finding("cases", names.choices.get(name, at_code(kind.sign_in)), text)


@asynccontextmanager
async def _ehr(kind: type[Connector], cases: Cases, address: str | None) -> AsyncIterator[str]:
    if address is not None or cases.ehr is None:
        yield (address or "").rstrip("/")
        return
    async with started(cases.ehr) as where:
        yield where


async def _down(bench: Bench, run: ScenarioResults) -> bool:
    """Whether nothing answers at the EHR's address. One finding says so, instead of one for each case."""
    why = await why_down(bench.address)
    if why:
        run.stopped = True
        text = f"The EHR at {bench.address} does not answer. {why} Start it, or correct --address."
        run.findings.append(Finding("cases", at_key(bench.kind.folder / FILE, "ehr"), text))
        run.skipped += [f"{case.name}: {EHR_DOWN}" for case in bench.cases.case if case.name not in run.ran]
    return bool(why)


async def _recognized(bench: Bench, run: ScenarioResults) -> None:
    http = RecordingHttp(bench.kind.folder)
    try:
        await bench.kind(http).recognize(EhrInstance(address=bench.address))
    except Exception as error:
        text = f"`recognize` refuses the EHR of the cases with {type(error).__name__}. It must accept its own EHR."
        run.findings.append(Finding("cases", at_code(bench.kind.recognize), text))
    finally:
        await http.close()


async def _run_case(bench: Bench, case: Case, given: Given, run: ScenarioResults) -> bool:
    """Runs a case and adds what it showed. False if the EHR went down meanwhile."""
    # Each encoding spells these letters in its own way, so that a leak is found in the encoding that it has.
    values: Given = {"canary": f'Kit{secrets.token_hex(8)} <é&"+/%>'} | dict(given)
    if missing := wanted(case) - set(values):
        run.skipped.append(f"{case.name}: {_variables(missing)} is not set")
        return True
    if unwanted := given.keys() & set(case.unless):
        run.skipped.append(f"{case.name}: it runs only without {_variables(unwanted)}")
        return True
    faults, leaked = [Fault(f"It did not end within {CASE_SECONDS:g} seconds.")], []
    try:
        async with asyncio.timeout(CASE_SECONDS):
            compared = await compare(bench, case, values)
            faults, leaked = compared.faults, compared.leaked
            _note(run, compared)
    except TimeoutError:
        pass
    if faults and await _went_down(bench, run):
        return False
    run.ran.append(case.name)
    _add(bench, case, run, "cases", faults)
    _add(bench, case, run, "secrets", leaked)
    return True


async def _went_down(bench: Bench, run: ScenarioResults) -> bool:
    http = Http(allow_private=True, tls=trust())
    try:
        # The case itself may have stopped the EHR.
        await bench.reset(http)
    except CaseBroken:
        pass
    finally:
        await http.close()
    return await _down(bench, run)


def _add(bench: Bench, case: Case, run: ScenarioResults, rule: str, faults: Iterable[Fault]) -> None:
    """The faults as findings, each once for all cases that show it."""
    known = {(each.rule, each.text) for each in run.findings}
    for fault in faults:
        if (rule, fault.text) not in known:
            where = fault.where or at_case(bench.kind.folder / FILE, case.name)
            run.findings.append(Finding(rule, where, fault.text))


def _variables(names: Iterable[str]) -> str:
    return ", ".join(f"COBALT_CHECK_{name.upper()}" for name in sorted(names))


def _note(run: ScenarioResults, compared: Compared) -> None:
    """Notes what the texts and the cases are compared with. Never keeps what was typed."""
    seen, result = run.seen, compared.straight
    run.reached |= set(result.steps)
    run.declined |= result.declined
    for pane in result.panes:
        if isinstance(pane, Choice):
            run.reached.add(pane.name)
            run.offered |= {pane.name} if pane.none_of_these else set()
            seen.rows |= {(pane.name, row.label) for row in pane.options if row.known}
    _note_refusal(seen, result, compared.typed)


def _note_refusal(seen: Seen, result: RunResult, typed: set[str]) -> None:
    if result.refusal is None:
        return
    rights, what = (str(result.refusal.details.get(name) or "") for name in ("rights", "what"))
    seen.rights |= {right for right in rights.split(", ") if right and not any(map(right.__contains__, typed))}
    seen.kinds |= {what} if what and not any(map(what.__contains__, typed)) else set()
