"""Runs the sandbox connector's sign-in with a list of answers, in pieces as the check does, against the real EHR."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.conformance.cases import Case, CaseBroken, CaseStep
from cobalt_link.conformance.recording import RecordingHttp
from cobalt_link.conformance.runs import RunResult, run_in_pieces
from cobalt_link.conformance.script import Script
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Outcome, replay

CODE = {"code": "123456"}


def password(username: str, password: str = "pass_good") -> dict[str, Any]:
    return {"username": username, "password": password}


async def run(address: str, *steps: dict[str, Any], timeout: float = 20.0) -> RunResult:
    """The result of these steps. A pane that nothing answers is the last one."""
    case = Case(name="", ends="", steps=tuple(msgspec.convert(step, CaseStep) for step in steps))
    watched, own, result = RecordingHttp(timeout=timeout), Http(allow_private=True), RunResult()
    try:
        await run_in_pieces(Sandbox, EhrInstance(address=address), Script(case, address, own, {}), watched, result)
    except CaseBroken as broken:
        if "no step left" not in str(broken):
            raise
    finally:
        await watched.close()
        await own.close()
    return result


def chart_of(result: RunResult, address: str) -> Chart:
    assert result.grant, (result.ends, result.labels)
    grant = result.grant
    return Chart(instance=EhrInstance(address=address), tenant=grant.tenant, session=grant.session, known=grant.known)


async def renewed(result: RunResult, connector: Sandbox, address: str) -> Outcome:
    """The sign-in in the background, later."""
    assert result.grant
    return await replay(
        lambda ask: connector.sign_in(ask, EhrInstance(address=address)), MemoryJournal(),
        saved=result.answers, known=result.grant.known, silent=True,
    )  # fmt: skip
