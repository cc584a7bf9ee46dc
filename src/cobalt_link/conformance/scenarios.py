"""Runs a connector's cases against an EHR, each straight and in pieces, and compares the results."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import get_args

import msgspec

from cobalt_link.conformance.cases import FILE, Case, CaseBroken, Cases, CaseStep, Given, filled, wanted
from cobalt_link.conformance.leaks import leaks
from cobalt_link.conformance.lines import at_case, at_code, at_key
from cobalt_link.conformance.names import Names
from cobalt_link.conformance.reads import misread
from cobalt_link.conformance.recording import RecordingHttp, recorded_output, trust
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.runs import Runner, RunResult, run_in_pieces, run_straight
from cobalt_link.conformance.script import Script
from cobalt_link.conformance.test_server import send, started
from cobalt_link.conformance.texts import Seen
from cobalt_link.connector.connector import Chart, Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.manifest import Capability
from cobalt_link.connector.panes import Choice, Code
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Granted, Refused, replay

CASE_SECONDS = 120.0
NO_EHR = "there is no EHR to run against. Start one and give its --address URL"


class ScenarioResults(msgspec.Struct, kw_only=True):
    """What the cases showed. `reached` are the steps and choices that they came to."""

    findings: list[Finding] = []
    ran: list[str] = []
    skipped: list[str] = []
    seen: Seen = msgspec.field(default_factory=Seen)
    reached: set[str] = set()


async def run_cases(
    kind: type[Connector], cases: Cases, names: Names, address: str | None, given: Given
) -> ScenarioResults:
    """`address` is an EHR that runs already. `given` fills the cases' {names}."""
    run = ScenarioResults()
    run.findings += _undeclared(kind, cases)
    if address is None and cases.ehr is None:
        run.skipped = [f"{case.name}: {NO_EHR}" for case in cases.case]
        return run
    try:
        async with _ehr(cases, address) as where:
            await _recognized(kind, where, run)
            for case in cases.case:
                await _run_case(kind, cases, case, where, given, run)
    except CaseBroken as broken:
        run.findings.append(Finding("cases", at_key(kind.folder / FILE, "ehr"), f"{broken}."))
        return run
    if not run.skipped:
        for name, place in sorted((names.steps | names.choices).items()):
            if name not in run.reached:
                run.findings.append(Finding("cases", place, f"No case reaches {name!r}. Add one that does."))
    return run


def _undeclared(kind: type[Connector], cases: Cases) -> list[Finding]:
    read = {capability for case in cases.case for capability in case.reads}
    return [
        Finding(
            "cases",
            at_key(kind.folder / "manifest.toml", name, "reads"),
            f"No case reads {name}, which the manifest declares. Add it to the reads of a case.",
        )
        for name in get_args(Capability)
        if name in kind.manifest.reads and name not in read
    ]


@asynccontextmanager
async def _ehr(cases: Cases, address: str | None) -> AsyncIterator[str]:
    if address is not None or cases.ehr is None:
        yield (address or "").rstrip("/")
        return
    async with started(cases.ehr) as where:
        yield where


async def _recognized(kind: type[Connector], where: str, run: ScenarioResults) -> None:
    http = RecordingHttp()
    try:
        await kind(http).recognize(EhrInstance(address=where))
    except Exception as error:
        text = f"`recognize` refuses the EHR of the cases with {type(error).__name__}. It must accept its own EHR."
        run.findings.append(Finding("cases", at_code(kind.recognize), text))
    finally:
        await http.close()


async def _run_case(
    kind: type[Connector], cases: Cases, case: Case, where: str, given: Given, run: ScenarioResults
) -> None:
    # Each encoding spells these letters in its own way, so that a leak is found in the encoding that it has.
    values: Given = {"canary": f'Kit{secrets.token_hex(8)} <é&"+/%>'} | dict(given)
    if missing := wanted(case) - set(values):
        run.skipped.append(f"{case.name}: {_variables(missing)} is not set")
        return
    if unwanted := given.keys() & set(case.unless):
        run.skipped.append(f"{case.name}: it runs only without {_variables(unwanted)}")
        return
    try:
        async with asyncio.timeout(CASE_SECONDS):
            findings = await _compared(kind, cases, case, where, values, run)
    except TimeoutError:
        findings = [f"It did not end within {CASE_SECONDS:g} seconds."]
    run.ran.append(case.name)
    known = {(each.rule, each.text) for each in run.findings}
    place = at_case(kind.folder / FILE, case.name)
    fresh = [Finding("secrets" if text.startswith("A secret") else "cases", place, text) for text in findings]
    run.findings += [each for each in fresh if (each.rule, each.text) not in known]


def _variables(names: Iterable[str]) -> str:
    return ", ".join(f"COBALT_CHECK_{name.upper()}" for name in sorted(names))


async def _compared(
    kind: type[Connector], cases: Cases, case: Case, where: str, values: Given, run: ScenarioResults
) -> list[str]:
    with recorded_output() as said:
        straight = await _run_once(kind, cases, case, where, values, run_straight)
        pieces = await _run_once(kind, cases, case, where, values, run_in_pieces)
    typed = straight.typed | pieces.typed
    _note(run, straight, typed)
    findings = [f"{broken}." for broken in dict.fromkeys((straight.broken, pieces.broken)) if broken]
    if not findings:
        findings += [*_differences(case, straight, pieces), *dict.fromkeys(straight.faults + pieces.faults)]
    traces = [*straight.traces, *pieces.traces, *(("the log", line) for line in said)]
    for instance, how in dict.fromkeys(leaks(typed, traces)):
        findings.append(f"A secret that was typed is in {instance}, {how}. Remove it there.")
    return findings


async def _run_once(
    kind: type[Connector], cases: Cases, case: Case, where: str, values: Given, runner: Runner
) -> RunResult:
    http, own, instance = (
        RecordingHttp(timeout=case.timeout),
        Http(allow_private=True, tls=trust()),
        EhrInstance(address=where),
    )
    result, script = RunResult(), Script(case, where, own, values)
    try:
        if cases.ehr and cases.ehr.reset:
            await send(own, where, CaseStep(send=cases.ehr.reset))
        for step in case.prepare:
            await send(own, where, filled(step, values))
        await runner(kind, instance, script, http, result)
        if left := script.left_over():
            result.faults.append(
                f"It ended before {len(left)} of its steps were used. Remove them, or correct the case."
            )
        if runner is run_in_pieces:
            result.typed = script.typed
            result.faults += await _afterwards(kind, case, instance, result, http)
    except CaseBroken as broken:
        result.broken = str(broken)
    finally:
        await http.close()
        await own.close()
    result.typed = script.typed
    return result


async def _afterwards(
    kind: type[Connector], case: Case, instance: EhrInstance, result: RunResult, http: Http
) -> list[str]:
    """Uses the grant: for the reads of the case, and for a renewal in the background."""
    if result.grant is None:
        return ["The case reads or renews, but the sign-in gave no grant."] if case.reads or case.renewed else []
    findings = [] if kind.manifest.keeps_password else _kept(result)
    grant, connector = result.grant, kind(http)
    chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known, zone=grant.zone)
    for capability in case.reads:
        try:
            findings += [text async for text in misread(connector, chart, capability, datetime.now(UTC).date())]
        except Exception as error:
            findings.append(
                f"Reading {capability} ended in {type(error).__name__}. Raise a refusal for what the EHR may answer."
            )
    return findings + (await _renewed(connector, case, instance, result, grant) if case.renewed else [])


def _kept(result: RunResult) -> list[str]:
    kept = b"".join(result.answers.values()).decode()
    promise = "The manifest says keeps_password = false, but the password is kept. Call `ask.forget` after its use."
    return [promise] if any(leaks(result.typed, [("", kept)])) else []


async def _renewed(
    connector: Connector, case: Case, instance: EhrInstance, result: RunResult, grant: Grant
) -> list[str]:
    outcome = await replay(
        lambda ask: connector.sign_in(ask, instance), MemoryJournal(),
        saved=result.answers, known=grant.known, silent=True,
    )  # fmt: skip
    findings: list[str] = []
    ended = "granted" if isinstance(outcome, Granted) else outcome.refusal.code if isinstance(outcome, Refused) else "?"
    if ended != case.renewed:
        findings.append(f"The renewal in the background ends in {ended}, not in {case.renewed}.")
    if isinstance(outcome, Granted) and outcome.grant.user.id != grant.user.id:
        findings.append(
            "The renewal gives another user.id, so the account would not be recognized. Use an id that stays the same."
        )
    sent = {pane.name for pane in result.panes if isinstance(pane, Code) and pane.way != "app"}
    if isinstance(outcome, Refused) and outcome.refusal.details.get("reason") in sent:
        # It got as far as the code pane: by then the EHR had sent a code, and nobody was there.
        findings.append("The renewal makes the EHR send a code. Add reaches_user=True to the step that does this.")
    return findings


def _note(run: ScenarioResults, result: RunResult, typed: set[str]) -> None:
    """Notes what the texts and the cases are compared with. Never keeps what was typed."""
    seen = run.seen
    run.reached |= set(result.steps)
    for pane in result.panes:
        if isinstance(pane, Choice):
            run.reached.add(pane.name)
            seen.rows |= {(pane.name, row.label) for row in pane.options if row.known}
    if result.refusal is not None:
        rights, what = (str(result.refusal.details.get(name) or "") for name in ("rights", "what"))
        seen.rights |= {right for right in rights.split(", ") if right and not any(map(right.__contains__, typed))}
        seen.kinds |= {what} if what and not any(map(what.__contains__, typed)) else set()


def _differences(case: Case, straight: RunResult, pieces: RunResult) -> list[str]:
    found: list[str] = []
    if straight.ends != case.ends:
        found.append(f"It ends in {straight.ends}, not in {case.ends}.")
    if straight.labels != list(case.panes):
        found.append(f"It shows the panes {straight.labels}, not {list(case.panes)}.")
    for what, one, other in (
        ("ends in", straight.ends, pieces.ends),
        ("shows the panes", straight.labels, pieces.labels),
        ("does", straight.steps, pieces.steps),
        ("sends", _methods(straight), _methods(pieces)),
    ):
        if one != other:
            found.append(f"Run in pieces, it {what} {other}. Run straight, {one}. Something is not in the journal.")
    return found


def _methods(result: RunResult) -> list[str]:
    """The methods alone: paths may hold what the EHR made up for one sign-in."""
    return [line.partition(" ")[0] for line in result.sent]
