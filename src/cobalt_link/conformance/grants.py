"""Uses the grant of a case: for its reads, for a renewal in the background, and after the EHR ended the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from cobalt_link.conformance.cases import Case, reads_of
from cobalt_link.conformance.ended_sessions import outcome, unrecognized_ends
from cobalt_link.conformance.leaks import leaks
from cobalt_link.conformance.lines import at_code, at_error
from cobalt_link.conformance.reads import methods_of, misread
from cobalt_link.conformance.report import Fault
from cobalt_link.conformance.runs import RunResult
from cobalt_link.connector.capabilities import RenewsSessions
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Code
from cobalt_link.connector.refusals import Refusal
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Granted, Refused, replay


async def use_grant(
    connector: Connector,
    case: Case,
    instance: EhrInstance,
    result: RunResult,
    end_session: Callable[[], Awaitable[None]] | None,
) -> list[Fault]:
    """What is wrong with the grant of a run."""
    if result.grant is None:
        text = "The case reads or renews, but the sign-in gave no grant."
        return [Fault(text)] if case.reads or case.renewed else []
    faults = [] if connector.manifest.keeps_password else _kept(connector, result)
    grant = result.grant
    chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known, zone=grant.zone)
    failed: set[str] = set()
    reads = reads_of(case, connector.manifest)
    for capability in reads:
        try:
            faults += [each async for each in misread(connector, chart, capability, datetime.now(UTC).date())]
        except Exception as error:
            failed.add(capability)
            text = f"Reading {capability} ended in {type(error).__name__}. Raise a refusal for what the EHR may answer."
            where = at_error(error, connector.folder) or at_code(getattr(type(connector), capability))
            faults.append(Fault(text, where))
    if isinstance(connector, RenewsSessions):
        faults += await refreshed(connector, chart, [each for each in reads if each not in failed])
    if case.renewed:
        faults += await _renewed(connector, case, instance, result, grant)
    # Last, because the session is not good for anything afterwards.
    methods = [each for capability in reads if capability not in failed for each in methods_of(connector, capability)]
    return faults + [each async for each in unrecognized_ends(connector, chart, methods, end_session)]


async def refreshed(connector: Any, chart: Chart, reads: list[str]) -> list[Fault]:
    """Calls `renew` and reads with the session that it returned."""
    where = at_code(type(connector).renew)
    try:
        renewed = await connector.renew(chart)
    except Refusal as no:
        return [Fault(f"`renew` ends in {no.code} although the session is valid. Return a Renewed.", where)]
    except Exception as error:
        text = f"`renew` broke with {type(error).__name__}. Raise a refusal for what the EHR may answer."
        return [Fault(text, at_error(error, connector.folder) or where)]
    if renewed is None:
        return []
    fresh = msgspec.structs.replace(chart, session=renewed.session)
    for method in reads[:1]:
        if error := await outcome(connector, fresh, method):
            return [
                Fault(f"After `renew`, {method} ends in {type(error).__name__}. Return a session that reads.", where)
            ]
    return []


def _kept(connector: Connector, result: RunResult) -> list[Fault]:
    kept = b"".join(result.answers.values()).decode()
    text = "The manifest says keeps_password = false, but the password is kept. Call `ask.forget` after its use."
    where = at_code(type(connector).sign_in)
    return [Fault(text, where)] if any(leaks(result.typed, [("", kept)])) else []


async def _renewed(
    connector: Connector, case: Case, instance: EhrInstance, result: RunResult, grant: Grant
) -> list[Fault]:
    outcome = await replay(
        lambda ask: connector.sign_in(ask, instance), MemoryJournal(),
        saved=result.answers, known=grant.known, silent=True,
    )  # fmt: skip
    faults: list[Fault] = []
    sign_in = at_code(type(connector).sign_in)
    ended = "granted" if isinstance(outcome, Granted) else outcome.refusal.code if isinstance(outcome, Refused) else "?"
    if ended != case.renewed:
        faults.append(Fault(f"The renewal in the background ends in {ended}, not in {case.renewed}."))
    if isinstance(outcome, Granted) and outcome.grant.user.id != grant.user.id:
        text = (
            "The renewal gives another user.id, so the account would not be recognized. Use an id that stays the same."
        )
        faults.append(Fault(text, sign_in))
    sent = {pane.name for pane in result.panes if isinstance(pane, Code) and pane.way != "app"}
    if isinstance(outcome, Refused) and outcome.refusal.details.get("reason") in sent:
        # It got as far as the code pane: by then the EHR had sent a code, and nobody was there.
        text = "The renewal makes the EHR send a code. Add reaches_user=True to the step that does this."
        faults.append(Fault(text, sign_in))
    return faults
