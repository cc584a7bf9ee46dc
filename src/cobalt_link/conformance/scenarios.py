"""Tells a connector's cases against an EHR, each straight and cut into pieces, and compares what came of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import get_args

import msgspec

from cobalt_link.conformance.cases import Case, CaseBroken, Cases, CaseStep, Given, filled, wanted
from cobalt_link.conformance.leaks import leaks
from cobalt_link.conformance.names import Names
from cobalt_link.conformance.reads import misread
from cobalt_link.conformance.recording import WatchedHttp, listening, trust
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.runs import Teller, Told, told_by_many, told_straight
from cobalt_link.conformance.script import Script
from cobalt_link.conformance.test_server import send, standing
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
NO_EHR = "no EHR to run against. Start one and say --address URL"


class Rehearsal(msgspec.Struct, kw_only=True):
    """What the cases brought to light."""

    findings: list[Finding] = []
    told: list[str] = []
    skipped: list[str] = []
    seen: Seen = msgspec.field(default_factory=Seen)
    reached: set[str] = set()


async def rehearse(kind: type[Connector], cases: Cases, names: Names, address: str | None, given: Given) -> Rehearsal:
    """`address` is an EHR that runs already; `given` fills the cases' {names}."""
    run = Rehearsal()
    run.findings += _undeclared(kind, cases)
    if address is None and cases.ehr is None:
        run.skipped = [f"{case.name}: {NO_EHR}" for case in cases.case]
        return run
    try:
        async with _ehr(cases, address) as where:
            await _recognized(kind, where, run)
            for case in cases.case:
                await _rehearse(kind, cases, case, where, given, run)
    except CaseBroken as broken:
        run.findings.append(Finding("cases", "cases.toml", str(broken)))
        return run
    if not run.skipped:
        for name in sorted((names.steps | names.choices) - run.reached):
            run.findings.append(Finding("cases", "cases.toml", f"No case comes to {name!r}. Add one that does."))
    return run


def _undeclared(kind: type[Connector], cases: Cases) -> list[Finding]:
    read = {capability for case in cases.case for capability in case.reads}
    return [
        Finding("cases", "cases.toml", f"No case reads {name}, which the manifest declares. Name it in a case's reads.")
        for name in get_args(Capability)
        if name in kind.manifest.reads and name not in read
    ]


@asynccontextmanager
async def _ehr(cases: Cases, address: str | None) -> AsyncIterator[str]:
    if address is not None or cases.ehr is None:
        yield (address or "").rstrip("/")
        return
    async with standing(cases.ehr) as where:
        yield where


async def _recognized(kind: type[Connector], where: str, run: Rehearsal) -> None:
    http = WatchedHttp()
    try:
        await kind(http).recognize(EhrInstance(address=where))
    except Exception as error:
        text = f"`recognize` refuses the EHR of the cases with {type(error).__name__}."
        run.findings.append(Finding("cases", "recognize", text))
    finally:
        await http.close()


async def _rehearse(kind: type[Connector], cases: Cases, case: Case, where: str, given: Given, run: Rehearsal) -> None:
    # Letters that each encoding spells in its own way, or a search for one spelling would find them all.
    values: Given = {"canary": f'Kit{secrets.token_hex(8)} <é&"+/%>'} | dict(given)
    if missing := wanted(case) - set(values):
        run.skipped.append(f"{case.name}: {_variables(missing)} is not set")
        return
    if unwanted := given.keys() & set(case.unless):
        run.skipped.append(f"{case.name}: told only without {_variables(unwanted)}")
        return
    try:
        async with asyncio.timeout(CASE_SECONDS):
            findings = await _compared(kind, cases, case, where, values, run)
    except TimeoutError:
        findings = [f"It was not over after {CASE_SECONDS:g} seconds."]
    run.told.append(case.name)
    known = {(each.rule, each.text) for each in run.findings}
    fresh = [Finding("secrets" if text.startswith("A secret") else "cases", case.name, text) for text in findings]
    run.findings += [each for each in fresh if (each.rule, each.text) not in known]


def _variables(names: Iterable[str]) -> str:
    return ", ".join(f"COBALT_CHECK_{name.upper()}" for name in sorted(names))


async def _compared(
    kind: type[Connector], cases: Cases, case: Case, where: str, values: Given, run: Rehearsal
) -> list[str]:
    with listening() as said:
        straight = await _told(kind, cases, case, where, values, told_straight)
        pieces = await _told(kind, cases, case, where, values, told_by_many)
    typed = straight.typed | pieces.typed
    _note(run, straight, typed)
    findings = [f"{broken}." for broken in dict.fromkeys((straight.broken, pieces.broken)) if broken]
    if not findings:
        findings += [*_differences(case, straight, pieces), *dict.fromkeys(straight.faults + pieces.faults)]
    traces = [*straight.traces, *pieces.traces, *(("the log", line) for line in said)]
    for instance, how in dict.fromkeys(leaks(typed, traces)):
        findings.append(f"A secret that was typed stands in {instance}, {how}.")
    return findings


async def _told(kind: type[Connector], cases: Cases, case: Case, where: str, values: Given, teller: Teller) -> Told:
    http, own, instance = (
        WatchedHttp(timeout=case.timeout),
        Http(allow_private=True, tls=trust()),
        EhrInstance(address=where),
    )
    told, script = Told(), Script(case, where, own, values)
    try:
        if cases.ehr and cases.ehr.reset:
            await send(own, where, CaseStep(send=cases.ehr.reset))
        for step in case.prepare:
            await send(own, where, filled(step, values))
        await teller(kind, instance, script, http, told)
        if left := script.left_over():
            told.faults.append(f"It ended with {len(left)} of its answers unasked.")
        if teller is told_by_many:
            told.typed = script.typed
            told.faults += await _afterwards(kind, case, instance, told, http)
    except CaseBroken as broken:
        told.broken = str(broken)
    finally:
        await http.close()
        await own.close()
    told.typed = script.typed
    return told


async def _afterwards(kind: type[Connector], case: Case, instance: EhrInstance, told: Told, http: Http) -> list[str]:
    """What the grant is good for: the declared reads, and a renewal without the person."""
    if told.grant is None:
        return ["It was to read or renew, and there is no grant."] if case.reads or case.renewed else []
    findings = [] if kind.manifest.keeps_password else _kept(told)
    grant, connector = told.grant, kind(http)
    chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known)
    for capability in case.reads:
        try:
            findings += [text async for text in misread(connector, chart, capability, datetime.now(UTC).date())]
        except Exception as error:
            findings.append(f"Reading {capability} ended in {type(error).__name__}.")
    return findings + (await _renewed(connector, case, instance, told, grant) if case.renewed else [])


def _kept(told: Told) -> list[str]:
    kept = b"".join(told.answers.values()).decode()
    promise = (
        "The manifest says that the password is not kept, and it is. Say `await ask.forget(who)` when it was used."
    )
    return [promise] if any(leaks(told.typed, [("", kept)])) else []


async def _renewed(connector: Connector, case: Case, instance: EhrInstance, told: Told, grant: Grant) -> list[str]:
    outcome = await replay(
        lambda ask: connector.sign_in(ask, instance), MemoryJournal(),
        saved=told.answers, known=grant.known, silent=True,
    )  # fmt: skip
    findings: list[str] = []
    ended = "granted" if isinstance(outcome, Granted) else outcome.refusal.code if isinstance(outcome, Refused) else "?"
    if ended != case.renewed:
        findings.append(f"Renewing without the person ends in {ended}, not in {case.renewed}.")
    if isinstance(outcome, Granted) and outcome.grant.user.id != grant.user.id:
        findings.append("Renewing gives another person.id: the account would not be known again.")
    sent = {pane.name for pane in told.panes if isinstance(pane, Code) and pane.way != "app"}
    if isinstance(outcome, Refused) and outcome.refusal.details.get("reason") in sent:
        # It got as far as the code: by then the EHR had sent one, and nobody was there.
        findings.append("Renewing makes the EHR send a code. Say reaches_user=True of the step that does.")
    return findings


def _note(run: Rehearsal, told: Told, typed: set[str]) -> None:
    """What the texts and the list of cases are held against; never what somebody typed."""
    seen = run.seen
    run.reached |= set(told.steps)
    for pane in told.panes:
        if isinstance(pane, Choice):
            run.reached.add(pane.name)
            seen.rows |= {(pane.name, row.label) for row in pane.options if row.known}
    if told.refusal is not None:
        rights, what = (str(told.refusal.details.get(name) or "") for name in ("rights", "what"))
        seen.rights |= {right for right in rights.split(", ") if right and not any(map(right.__contains__, typed))}
        seen.kinds |= {what} if what and not any(map(what.__contains__, typed)) else set()


def _differences(case: Case, straight: Told, pieces: Told) -> list[str]:
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
            found.append(f"Told in pieces it {what} {other}; told straight, {one}. Something is not in the journal.")
    return found


def _methods(told: Told) -> list[str]:
    """Paths may hold what the EHR made up for one sign-in."""
    return [line.partition(" ")[0] for line in told.sent]
